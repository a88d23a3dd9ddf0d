package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlagErrors: what is wrong with a command line is said by the flag's name and the user's
// value, in no words of the libraries that parse it.
func TestFlagErrors(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"train --seed -1", []string{"--seed", `"-1"`, "a whole number of at least 0"}},
		{"train --seed 1e3", []string{"--seed", `"1e3"`, "a whole number"}},
		{"train --seed 99999999999999999999", []string{"--seed", "at most 19 digits"}},
		{"train --hours 4h", []string{"--hours", `"4h"`, "a plain number"}},
		{"train --hours", []string{"--hours has no value", "a plain number"}},
		{"sft --held-out 5%", []string{"--held-out", `"5%"`, "as 0.05"}},
		{"doctor --workers 1.5", []string{"--workers", `"1.5"`, "a whole number", "see spell help doctor"}},
		{"train --resume=yes", []string{"--resume", `"yes"`, "no value"}},
		{"generate --max-tokens abc", []string{"--max-tokens", `"abc"`, "a whole number"}},
		{"generate -prompt a", []string{"in -prompt; did you mean --prompt?"}},
		{"generate -m a", []string{"in -m; see spell help generate"}},
		{"generate --prompt", []string{"--prompt has no value"}},
		{"generate --prompt a", []string{"--model is missing", "see spell help generate"}},
		{"generate --model= --prompt a", []string{"--model is missing"}},
		{"score --text a", []string{"--model is missing"}},
		{"tokenize --model . --decode --text a", []string{"--decode and --text exclude each other"}},
		{"tokenize --model a --decode --spans", []string{"--decode and --spans exclude each other"}},
		{"generate --model a --chat --ids 1", []string{"--chat and --ids exclude each other"}},
		{"prompts", []string{"one prompt set", "compact", "see spell help prompts"}},
		{"prompts a b", []string{"one prompt set", "given 2"}},
		{"train --docs a.txt b.txt", []string{"spell train takes no arguments", `"b.txt"`, "quote", "--docs"}},
		{"ask --docs a", []string{"one question, in quotes", "see spell help ask"}},
		{"ask --docs a --model= --task letter b", []string{`--task "letter"`}},
		{"generate --model a --prompt The ferry", []string{"spell generate takes no arguments", `"ferry"`, "quote"}},
		{"version now", []string{"spell version takes no arguments", `"now"`}},
	} {
		o := spell(t, "", strings.Fields(c.line)...)
		o.fails(t, c.want...)
		for _, foreign := range []string{
			"strconv", "invalid argument", "flags in the group", "required flag(s)", "arg(s)",
		} {
			if strings.Contains(o.stderr, foreign) {
				t.Errorf("%s: %q", c.line, o.stderr)
			}
		}
	}
}

// TestModelFolder: every command that takes a model says what a --model must be that is none.
func TestModelFolder(t *testing.T) {
	f := newFixture(t)
	config := filepath.Join(f.dir, "config.json")
	for _, c := range []string{"generate --prompt a", "ask --docs . a", "score --text a", "tokenize --text a", "train",
		"plan", "sft --data " + f.ids, "export --to gguf --out x"} {
		name := strings.Fields(c)[0]
		for model, want := range map[string]string{
			"Qwen/Qwen2.5-0.5B": "nothing is downloaded",
			f.weights:           "such as " + f.dir,
			f.weights + "/x":    "is not a folder",
			config:              "such as " + f.dir,
		} {
			if name == "plan" && model == config {
				continue // which is enough for it
			}
			spell(t, "", append(strings.Fields(c), "--model", model)...).fails(t, "--model "+model, want)
		}
	}
}

// TestHub: a name of Hugging Face's hub comes with how to get the model, or where a cache has it, and a
// path that the shell left as it was with how to write it.
func TestHub(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	t.Setenv("HF_HUB_CACHE", "")
	model := filepath.Join(home, "hub", "models--Qwen--Qwen3-0.6B")
	dir := filepath.Join(model, "snapshots", "0123")
	for _, d := range []string{dir, filepath.Join(model, "refs")} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(model, "refs", "main"), "0123")
	write(t, filepath.Join(dir, "config.json"), "{}")
	here, err := os.MkdirTemp(".", "here")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(here)
	for model, want := range map[string]string{
		"Qwen/Qwen2.5-0.5B":                        "hf download Qwen/Qwen2.5-0.5B --local-dir DIR",
		"https://huggingface.co/Qwen/Qwen2.5-0.5B": "hf download Qwen/Qwen2.5-0.5B --local-dir DIR",
		"Qwen/Qwen3-0.6B":                          "a cache holds it: name its folder, --model " + dir,
		"hf.co/Qwen/Qwen3-0.6B/":                   "a cache holds it: name its folder, --model " + dir,
		"~/models/qwen":                            "write the whole path",
		"qwen2.5:0.5b":                             "nothing is downloaded: name a folder",
		"/no/such/folder":                          "nothing is downloaded: name a folder",
		"../a/b":                                   "nothing is downloaded: name a folder",
		filepath.Base(here) + "/b":                 "nothing is downloaded: name a folder",
	} {
		spell(t, "", "score", "--text", "a", "--model", model).fails(t, "--model "+model+" is not there", want)
	}
}
