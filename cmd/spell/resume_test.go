package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/hf"
	"spell/rl/task"
	"spell/tensor"
)

// program builds the command and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spell.exe")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// chainModel writes a decoder that is a chain of words: its blocks add nothing, its embedding is
// the identity and its head is a table of the words that may follow each word. It plays the
// three roles well enough that questions are read, answered and judged, some rightly, and every
// role has something to learn.
func chainModel(t *testing.T, dir string) {
	t.Helper()
	words := []string{" alpha", " beta", " gamma", " delta"}
	tok := learned(t, strings.Repeat("ASK question : alpha ? answer : beta .\n alpha beta gamma delta REPLY\n"+
		"answer is gamma . delta JUDGE yes . no .\n alpha ? beta ? gamma . delta .\n", 20), 420)
	id := func(word string) int {
		ids := tok.EncodeSpecial(word)
		if len(ids) != 1 {
			t.Fatalf("%q is %d tokens", word, len(ids))
		}
		return int(ids[0])
	}
	next := map[string][]string{
		"ASK": {" question"}, " question": {" :"}, " :": words, " ?": {" answer"}, " answer": {" :"},
		" REPLY": {"answer"}, "answer": {" is"}, " is": words, " JUDGE": {" yes", " no"}, " yes": {" ."}, " no": {" ."},
		" .": {endToken},
	}
	for _, w := range words {
		next[w] = []string{" ?", " ."}
	}
	vocab := tok.VocabSize()
	hidden := (vocab + 7) / 8 * 8
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w, err := model.NewWeights(b, model.Config{
		Family: "llama", Vocab: vocab, Hidden: hidden, FF: 16, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 16,
		NormEps: 1e-6, Context: 640, Rope: model.Rope{Theta: 1e4, Type: "default"},
		BOS: -1, EOS: []int32{int32(id(endToken))},
	}, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	w.Initialize(b, 1, model.Init{Matrix: 1})
	embed, head := make([]float32, vocab*hidden), make([]float32, vocab*hidden)
	for i := range vocab {
		embed[i*hidden+i] = 1
	}
	for from, list := range next {
		for _, to := range list {
			head[id(to)*hidden+id(from)] = float32(12 / math.Sqrt(float64(hidden)))
		}
	}
	model.Set(b, w.Embed, embed)
	model.Set(b, w.Head, head)
	if err := hf.Save(b, w, dir, tensor.F32); err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
}

// chainPrompts writes the prompt set that goes with it.
func chainPrompts(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"format":    "words",
		"documents": "{{documents}}",
		"example":   "{{question}} {{answer}}",
		"choices":   "{{question}} {{a}} {{b}} {{c}} {{d}}",
		"verifier":  "{{question}} {{prediction}} {{reference}} JUDGE",
	} {
		write(t, filepath.Join(dir, name+".txt"), text+"\n")
	}
	for _, of := range task.All() {
		letter := ""
		if of.NeedsLetter() {
			letter = "{{letter}} "
		}
		first, later := of.QuestionerPrompts()
		write(t, filepath.Join(dir, first+".txt"), letter+"ASK\n")
		write(t, filepath.Join(dir, later+".txt"), "{{history}}"+letter+"ASK\n")
		write(t, filepath.Join(dir, of.ResponderPrompt()+".txt"), "{{question}} REPLY\n")
	}
}

// An interruption ends a running command once ready says so.
type interruption struct {
	signal os.Signal
	ready  func() bool
}

// execute runs the program to its end, or interrupts it, and returns what it printed.
func execute(t *testing.T, stop *interruption, program string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if stop != nil {
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			for !stop.ready() {
				select {
				case <-ended:
					return
				case <-time.After(time.Millisecond):
				}
			}
			c.Process.Signal(stop.signal)
		}()
	}
	err := c.Wait()
	return out.String(), err
}

func lines(path string) int {
	raw, _ := os.ReadFile(path)
	return bytes.Count(raw, []byte("\n"))
}

// sameFiles compares files of two folders byte for byte.
func sameFiles(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		x, err1 := os.ReadFile(filepath.Join(a, name))
		y, err2 := os.ReadFile(filepath.Join(b, name))
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		} else if !bytes.Equal(x, y) {
			t.Errorf("%s differs (%d and %d bytes)", name, len(x), len(y))
		}
	}
}

func checkpoint(n int) []string {
	var names []string
	for _, f := range []string{
		"model.safetensors", "training/optimizer.safetensors", "training/state.json", "config.json", "tokenizer.json",
	} {
		names = append(names, filepath.Join(fmt.Sprintf("step-%06d", n), f))
	}
	return names
}

// chainRun makes a folder and the command line of a run of six steps in it, on the chain model,
// which trains in most of them.
func chainRun(t *testing.T) (dir string, args func(out string, more ...string) []string) {
	t.Helper()
	dir = t.TempDir()
	chainModel(t, filepath.Join(dir, "model"))
	chainPrompts(t, filepath.Join(dir, "prompts"))
	for _, at := range []string{"north", "south", "east", "west"} {
		for _, word := range []string{"alpha", "beta", "gamma"} {
			text := fmt.Sprintf("The %s of the %s is told here and nowhere else.", word, at)
			write(t, filepath.Join(dir, "docs", at, word+".txt"), text)
		}
	}
	config := chainConfig(t, dir, "small.json", nil)
	args = func(out string, more ...string) []string {
		return append([]string{"train", "--model", filepath.Join(dir, "model"), "--docs", filepath.Join(dir, "docs"),
			"--config", config, "--steps", "6", "--eval", "0", "--seed", "5", "--out", out}, more...)
	}
	return dir, args
}

// chainConfig writes the configuration of such a run, with other values for some fields.
func chainConfig(t *testing.T, dir, name string, other map[string]any) string {
	t.Helper()
	c := decode[map[string]any](t, `{
		"tasks": ["general_qa"], "docs": 2, "doc_chars": 200, "max_docs": 6, "max_prompt": 300, "temperature": 1, "top_p": 1,
		"max_question": 24, "max_answer": 24, "max_vote": 4, "answers": 4, "votes": 4, "questions": 24, "draw": 48,
		"max_rounds": 2, "verifier_groups": 4, "verifier_any": true, "pass_tokens": 512, "cache_tokens": 32768,
		"checkpoint": 1, "keep": 9, "optim": {"lr": 1e-3, "embed_scale": 1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8,
		"weight_decay": 0.01, "clip_norm": 1}}`)
	c["prompts"] = filepath.Join(dir, "prompts")
	maps.Copy(c, other)
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(dir, name), string(raw))
}

// cutShort kills a run once it has written from lines of metrics, of to, and stops another by
// Ctrl-C: both go on with --resume, one with another number of workers, and leave the files of the
// run in straight, which was left alone.
func cutShort(t *testing.T, spell string, args func(out string, more ...string) []string,
	straight string, from, to int, all ...string) {

	t.Helper()
	dir := filepath.Dir(straight)
	for name, tt := range map[string]struct {
		signal os.Signal
		more   []string // of the resumed run
	}{"killed": {os.Kill, []string{"--workers", "1"}}, "interrupted": {os.Interrupt, nil}} {
		if tt.signal == os.Interrupt && runtime.GOOS == "windows" {
			continue // which cannot send it
		}
		cut := filepath.Join(dir, name)
		metrics := filepath.Join(cut, "metrics.jsonl")
		stop := &interruption{tt.signal, func() bool { return lines(metrics) >= from }}
		out, err := execute(t, stop, spell, args(cut)...)
		if n := lines(metrics); err == nil || n < from || n >= to {
			t.Fatalf("%s: the run ended with %v after %d lines\n%s", name, err, n, out)
		}
		if tt.signal == os.Interrupt && !strings.Contains(out, "--resume") {
			t.Errorf("an interrupted run does not say how to go on:\n%s", out)
		}
		if out, err := execute(t, nil, spell, args(cut)...); err == nil || !strings.Contains(out, "--resume") {
			t.Errorf("%s: a second run into the same folder gives %v\n%s", name, err, out)
		}
		if out, err := execute(t, nil, spell, args(cut, append(tt.more, "--resume")...)...); err != nil {
			t.Fatalf("%s: resuming: %v\n%s", name, err, out)
		}
		sameFiles(t, straight, cut, all...)
	}
}

// TestTrainKilled: a run killed in its fourth step, and one stopped by Ctrl-C, go on with
// --resume to the bytes of a run that was left alone.
func TestTrainKilled(t *testing.T) {
	spell := program(t)
	dir, args := chainRun(t)
	straight := filepath.Join(dir, "straight")
	out, err := execute(t, nil, spell, args(straight)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(out, "|Δlogp| 0  "); n < 4 {
		t.Errorf("only %d of 6 steps trained:\n%s", n, out)
	}
	all := append([]string{"transcript.jsonl", "metrics.jsonl"}, checkpoint(6)...)
	cutShort(t, spell, args, straight, 3, 6, all...)
	trained := filepath.Join(straight, "step-000006")
	out, err = execute(t, nil, spell, "generate", "--model", trained, "--prompt", "ASK", "--max-tokens", "12")
	if err != nil || !strings.Contains(out, "question :") {
		t.Errorf("the trained model says %q, %v", out, err)
	}
}

// TestTrainVaried: the room for keys and values, the size of batches and the number of workers,
// each drawn anew, and votes that stop early change no byte of weights and optimizer, in runs that
// are killed somewhere and resumed.
func TestTrainVaried(t *testing.T) {
	spell := program(t)
	dir, args := chainRun(t)
	run := func(name string, kill bool, config map[string]any) string {
		out := filepath.Join(dir, name)
		a := args(out, "--config", chainConfig(t, dir, name+".json", config), "--workers", fmt.Sprint(1+rand.IntN(3)))
		if kill {
			metrics, steps := filepath.Join(out, "metrics.jsonl"), 1+rand.IntN(4)
			stop := &interruption{os.Kill, func() bool { return lines(metrics) >= steps }}
			if said, err := execute(t, stop, spell, a...); err == nil {
				t.Fatalf("a run ended before it was killed\n%s", said)
			}
			a = append(a, "--resume")
		}
		if said, err := execute(t, nil, spell, a...); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return out
	}
	for verifiers, early := range map[int][]bool{4: {false, false}, 0: {true, true}} {
		straight := run(fmt.Sprint("straight-", verifiers), false, map[string]any{"verifier_groups": verifiers})
		for i, early := range early {
			c := map[string]any{
				"verifier_groups": verifiers, "early_votes": early,
				"batch_tokens": 64 + rand.IntN(400), "cache_tokens": 1500 + rand.IntN(9000),
			}
			varied := run(fmt.Sprint("varied-", verifiers, "-", i), true, c)
			t.Logf("%v", c)
			sameFiles(t, straight, varied, checkpoint(6)[:2]...)
			if !early {
				sameFiles(t, straight, varied, "transcript.jsonl", "metrics.jsonl")
			}
		}
	}
}

// pretrainRecipe returns the settings of six steps of pretraining that pack so many tokens into a
// pass and learn from so many in a step.
func pretrainRecipe(passTokens, tokens int) string {
	return fmt.Sprintf(`{
		"vocab": 300, "hidden": 64, "ff": 96, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 16, "context": 256,
		"pass_tokens": %d, "checkpoint": 1, "stages": [{"name": "text", "data": "text", "steps": 6, "lr": 1e-3,
		"flat": 1, "final": 1, "embed": 1, "decay": 0.1, "tokens": %d}]}`, passTokens, tokens)
}

// TestPretrainKilled is the same for pretraining.
func TestPretrainKilled(t *testing.T) {
	spell, dir := program(t), t.TempDir()
	for i := range 6 {
		sentences := fmt.Sprintf("File %d has a sentence, and number %d follows it. ", i, i*i)
		write(t, filepath.Join(dir, "docs", fmt.Sprint("file", i, ".txt")), strings.Repeat(sentences, 20+i))
	}
	config := write(t, filepath.Join(dir, "recipe.json"), pretrainRecipe(2048, 3000))
	args := func(out string, more ...string) []string {
		return append([]string{"pretrain", "--docs", filepath.Join(dir, "docs"), "--config", config, "--steps", "6",
			"--out", out}, more...)
	}
	straight, cut := filepath.Join(dir, "straight"), filepath.Join(dir, "cut")
	if out, err := execute(t, nil, spell, args(straight)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stop := &interruption{os.Kill, func() bool {
		_, err := os.Stat(filepath.Join(cut, "step-000003"))
		return err == nil
	}}
	out, err := execute(t, stop, spell, args(cut)...)
	if _, late := os.Stat(filepath.Join(cut, "step-000006")); err == nil || late == nil {
		t.Fatalf("the run ended with %v\n%s", err, out)
	}
	if out, err := execute(t, nil, spell, args(cut, "--resume")...); err != nil {
		t.Fatalf("resuming: %v\n%s", err, out)
	}
	sameFiles(t, straight, cut, checkpoint(6)...)
}

// TestSFTKilled is the same for fine-tuning, killed or stopped by Ctrl-C.
func TestSFTKilled(t *testing.T) {
	spell, dir := program(t), t.TempDir()
	chainModel(t, filepath.Join(dir, "model"))
	var data strings.Builder
	for i, answer := range []string{" alpha alpha", " beta beta", " gamma", " delta"} {
		for _, prompt := range []string{"alpha ?", "beta ?", "gamma ?"} {
			fmt.Fprintf(&data, "{\"prompt\": %q, \"answer\": %q}\n", fmt.Sprint(prompt, i), answer)
		}
	}
	file := write(t, filepath.Join(dir, "data.jsonl"), data.String())
	config := write(t, filepath.Join(dir, "small.json"),
		`{"measure": 2, "checkpoint": 1, "pass_tokens": 64, "optim": {"weight_decay": 0.01}}`)
	args := func(out string, more ...string) []string {
		return append([]string{"sft", "--model", filepath.Join(dir, "model"), "--data", file, "--config", config,
			"--held-out", "0.2", "--epochs", "4", "--batch", "3", "--lr", "1e-3", "--seed", "5", "--out", out}, more...)
	}
	straight := filepath.Join(dir, "straight")
	out, err := execute(t, nil, spell, args(straight)...)
	if err != nil || !strings.Contains(out, "held-out loss, before") {
		t.Fatalf("%v\n%s", err, out)
	}
	all := append([]string{"metrics.jsonl"}, checkpoint(16)...)
	cutShort(t, spell, args, straight, 4, 25, all...)
}

// TestNoSteps: a run of no steps ends, and names no model.
func TestNoSteps(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	if said := succeed(t, "", "train", "--steps", "0", "--eval", "0", "--out", out); strings.Contains(said, "model:") {
		t.Errorf("no step was made:\n%s", said)
	}
}
