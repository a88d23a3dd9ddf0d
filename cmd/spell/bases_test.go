package main

import (
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"spell/model/nano"
	"spell/rl/runner"
	"spell/rl/settings"
	selfplay "spell/rl/spell"
	"spell/tensor/fixture"
)

// baseAt writes an embedded base as a model's folder.
func baseAt(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := nano.Extract(name, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// harbours writes three clusters of three documents.
func harbours(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, of := range []string{"north", "south", "east"} {
		for k, name := range []string{"Berg", "Lind", "Holm"} {
			n := strconv.Itoa(1 + 3*i + k)
			write(t, filepath.Join(dir, of, name+".txt"), "The ferry "+name+" leaves the harbour of "+of+" at "+n+
				" on Mondays. Its captain is Anna "+name+", and the crew has "+n+n+" members.\n\nName: "+name+
				"\nCaptain: Anna "+name+"\nYear: 19"+n+n+"\n")
		}
	}
	return dir
}

// TestBaseCommands: what a command does with the name of an embedded base it does with its folder, and a name
// that is none is refused with those that there are.
func TestBaseCommands(t *testing.T) {
	docs := harbours(t)
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[5, 9, 3, 12, 40, 7]")
	out := func(name string) string { return filepath.Join(t.TempDir(), name) }
	for _, name := range nano.Names() {
		dir := baseAt(t, name)
		for _, line := range []string{
			"score --json --ids " + ids,
			"generate --json --ids 5,9,3 --max-tokens 4",
			"tokenize --text ferry",
			"ask --json --docs " + docs + " --prompts compact --max-input 900 --max-tokens 8 Who?",
			"plan --json --card rtx4090 --memory 8 --preset embedded",
		} {
			args := strings.Fields(line)
			named := succeed(t, "", append(args, "--model", "embedded:"+name)...)
			at := succeed(t, "", append(args, "--model", dir)...)
			if named != at && args[0] != "plan" { // which tells of the disk, too
				t.Errorf("%s with embedded:%s says\n%s\nand with its folder\n%s", line, name, named, at)
			}
			spell(t, "", append(args, "--model", "embedded:"+name+"s")...).fails(t,
				"--model embedded:"+name+"s is no embedded base; name embedded:world or embedded:text")
		}
		exported := out("exported")
		succeed(t, "", "export", "--quiet", "--to", "hf", "--out", exported, "--model", "embedded:"+name)
		sameFiles(t, exported, dir, "model.safetensors")
		spell(t, "", "export", "--to", "hf", "--out", out("none"), "--model", "embedded:").fails(t,
			"--model embedded: is no embedded base")
	}
	bench := "eval --json --bench ruler-needle --length 300 --limit 1 --n 1 --max-tokens 4 --prompts compact"
	succeed(t, "", append(strings.Fields(bench), "--quiet", "--model", "embedded:text", "--out", out("eval"))...)
	corpus := []string{"corpus", "--in", docs, "--out", out("corpus"), "--quiet", "--model"}
	succeed(t, "", append(corpus, "embedded:text")...)
	spell(t, "", append(corpus, "embedded:books")...).fails(t, "--model embedded:books is no embedded base")
	for _, line := range []string{"sft --data testdata/golden/answers.jsonl", "train", "train --docs " + docs} {
		spell(t, "", append(strings.Fields(line), "--out", out("run"), "--model", "embedded:books")...).fails(t,
			"--model embedded:books is no embedded base")
	}
}

// TestBaseDefaults: which embedded base a command begins with if no model is named, and with which settings.
func TestBaseDefaults(t *testing.T) {
	docs := harbours(t)
	text := baseAt(t, nano.Text)
	small, reader := selfplay.Small(), selfplay.Reader()
	for line, want := range map[string]*selfplay.Config{
		"":                                           &small,
		"--model embedded:world":                     &small,
		"--model embedded:text":                      &reader,
		"--docs " + docs:                             &reader,
		"--docs " + docs + " --model " + text:        &reader,
		"--docs " + docs + " --preset embedded":      &small,
		"--preset documents":                         &reader,
		"--preset documents --model " + text:         &reader,
		"--docs " + docs + " --model embedded:world": &small,
	} {
		printed := succeed(t, "", strings.Fields("train --print-config "+line)...)
		got := selfplay.Default()
		if err := settings.Read("settings.yaml", []byte(printed), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("train %s begins with\n%s", line, printed)
		}
	}
	for line, name := range map[string]string{"": nano.World, "--docs " + docs: nano.Text,
		"--docs " + docs + " --model embedded:world": nano.World} {
		shape, err := runner.ShapeOf(nano.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		plan := "plan --json --card rtx4090 --memory 8 --eval 0 " + line
		if p := decode[planned](t, spell(t, "", strings.Fields(plan)...).out); p.Parameters != shape.Params() {
			t.Errorf("%s is of %d parameters, not the %d of %s", plan, p.Parameters, shape.Params(), name)
		}
	}
	ask := []string{"ask", "--json", "--docs", docs, "--max-tokens", "8", "--max-input", "900", "Who?"}
	if got, want := succeed(t, "", ask...), succeed(t, "", append(ask, "--model", "embedded:text", "--prompts",
		"reading")...); got != want {
		t.Errorf("ask without a model says\n%s\nnot\n%s", got, want)
	}
}

// TestKind: presets know what was trained from the base for documents by its tokens.
func TestKind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text.gguf")
	succeed(t, "", "export", "--quiet", "--to", "gguf", "--out", file, "--model", "embedded:text")
	text := baseAt(t, nano.Text)
	for path, want := range map[string]selfplay.Kind{
		"":                                 selfplay.WorldBase,
		"embedded:world":                   selfplay.WorldBase,
		"embedded:text":                    selfplay.TextBase,
		text:                               selfplay.TextBase,
		file:                               selfplay.TextBase,
		filepath.Join(text, "config.json"): selfplay.OwnModel, // which has no tokens
		baseAt(t, nano.World):              selfplay.OwnModel,
		fixture.Path(t, "tiny/qwen2"):      selfplay.OwnModel,
		"not/there":                        selfplay.OwnModel,
	} {
		if got, err := kindOf(path); got != want || err != nil {
			t.Errorf("%q is of kind %d, %v; want %d", path, got, err, want)
		}
	}
}

// TestBaseResume: a run on an embedded base goes on with it, whether or not there is a checkpoint and whether
// or not it is named again, and with no other.
func TestBaseResume(t *testing.T) {
	docs := harbours(t)
	world := nanoModel(t)
	const sizes = "--eval 0 --set questions=2 --set draw=4 --set answers=2 --set votes=2 --set max_rounds=1"
	for _, more := range []string{"", "--lora 4", "--set kl=0.1"} {
		t.Run(more, func(t *testing.T) {
			args := strings.Fields("train --quiet --docs " + docs + " " + sizes + " " + more)
			whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
			runs(t, append(args, "--out", whole, "--steps", "2", "--model", "embedded:text")...)
			args = append(args, "--out", parts)
			runs(t, append(args, "--steps", "0")...) // without a checkpoint
			args = append(args, "--resume", "--steps")
			for i, model := range []string{"", "embedded:text"} {
				for _, other := range []string{"embedded:world", world} {
					spell(t, "", append(args, "1", "--model", other)...).fails(t,
						"the run began with the embedded base text", "not with --model "+other)
				}
				spell(t, "", append(args, "1", "--model", "embedded:books")...).fails(t, "embedded:books")
				step := append(args, strconv.Itoa(i+1))
				if model != "" {
					step = append(step, "--model", model)
				}
				runs(t, step...)
			}
			want, got := learnedFiles(t, whole), learnedFiles(t, parts)
			for name, text := range want {
				if !strings.HasPrefix(name, "step-000001") && got[name] != text {
					t.Errorf("%s differs from that of a run that never stopped", name)
				}
			}
			if len(want) < 3 {
				t.Errorf("the run left %v", names(want))
			}
		})
	}
}

// TestBaseAdapters: adapters of an embedded base name it, and are found with it wherever they are.
func TestBaseAdapters(t *testing.T) {
	_, at := adapterRun(t, "embedded:text")
	config := filepath.Join(at, "adapter_config.json")
	was := string(read(t, config))
	const named = `"base_model_name_or_path": "embedded:text"`
	if !strings.Contains(was, named) {
		t.Fatalf("%s", was)
	}
	if card := string(read(t, filepath.Join(at, "README.md"))); !strings.Contains(card, "embedded text base") ||
		!strings.Contains(card, "spell generate --model") {
		t.Errorf("the card says\n%s", card)
	}
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[5, 9, 3, 12, 40, 7]")
	score := []string{"score", "--json", "--quiet", "--ids", ids, "--model"}
	with := succeed(t, "", append(score, "embedded:text", "--adapter", at)...)
	if alone := succeed(t, "", append(score, at)...); alone != with {
		t.Errorf("the folder of adapters scores %s, with the base %s", alone, with)
	}
	if without := succeed(t, "", append(score, "embedded:text")...); without == with {
		t.Error("adapters change nothing")
	}
	merged := filepath.Join(t.TempDir(), "merged")
	succeed(t, "", "export", "--quiet", "--to", "hf", "--out", merged, "--model", at)
	if got, err := kindOf(merged); got != selfplay.TextBase || err != nil {
		t.Errorf("the base with adapters folded in is of kind %d, %v", got, err)
	}
	for base, want := range map[string]string{
		`"embedded:books"`: "embedded:books is no embedded base; name embedded:world or embedded:text",
		`"embedded:world"`: "adapters that name embedded:world and do not fit it",
		"null":             "adapters that name no model",
	} {
		write(t, config, strings.Replace(was, `"embedded:text"`, base, 1))
		spell(t, "", append(score, at)...).fails(t, "--model "+at, want)
	}
}
