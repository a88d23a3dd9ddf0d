package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spell/model/nano"
)

// nanoModel writes the embedded base as a model's folder.
func nanoModel(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "base")
	if err := nano.Extract(nano.World, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// learnedFiles are what a run has learned and seen, by name.
func learnedFiles(t *testing.T, out string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range []string{"step-*/*.safetensors", "step-*/training/*.safetensors",
		"step-*/adapter_config.json", "transcript.jsonl", "metrics.jsonl"} {
		paths, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name, _ := filepath.Rel(out, path)
			files[name] = string(read(t, path))
		}
	}
	return files
}

// TestAdapterRuns: self-play and fine-tuning that train adapters, over a base of any type, and self-play
// that is kept near to where it began, end with the same bytes whether or not they stopped on the way;
// tokens are trained at the log-probability that they were sampled with.
func TestAdapterRuns(t *testing.T) {
	const (
		train = "train --steps 2 --eval 0 --config testdata/golden/train.json --set checkpoint=1 --set keep=1"
		sft   = "sft --data testdata/golden/answers.jsonl --epochs 1 --batch 3 --held-out 0.25 --set decay=none " +
			"--set checkpoint=1 --set keep=1 --set warmup=0"
	)
	if testing.Short() {
		t.Skip("makes twenty short runs")
	}
	base := nanoModel(t)
	for _, c := range []struct {
		command string
		adapter bool
	}{
		{train + " --lora 4 --base int8 --set kl=0.1", true},
		{train + " --lora 4 --precision bf16 --set moments=int8 --preset embedded --model " + base, true},
		{train + " --set kl=0.1 --preset embedded --model " + base, false},
		{sft + " --lora 4 --set lora.rslora=true --set lora.targets=[q_proj,down_proj]", true},
		{sft + " --lora 4 --base int8 --model " + base, true},
		{sft + " --lora 4 --base bf16", true},
		{sft + " --lora 4 --base int8 --precision bf16", true},
	} {
		t.Run(c.command, func(t *testing.T) {
			args := append(strings.Fields(c.command), "--quiet")
			whole, halves := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "halves")
			runs(t, append(args, "--out", whole)...)
			want := learnedFiles(t, whole)
			runs(t, append(args, "--out", halves, "--steps", "1")...)
			steps := "0"
			if strings.HasPrefix(c.command, "train") {
				steps = "2"
			}
			runs(t, append(args, "--out", halves, "--resume", "--steps", steps)...)
			got := learnedFiles(t, halves)
			if len(got) != len(want) || len(want) < 3 {
				t.Fatalf("%d files, and %d of a run that never stopped", len(got), len(want))
			}
			for name, text := range want {
				if got[name] != text && !(name == "metrics.jsonl" && strings.HasPrefix(c.command, "sft")) {
					t.Errorf("%s differs from that of a run that never stopped", name)
				}
			}
			if has := slices.ContainsFunc(names(want), func(s string) bool {
				return strings.HasSuffix(s, "adapter_model.safetensors")
			}); has != c.adapter {
				t.Errorf("the run saved %v", names(want))
			}
			metrics := want["metrics.jsonl"]
			if strings.HasPrefix(c.command, "train") && (!strings.Contains(metrics, `"max_logp_diff":0`) ||
				strings.Contains(metrics, `"mean_logp_diff"`)) {
				t.Errorf("tokens were sampled by another policy: %s", metrics)
			}
			if strings.Contains(c.command, "kl=") != strings.Contains(metrics, `"kl":`) {
				t.Errorf("metrics of the divergence: %s", metrics)
			}
		})
	}
}

func names(files map[string]string) (list []string) {
	for name := range files {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// runs runs a command line that ends well, be it with a loss that rose.
func runs(t *testing.T, args ...string) string {
	t.Helper()
	o := spell(t, "", args...)
	if o.code != 0 && o.code != 3 {
		t.Fatalf("spell %s: exit code %d, %q", strings.Join(args, " "), o.code, o.stderr)
	}
	return o.out
}

// adapterRun runs a short fine-tuning of adapters and returns its folder and that of its checkpoint.
func adapterRun(t *testing.T, base string, more ...string) (out, checkpoint string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "run")
	runs(t, append([]string{"sft", "--data", "testdata/golden/answers.jsonl", "--steps", "2", "--held-out", "0",
		"--lr", "1e-2", "--model", base, "--out", out, "--quiet", "--lora", "4"}, more...)...)
	return out, filepath.Join(out, "step-000002")
}

// TestAdapterBase: a run of adapters finds the model that it began with, goes on with it wherever it is
// now, and with no other.
func TestAdapterBase(t *testing.T) {
	base := nanoModel(t)
	out, _ := adapterRun(t, base)
	resume := []string{"sft", "--data", "testdata/golden/answers.jsonl", "--steps", "3", "--held-out", "0",
		"--lr", "1e-2", "--lora", "4", "--out", out, "--resume"}
	moved := base + "-moved"
	if err := os.Rename(base, moved); err != nil {
		t.Fatal(err)
	}
	spell(t, "", resume...).fails(t, "needs the model that it began with, which cannot be read", "--model")
	other := nanoModel(t)
	weights := filepath.Join(other, "model.safetensors")
	raw := read(t, weights)
	raw[len(raw)-1] ^= 1
	write(t, weights, string(raw))
	spell(t, "", append(resume, "--model", other)...).fails(t, "the run began with the model "+base)
	spell(t, "", append(resume, "--model", moved, "--lora", "8")...).fails(t, "began with lora.rank 4 and now it is 8")
	if said := runs(t, append(resume, "--model", moved)...); !strings.Contains(said, "step-000003") {
		t.Errorf("with the model in another place: %s", said)
	}
	if err := os.Rename(moved, base); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(base, "model.safetensors"), string(raw))
	spell(t, "", resume...).fails(t, "is no longer the one that the run began with")
}

// TestAdapterUse: adapters are used beside their model or by their own folder, which names it, and a run
// can begin with them.
func TestAdapterUse(t *testing.T) {
	base := nanoModel(t)
	_, at := adapterRun(t, base)
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[5, 9, 3, 12, 40, 7]")
	score := func(more ...string) string {
		return succeed(t, "", append([]string{"score", "--ids", ids, "--json", "--quiet"}, more...)...)
	}
	with, without := score("--model", base, "--adapter", at), score("--model", base)
	if with == without {
		t.Error("adapters change nothing")
	}
	if own := score("--model", at); own != with {
		t.Errorf("the folder of adapters scores %s, with the model %s", own, with)
	}
	merged := func(args ...string) string {
		out := filepath.Join(t.TempDir(), "merged")
		runs(t, append([]string{"export", "--to", "hf", "--out", out, "--quiet"}, args...)...)
		return string(read(t, filepath.Join(out, "model.safetensors")))
	}
	if merged("--model", at) != merged("--model", base, "--adapter", at) {
		t.Error("the folder of adapters is exported otherwise than with the model")
	}
	for _, precision := range []string{"f32", "bf16", "int8"} {
		generate := func(args ...string) string {
			return succeed(t, "", append([]string{"generate", "--ids", "5,9,3", "--max-tokens", "6", "--json",
				"--quiet", "--precision", precision}, args...)...)
		}
		if a, b := generate("--model", base, "--adapter", at), generate("--model", at); a != b {
			t.Errorf("%s: generated %s with the model and %s without", precision, a, b)
		}
	}
	further := filepath.Join(t.TempDir(), "further")
	runs(t, "sft", "--data", "testdata/golden/answers.jsonl", "--steps", "1", "--held-out", "0", "--lr", "1e-30",
		"--model", base, "--adapter", at, "--out", further, "--quiet")
	again := []string{"sft", "--data", "testdata/golden/answers.jsonl", "--steps", "2", "--held-out", "0",
		"--lr", "1e-30", "--out", further, "--quiet", "--resume"}
	spell(t, "", append(again, "--adapter", base)...).fails(t, "the run began with the adapters in "+at)
	runs(t, append(again, "--adapter", at)...)
	const file = "adapter_model.safetensors"
	if !bytes.Equal(read(t, filepath.Join(at, file)), read(t, filepath.Join(further, "step-000002", file))) {
		t.Error("a run that begins with adapters and learns nothing ends with others")
	}
}

// TestAdapterNames: adapters find the model that they name from here and from their folder; of
// those that name none it is the embedded base, if they fit it. The error names what is missing.
func TestAdapterNames(t *testing.T) {
	base := nanoModel(t)
	_, at := adapterRun(t, base)
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[5, 9, 3, 12, 40, 7]")
	score := []string{"score", "--ids", ids, "--json", "--quiet", "--model", at}
	want := succeed(t, "", score...)
	config, weights := filepath.Join(at, "adapter_config.json"), filepath.Join(at, "adapter_model.safetensors")
	was := string(read(t, config))
	rename := func(to string) {
		write(t, config, strings.Replace(was, `"`+base+`"`, to, 1))
	}
	beside, err := filepath.Rel(at, base)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{strconv.Quote(beside), "null", `""`} {
		rename(name)
		if got := succeed(t, "", score...); got != want {
			t.Errorf("adapters of %s score %s, not %s", name, got, want)
		}
	}
	write(t, config, strings.Replace(string(read(t, config)), `"r": 4`, `"r": 5`, 1))
	spell(t, "", score...).fails(t, at, "adapters that name no model", "do not fit the embedded base", "--adapter")
	rename(`"some/model"`)
	for _, command := range [][]string{score, {"export", "--to", "hf", "--out", weights + ".out", "--model", at},
		{"generate", "--ids", "1", "--model", at}} {
		spell(t, "", command...).fails(t, at, "adapters of the model some/model", "--adapter")
	}
}

// TestAdapterRefusals: what cannot be meant is refused in a sentence that names it.
func TestAdapterRefusals(t *testing.T) {
	base := nanoModel(t)
	_, at := adapterRun(t, base)
	out := filepath.Join(t.TempDir(), "out")
	for command, want := range map[string]string{
		"train --lora 4 --adapter " + at:                            "--adapter and --lora exclude each other",
		"train --base int8":                                         "lora.base is int8 and lora.rank 0",
		"train --lora 4 --precision int8":                           "set lora.base to int8 (--base int8)",
		"train --lora 4 --base f32 --precision bf16":                "lora.base f32 goes with activations in f32",
		"train --lora 9999":                                         "lora.rank is 9999",
		"train --lora 4 --set lora.targets=[lm_head]":               "lora.targets.0",
		"train --lora 4 --set lora.targets=[]":                      "lora.targets is empty",
		"train --adapter " + base:                                   "adapter_config.json",
		"train --preset embedded --model " + at:                     "config.json",
		"pretrain --set lora.rank=4":                                "lora",
		"score --ids x --model " + base + " --adapter " + base:      "adapter_config.json",
		"generate --ids 1 --model " + base + " --adapter not-there": "adapter_config.json",
	} {
		args := strings.Fields(command)
		if !strings.HasPrefix(command, "score") && !strings.HasPrefix(command, "generate") {
			args = append(args, "--out", out)
		} else if i := slices.Index(args, "x"); i > 0 {
			args[i] = write(t, filepath.Join(t.TempDir(), "ids.json"), "[1, 2]")
		}
		spell(t, "", args...).fails(t, want)
	}
	if _, err := os.Stat(out); err == nil {
		t.Errorf("%s was made", out)
	}
}

// TestAdapterPlan: a plan counts what adapters take, and a frozen base takes nothing for training.
func TestAdapterPlan(t *testing.T) {
	type plan struct {
		Total      int `json:"total_bytes"`
		Checkpoint int `json:"checkpoint_bytes"`
		Arenas     []struct {
			Name  string
			Type  string
			Bytes int
		}
	}
	of := func(args ...string) (plan, map[string]int) {
		t.Helper()
		p := decode[plan](t, succeed(t, "", append([]string{"plan", "--json", "--quiet"}, args...)...))
		bytes := map[string]int{}
		for _, a := range p.Arenas {
			bytes[a.Name] += a.Bytes
		}
		return p, bytes
	}
	full, _ := of()
	p, bytes := of("--lora", "8", "--base", "int8")
	if p.Total >= full.Total || p.Checkpoint >= full.Checkpoint || bytes["adapters"] == 0 ||
		bytes["first moments"] != bytes["adapters"] || bytes["gradients"] != bytes["adapters"] ||
		bytes["master weights"] != 0 || bytes["weights"] > full.Total/4 {
		t.Errorf("%+v", p)
	}
	kl, bytes := of("--set", "kl=0.1")
	if bytes["weights it began with"] == 0 || kl.Total <= full.Total {
		t.Errorf("a copy of the weights is not counted: %+v", kl)
	}
	if p, bytes := of("--lora", "8", "--set", "kl=0.1"); bytes["weights it began with"] != 0 {
		t.Errorf("adapters take a copy of the weights: %+v", p)
	}
}
