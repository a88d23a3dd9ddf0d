package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/model/train/traintest"
	"spell/rl/journal"
	"spell/rl/sft"
)

// TestSFT: the embedded base learns a line by heart, says so, and gives the answer when asked.
func TestSFT(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "data.jsonl"),
		`{"prompt": "where is the mill ?", "answer": " in the red town ."}`+"\n"+
			`{"prompt": "who runs it ?", "answer": " no one ."}`+"\n")
	run := filepath.Join(dir, "run")
	tuned := filepath.Join(run, "step-000040")
	out := succeed(t, "", "sft", "--data", data, "--out", run, "--epochs", "40", "--lr", "2e-3", "--held-out", "0")
	for _, s := range []string{"2 lines, 2 prompts; 2 lines to learn", "40/40  epoch 40  loss", "model: " + tuned} {
		if !strings.Contains(out, s) {
			t.Errorf("%q lacks %q", out, s)
		}
	}
	metrics := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(run, "metrics.jsonl")))), "\n")
	type update struct{ Loss float64 }
	first, last := decode[update](t, metrics[0]).Loss, decode[update](t, metrics[len(metrics)-1]).Loss
	if len(metrics) != 40 || !(first > 3) || !(last < 0.5) {
		t.Errorf("%d updates, the loss goes from %g to %g", len(metrics), first, last)
	}
	got := succeed(t, "", "generate", "--model", tuned, "--prompt", "where is the mill ?",
		"--temperature", "0", "--max-tokens", "12")
	if got != " in the red town .\n" {
		t.Errorf("the model says %q", got)
	}
}

// TestPrintConfig: flags lie over the file, and the file over the preset; what is printed is a file
// that --config reads to the same settings.
func TestPrintConfig(t *testing.T) {
	for _, c := range []struct{ command, file, flags, want string }{
		{"sft", `{"batch": 3, "long": "skip"}`, "--lr 0.5 --batch 7", `lr: 0.5; batch: 7; long: skip; epochs: 3`},
		{"sft", "batch: 3 # YAML\noptim: {lr: 0.25}\n", "--set batch=4", `lr: 0.25; batch: 4; epochs: 3`},
		{"pretrain", `{"layers": 5, "seed": 4, "init": {"residual": 0.25}}`, "--seed 9", "layers: 5; seed: 9; residual: 0.25; embedding: 0.1"},
		{"train", `{"answers": 4, "seed": 4}`, "--steps 3", "answers: 4; seed: 4; steps: 3; int8: false"},
		{"train", `{"answers": 4}`, "--precision int8", "answers: 4; int8: true"},
	} {
		file := write(t, filepath.Join(t.TempDir(), "c.json"), c.file)
		out := succeed(t, "", append(strings.Fields(c.command+" --print-config "+c.flags), "--config", file)...)
		values := map[string]string{}
		for line := range strings.Lines(out) {
			line, _, _ = strings.Cut(line, " # ")
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && values[name] == "" {
				values[name] = strings.TrimSpace(value)
			}
		}
		for want := range strings.SplitSeq(c.want, "; ") {
			if name, value, _ := strings.Cut(want, ": "); values[name] != value {
				t.Errorf("%s: %s is %s, want %s", c.command, name, values[name], value)
			}
		}
		printed := write(t, filepath.Join(t.TempDir(), "c.yaml"), out)
		if again := succeed(t, "", c.command, "--print-config", "--config", printed); again != out {
			t.Errorf("%s: read again, the settings are\n%s\nwant\n%s", c.command, again, out)
		}
	}
}

func TestSFTErrors(t *testing.T) {
	f, dir := newFixture(t), t.TempDir()
	file := func(name string, lines ...string) string {
		return write(t, filepath.Join(dir, name+".jsonl"), strings.Join(lines, "\n"))
	}
	const line = `{"prompt": "who", "answer": "she"}`
	good, one := file("good", line, `{"prompt": "what", "answer": "it"}`), file("one", line)
	bad := file("bad", line, `{"prompt": "who" "answer": "she"}`)
	long := file("long", `{"prompt": "who", "answer": "`+strings.Repeat("she and ", 3000)+`"}`)
	turns := file("turns",
		`{"messages": [{"role": "user", "content": "who"}, {"role": "assistant", "content": "she"}]}`)
	config := write(t, filepath.Join(dir, "c.json"), `{"epoch": 1}`)
	out, full := filepath.Join(dir, "run"), filepath.Join(dir, "full")
	succeed(t, "", "sft", "--data", good, "--out", full, "--held-out", "0", "--epochs", "1", "--quiet")
	broken := filepath.Join(dir, "broken", "step-000001")
	write(t, filepath.Join(broken, "config.json"), "{}")
	for _, c := range []struct {
		want []string
		args []string
	}{
		{[]string{"--data is missing"}, nil},
		{[]string{"none.jsonl"}, []string{"--data", filepath.Join(dir, "none.jsonl")}},
		{[]string{bad + ", line 2", "not JSON"}, []string{"--data", bad}},
		{[]string{long + ", line 1", "room for 4096", `"skip"`}, []string{"--data", long, "--held-out", "0"}},
		{[]string{turns + ", line 1", "chat template"}, []string{"--data", turns}},
		{[]string{"eos_token_id"}, []string{"--data", good, "--model", f.dir}},
		{[]string{full, "holds a run already", "--resume"}, []string{"--data", good, "--out", full}},
		{[]string{full, "holds a run of spell sft"}, []string{"pretrain", "--out", full, "--resume"}},
		{[]string{"not the file the run began with"}, []string{"--data", one, "--out", full, "--resume"}},
		{[]string{broken, "is not a checkpoint", "choose another --out"}, []string{"--data", good, "--out", filepath.Dir(broken)}},
		{[]string{config, "epoch"}, []string{"--data", good, "--config", config}},
		{[]string{"epochs is 0"}, []string{"--data", good, "--epochs", "0"}},
		{[]string{"held_out is 2"}, []string{"--data", good, "--held-out", "2"}},
		{[]string{"int8"}, []string{"--data", good, "--precision", "int8"}},
	} {
		if len(c.args) == 0 || c.args[0] != "pretrain" {
			c.args = append([]string{"sft", "--out", out}, c.args...)
		}
		spell(t, "", c.args...).fails(t, c.want...)
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%q made %s", c.args, out)
		}
	}
}

// TestSFTWorse: a run that made the model worse on lines it did not learn has an exit code of its
// own, also if it is asked once more.
func TestSFTWorse(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "data.jsonl"),
		`{"prompt": "who runs the mill ?", "answer": " the baker ."}`+"\n"+
			`{"prompt": "which ?", "answer": " 7 7 7 7"}`+"\n")
	args := []string{"sft", "--data", data, "--out", filepath.Join(dir, "run"), "--held-out", "0.5", "--epochs", "4",
		"--lr", "0.1", "--quiet"}
	for _, more := range [][]string{nil, {"--resume"}} {
		o := spell(t, "", append(args, more...)...)
		o.ends(t, exitWorse, "the run has ended", "the held-out loss rose", "lower the learning rate")
		if !strings.Contains(o.out, "model: "+filepath.Join(dir, "run", "step-000004")) {
			t.Errorf("%q", o.out)
		}
	}
}

// TestSFTLastMeasurement: a run that was stopped in its last measurement has it in its checkpoint
// once it was resumed.
func TestSFTLastMeasurement(t *testing.T) {
	dir := t.TempDir()
	var data strings.Builder
	for i := range 4 {
		fmt.Fprintf(&data, "{\"prompt\": \"number %d ?\", \"answer\": \" it is %d .\"}\n", i, i)
	}
	file, out := write(t, filepath.Join(dir, "data.jsonl"), data.String()), filepath.Join(dir, "run")
	args := []string{"sft", "--data", file, "--out", out, "--held-out", "0.3", "--epochs", "2", "--quiet"}
	succeed(t, "", args...)
	path := filepath.Join(out, "step-000002", "training/state.json")
	whole, metrics := read(t, path), read(t, filepath.Join(out, "metrics.jsonl"))
	// As Ctrl-C leaves it: the last measurement is neither in the state nor counted among the
	// metrics.
	before := t.TempDir()
	last := bytes.LastIndexByte(metrics[:len(metrics)-1], '\n') + 1
	write(t, filepath.Join(before, "metrics.jsonl"), string(metrics[:last]))
	marks, err := journal.At(before, "metrics.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	err = traintest.EditState(filepath.Join(out, "step-000002"), func(text string) string {
		state := decode[map[string]any](t, text)
		run := state["run"].(map[string]any)
		measured := run["state"].(map[string]any)
		measured["measured"] = measured["measured"].([]any)[:1]
		run["log"] = marks
		stopped, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		return string(stopped)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		said := succeed(t, "", append(args, "--resume")...)
		if !strings.Contains(said, "held-out loss, before → after") {
			t.Errorf("%s", said)
		}
		if !bytes.Equal(read(t, path), whole) || !bytes.Equal(read(t, filepath.Join(out, "metrics.jsonl")), metrics) {
			t.Errorf("the checkpoint has %s\nwant %s", read(t, path), whole)
		}
	}
}

// TestSFTLayouts: each layout is named in the help, and is read.
func TestSFTLayouts(t *testing.T) {
	help := succeed(t, "", "help", "sft")
	const list = `[{"from": "human", "value": "who"}, {"from": "gpt", "value": "she"}]`
	for _, fields := range strings.Split("prompt, answer; prompt, completion; prompt, response; question, answer; "+
		"input, output; instruction, output; messages; conversations", "; ") {
		if !strings.Contains(help, "  "+fields+" ") && !strings.Contains(help, "  "+fields+"\n") {
			t.Errorf("%s is not named in\n%s", fields, help)
		}
		object := map[string]json.RawMessage{"system": json.RawMessage(`"be brief"`)}
		names := strings.Split(fields, ", ")
		for _, name := range names {
			object[name] = json.RawMessage(`"who"`)
			if len(names) == 1 {
				object[name] = json.RawMessage(list)
			}
		}
		raw, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, filepath.Join(t.TempDir(), "data.jsonl"), string(raw))
		if f, err := sft.Read(t.Context(), file); err != nil || len(f.Lines) != 1 {
			t.Errorf("%s: %v", fields, err)
		}
	}
}

// TestSizesOfAResumedRun: flags that do nothing for a run that goes on say so.
func TestSizesOfAResumedRun(t *testing.T) {
	const note = "--preset and --hours choose sizes when a run begins"
	for line, said := range map[string]bool{
		"train --resume --hours 4":      true,
		"train --resume --preset quick": true,
		"train --resume":                false,
	} {
		o := spell(t, "", append(strings.Fields(line), "--out", filepath.Join(t.TempDir(), "none"))...)
		if o.code != exitError || strings.Contains(o.stderr, note) != said {
			t.Errorf("%s: %+v", line, o)
		}
	}
	if help := succeed(t, "", "help", "train"); !strings.Contains(help, "whatever --preset and --hours say") {
		t.Error(help)
	}
}
