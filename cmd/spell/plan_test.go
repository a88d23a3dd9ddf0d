package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const shape = `{"model_type": "qwen2", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 160,
 "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096,
 "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": true, "vocab_size": 1000}`

// keys returns the names in an object, in order.
func keys(o map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(o)), " ") }

// TestPlanKeys: the object has these keys.
func TestPlanKeys(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "config.json"), shape)
	all := decode[map[string]any](t, succeed(t, "", "plan", "--model", file, "--preset", "paper", "--workers", "1",
		"--prompt", "256", "--group", "4", "--answer", "32", "--groups", "3", "--eval", "16", "--json"))
	first := func(name string) map[string]any { return all[name].([]any)[0].(map[string]any) }
	for got, want := range map[string]string{
		keys(all): "answer answers arenas batch_tokens cache_tokens checkpoint_bytes disk_bytes disk_free_bytes " +
			"groups int8 kernels log_bytes memory_available_bytes memory_bytes parameters pass_tokens peak_bytes " +
			"phases precision prompt rates seconds settings step_seconds steps tests_seconds total_bytes",
		keys(first("arenas")):                    "bytes exact for grows_with in_turns name type",
		keys(first("phases")):                    "attention_flops name product_flops seconds tokens",
		keys(all["peak_bytes"].(map[string]any)): "generate load update",
		keys(all["rates"].(map[string]any)): "attention_gflops attention_grad_gflops peak_gflops product_gflops " +
			"product_grad_w_gflops product_grad_x_gflops read_gb_per_s update_gb_per_s",
	} {
		if got != want {
			t.Errorf("keys %s\nwant %s", got, want)
		}
	}
}

// TestPlan: the numbers of a plan agree, of a config.json alone.
func TestPlan(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "config.json"), shape)
	args := []string{"plan", "--model", file, "--preset", "paper", "--workers", "1", "--prompt", "256", "--group", "4",
		"--answer", "32", "--groups", "3", "--set", "draw=6", "--set", "steps=5", "--eval", "16"}
	plan := func(more ...string) planned {
		return decode[planned](t, succeed(t, "", append(append(args, "--json"), more...)...))
	}
	p := plan()
	sum, turns := 0, map[string]int{}
	for _, a := range p.Arenas {
		if a.Turns {
			turns[a.Owner] += a.Bytes
		} else {
			sum += a.Bytes
		}
	}
	if len(turns) != 2 || turns["generating"] == 0 || turns["updating"] == 0 {
		t.Errorf("memory used in turns: %v", turns)
	}
	sum += max(turns["generating"], turns["updating"])
	sizes := [...]int{p.Prompt, p.Answers, p.Answer, p.Groups, p.PassTokens, p.BatchTokens}
	if want := [...]int{256, 4, 32, 3, 256, 128}; sizes != want {
		t.Errorf("sizes %d, want %d", sizes, want)
	}
	if sum != p.Total || p.Peaks["update"] != p.Total {
		t.Errorf("the arenas take %d bytes, the plan %d, an update %d", sum, p.Total, p.Peaks["update"])
	}
	step := 0.0
	var names []string
	for _, s := range p.Phases {
		if !(s.Seconds > 0) {
			t.Errorf("%+v", s)
		}
		names, step = append(names, s.Name), step+s.Seconds
	}
	if got := strings.Join(names, ", "); got != "ask, try without documents, answer, vote, gradients, optimizer" {
		t.Errorf("a step is %s", got)
	}
	rest := p.Seconds - 5*step - p.TestSeconds
	if p.Steps != 5 || math.Abs(p.StepSeconds-step) > 1e-9 || math.Abs(rest) > 1e-9*p.Seconds || !(p.TestSeconds > 0) {
		t.Errorf("%d steps of %g seconds and tests of %g are %g", p.Steps, step, p.TestSeconds, p.Seconds)
	}
	if p.Disk != 3*p.Checkpoint+p.Logs || p.Logs <= 0 || p.Checkpoint <= int64(12*p.Parameters) {
		t.Errorf("%d bytes of disk for checkpoints of %d and logs of %d", p.Disk, p.Checkpoint, p.Logs)
	}
	checkTested(t, p, plan("--docs", "anywhere"))
	table := succeed(t, "", append(args, "--precision", "bf16")...)
	for _, line := range []string{
		"master weights", "moments", "gradients", "packed weights", "key-value cache", "block inputs", "their gradients",
		"optimizer", "all later steps", "it fits", "the run", "a step", "disk",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no %q in\n%s", line, table)
		}
	}

	if q := plan("--precision", "int8"); !q.Int8 || q.Precision != "f32" || q.Total <= p.Total {
		t.Errorf("int8: %+v", q)
	}
}

// checkTested compares the plan of a run that tests a world with that of one on documents, which
// has no tests and is else the same.
func checkTested(t *testing.T, world, docs planned) {
	t.Helper()
	of := func(p planned, owner string) (bytes int) {
		for _, a := range p.Arenas {
			if a.Owner == owner {
				bytes += a.Bytes
			}
		}
		return bytes
	}
	tested, rest := of(world, "testing"), world.Total-of(world, "testing")-of(world, "program")
	if tested == 0 || of(docs, "testing") != 0 || docs.Total-of(docs, "program") != rest {
		t.Errorf("tests take %d of %d bytes, and with documents %d of %d",
			tested, world.Total, of(docs, "testing"), docs.Total)
	}
}

// TestPlanRefuses: a machine that is too small, and sizes that cannot be.
func TestPlanRefuses(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "shape.json"), shape)
	args := []string{"plan", "--model", file, "--preset", "paper", "--workers", "1",
		"--groups", "1", "--prompt", "2048", "--answer", "64"}
	out := spell(t, "", append(args, "--memory", "0.1875", "--json")...)
	out.fails(t, "the run needs", "192.0 MiB are available", "it would fit with ")
	var p planned
	err := json.Unmarshal([]byte(out.out), &p)
	if err != nil || !strings.Contains(out.stderr, p.Refusal) || p.Refusal == "" {
		t.Errorf("%v: %+v", err, p)
	}
	plan := func(flags ...string) outcome {
		return spell(t, "", append([]string{"plan", "--model", file}, flags...)...)
	}
	for _, none := range [][]string{nil, {"--eval", "0"}} { // the default's outputs are as long as the model's context
		plan(append([]string{"--preset", "paper"}, none...)...).fails(t, "context of 4096", "max_answer 4096")
	}
	plan("--preset", "night").fails(t, "--preset is", "embedded, documents, quick, laptop or paper")
	plan("--hours", "-3").fails(t, "--hours is -3")
	plan("--prompt", "0").fails(t, "--prompt is 0")
	plan("--preset", "paper", "--batch", "100", "--answer", "200").fails(t, "batch_tokens is 100")
	plan("--memory", "-1").fails(t, "--memory is -1")
	spell(t, "", "plan", "--model", filepath.Join(t.TempDir(), "none")).fails(t, "none")
	broken := write(t, filepath.Join(t.TempDir(), "broken.json"), "{")
	spell(t, "", "plan", "--model", broken).fails(t, broken)
}

// llama8B and qwen1B are the shapes of Llama-3.1-8B and Qwen2.5-1.5B.
const (
	llama8B = `{"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
 "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
 "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": false, "vocab_size": 128256}`
	qwen1B = `{"model_type": "qwen2", "hidden_act": "silu", "hidden_size": 1536, "intermediate_size": 8960,
 "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 32768,
 "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": true, "vocab_size": 151936}`
)

// TestPlanCard: plans for a GPU that is elsewhere, of its memory apart from the host's.
func TestPlanCard(t *testing.T) {
	dir := t.TempDir()
	llama := write(t, filepath.Join(dir, "llama.json"), llama8B)
	qwen := write(t, filepath.Join(dir, "qwen.json"), qwen1B)
	plan := func(file, card string, flags ...string) outcome {
		return spell(t, "", append([]string{"plan", "--model", file, "--card", card, "--docs", "none",
			"--preset", "paper", "--prompt", "2048", "--group", "8", "--answer", "128"}, flags...)...)
	}
	lora := []string{"--lora", "16", "--base", "int8", "--precision", "bf16"}
	o := plan(llama, "rtx4090", append(lora, "--json")...)
	p := decode[planned](t, o.out)
	if o.code != 0 || p.Device < 9<<30 || p.Device > 15<<30 || p.OnDevice != 24564<<20 || p.Available != 0 {
		t.Errorf("LoRA of 8B in 24 GB: %d bytes of %d on the device, %s", p.Device, p.OnDevice, o.stderr)
	}
	host := 0
	for _, a := range p.Arenas {
		if !a.There {
			host += a.Bytes
		}
	}
	if int64(host) != int64(p.Total)-p.Device || host > 1<<30 || !strings.Contains(p.Kernels, "RTX 4090") {
		t.Errorf("%s: %d bytes on the host, %d on the device, %d in all", p.Kernels, host, p.Device, p.Total)
	}
	if p.Rates.Product != 82600 || p.Rates.Attend != 165200 || !(p.Seconds > 0) {
		t.Errorf("rates %+v, %g seconds", p.Rates, p.Seconds)
	}
	if o := plan(qwen, "A100-40"); o.code != 0 || !strings.Contains(o.out, "on the GPU") ||
		!strings.Contains(o.out, "of the data sheet") || !strings.Contains(o.out, " of the host's\n") {
		t.Errorf("all of 1.5B in 40 GB: %s\n%s", o.stderr, o.out)
	}
	plan(qwen, "rtx3090").fails(t, "the run needs", "on the GPU and 24.0 GiB are available there", "it would fit with")
	plan(llama, "rtx3090", lora[:2]...).fails(t, "the run needs", "lora.base")
	plan(qwen, "a100-40", "--memory", "0.01").fails(t, "of the host's memory and 10.2 MiB are available")
	plan(qwen, "a200").fails(t, `--card "a200" is unknown`, "a100-40", "h200", "rtx4090")
	plan(qwen, "h100", "--backend", "cpu").fails(t, "--card h100 is a GPU and --backend says cpu")
	t.Setenv("CUDA_VISIBLE_DEVICES", "")
	t.Setenv("SPELL_CUDA_DRIVER", filepath.Join(dir, "none"))
	spell(t, "", "plan", "--model", qwen, "--backend", "cuda").fails(t, "--backend cuda: ",
		"with --card and one of a100-40")
}

// TestTooLittleMemory: what cannot fit is refused before anything is made, also where a run goes
// on.
func TestTooLittleMemory(t *testing.T) {
	dir, args := chainRun(t)
	out := filepath.Join(dir, "out")
	pretend := func(bytes int64) func() {
		machine = func() (int64, int64) { return bytes, bytes }
		return func() { machine = memory }
	}
	defer pretend(64 << 20)()
	small := func(more ...string) outcome {
		return spell(t, "", args(out, append([]string{"--workers", "1"}, more...)...)...)
	}
	small("--steps", "1").fails(t, "the run needs", "64.0 MiB are available")
	spell(t, "", "pretrain", "--out", out, "--workers", "1").fails(t, "the run needs", "64.0 MiB are available")
	answers := write(t, filepath.Join(dir, "answers.jsonl"), `{"prompt": "alpha ?", "answer": " beta"}`)
	config := write(t, filepath.Join(dir, "sft.json"), `{"checkpoint": 1}`)
	tune := func(more ...string) outcome {
		args := []string{"sft", "--data", answers, "--model", filepath.Join(dir, "model"),
			"--out", filepath.Join(dir, "tuned"), "--held-out", "0", "--epochs", "2", "--batch", "1", "--workers", "1",
			"--config", config}
		return spell(t, "", append(args, more...)...)
	}
	tune().fails(t, "the run needs", "64.0 MiB are available")
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was made: %v", out, err)
	}
	pretend(0) // unknown
	if o := small("--steps", "1"); o.code != 0 {
		t.Fatal(o.stderr)
	}
	pretend(64 << 20)
	small("--steps", "2", "--resume").fails(t, "the run needs", "64.0 MiB are available")
	pretend(300 << 20)
	tune().fails(t, "the run needs", "it would fit with pass_tokens ")
	pretend(0)
	if o := tune(); o.code != 0 {
		t.Fatal(o.stderr)
	}
	pretend(64 << 20)
	tune("--resume").fails(t, "the run needs", "64.0 MiB are available")
}
