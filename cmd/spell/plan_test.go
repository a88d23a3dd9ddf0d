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

const shape = `{"model_type": "qwen2", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4,
 "num_key_value_heads": 2, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": true, "vocab_size": 1000}`

// TestPlan: the object has these keys and its numbers agree, of a config.json alone.
func TestPlan(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "config.json"), shape)
	args := []string{"plan", "--model", file, "--preset", "paper", "--workers", "1", "--prompt", "256", "--group", "4", "--answer", "32", "--groups", "3",
		"--set", "draw=6", "--set", "steps=5", "--eval", "16"}
	text := succeed(t, "", append(args, "--json")...)
	keys := func(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
	all := decode[map[string]any](t, text)
	first := func(name string) map[string]any { return all[name].([]any)[0].(map[string]any) }
	for got, want := range map[string]string{
		keys(all): "answer answers arenas batch_tokens cache_tokens checkpoint_bytes disk_bytes disk_free_bytes groups int8 kernels log_bytes " +
			"memory_available_bytes memory_bytes parameters pass_tokens peak_bytes phases precision prompt rates seconds settings step_seconds steps " +
			"tests_seconds total_bytes",
		keys(first("arenas")):                    "bytes exact for grows_with name type",
		keys(first("phases")):                    "attention_flops name product_flops seconds tokens",
		keys(all["peak_bytes"].(map[string]any)): "generate load update",
		keys(all["rates"].(map[string]any)): "attention_gflops attention_grad_gflops peak_gflops product_gflops product_grad_w_gflops product_grad_x_gflops " +
			"read_gb_per_s update_gb_per_s",
	} {
		if got != want {
			t.Errorf("keys %s\nwant %s", got, want)
		}
	}
	p := decode[planned](t, text)
	sum := 0
	for _, a := range p.Arenas {
		sum += a.Bytes
	}
	if p.Prompt != 256 || p.Answers != 4 || p.Answer != 32 || p.Groups != 3 || p.PassTokens != 256 || p.BatchTokens != 128 || sum != p.Total || p.Peaks["update"] != p.Total {
		t.Errorf("%+v", p)
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
	if p.Steps != 5 || math.Abs(p.StepSeconds-step) > 1e-9 || math.Abs(p.Seconds-5*step-p.TestSeconds) > 1e-9*p.Seconds || !(p.TestSeconds > 0) {
		t.Errorf("%d steps of %g seconds and tests of %g are %g", p.Steps, step, p.TestSeconds, p.Seconds)
	}
	if p.Disk != 3*p.Checkpoint+p.Logs || p.Logs <= 0 || p.Checkpoint <= int64(12*p.Parameters) {
		t.Errorf("%d bytes of disk for checkpoints of %d and logs of %d", p.Disk, p.Checkpoint, p.Logs)
	}
	of := func(p planned, owner string) (bytes int) {
		for _, a := range p.Arenas {
			if a.Owner == owner {
				bytes += a.Bytes
			}
		}
		return bytes
	}
	tested := func(p planned) int { return of(p, "testing") }
	if q := decode[planned](t, succeed(t, "", append(args, "--json", "--docs", "anywhere")...)); tested(p) == 0 || tested(q) != 0 || q.Total-of(q, "program") != p.Total-tested(p)-of(p, "program") {
		t.Errorf("tests take %d of %d bytes, and with documents %d of %d", tested(p), p.Total, tested(q), q.Total)
	}
	table := succeed(t, "", append(args, "--precision", "bf16")...)
	for _, line := range []string{"master weights", "moments", "gradients", "packed weights", "key-value cache", "block inputs", "their gradients", "optimizer", "all later steps", "it fits", "the run", "a step", "disk"} {
		if !strings.Contains(table, line) {
			t.Errorf("no %q in\n%s", line, table)
		}
	}

	if q := decode[planned](t, succeed(t, "", append(args, "--json", "--precision", "int8")...)); !q.Int8 || q.Precision != "f32" || q.Total <= p.Total {
		t.Errorf("int8: %+v", q)
	}
}

// TestPlanRefuses: a machine that is too small, and sizes that cannot be.
func TestPlanRefuses(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "shape.json"), shape)
	args := []string{"plan", "--model", file, "--preset", "paper", "--workers", "1", "--groups", "1", "--prompt", "2048", "--answer", "64"}
	out := spell(t, "", append(args, "--memory", "0.1875", "--json")...)
	out.fails(t, "the run needs", "192.0 MiB are available", "it would fit with ")
	var p planned
	if err := json.Unmarshal([]byte(out.out), &p); err != nil || !strings.Contains(out.stderr, p.Refusal) || p.Refusal == "" {
		t.Errorf("%v: %+v", err, p)
	}
	for _, none := range [][]string{nil, {"--eval", "0"}} { // the default's outputs are as long as the model's context
		spell(t, "", append([]string{"plan", "--model", file, "--preset", "paper"}, none...)...).fails(t, "context of 4096", "max_answer 4096")
	}
	spell(t, "", "plan", "--model", file, "--preset", "night").fails(t, "--preset is", "embedded, quick, laptop or paper")
	spell(t, "", "plan", "--model", file, "--hours", "-3").fails(t, "--hours is -3")
	spell(t, "", "plan", "--model", file, "--prompt", "0").fails(t, "--prompt is 0")
	spell(t, "", "plan", "--model", file, "--preset", "paper", "--batch", "100", "--answer", "200").fails(t, "batch_tokens is 100")
	spell(t, "", "plan", "--model", file, "--memory", "-1").fails(t, "--memory is -1")
	spell(t, "", "plan", "--model", filepath.Join(t.TempDir(), "none")).fails(t, "none")
	broken := write(t, filepath.Join(t.TempDir(), "broken.json"), "{")
	spell(t, "", "plan", "--model", broken).fails(t, broken)
}

// TestTooLittleMemory: what cannot fit is refused before anything is made, also where a run goes on.
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
	tune := func(more ...string) outcome {
		return spell(t, "", append([]string{"sft", "--data", answers, "--model", filepath.Join(dir, "model"), "--out", filepath.Join(dir, "tuned"),
			"--held-out", "0", "--epochs", "2", "--batch", "1", "--workers", "1", "--config", write(t, filepath.Join(dir, "sft.json"), `{"checkpoint": 1}`)}, more...)...)
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
