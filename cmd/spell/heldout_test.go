package main

import (
	"path/filepath"
	"testing"
)

// TestHeldOutRefused: a test that the model's context does not hold is refused with what to do,
// before the weights are read if that can be told without a tokenizer, and before training if not.
func TestHeldOutRefused(t *testing.T) {
	dir, _ := chainRun(t)
	train := func(answer int, more ...string) outcome {
		t.Helper()
		config := chainConfig(t, dir, "answers.json", map[string]any{"max_answer": answer})
		args := []string{"train", "--model", filepath.Join(dir, "model"), "--config", config,
			"--steps", "1", "--workers", "1", "--out", filepath.Join(t.TempDir(), "out")}
		return spell(t, "", append(args, more...)...)
	}
	train(24).fails(t, "held-out test over 10 documents", "context of 640", "--eval 0")
	if o := train(24, "--eval", "0"); o.code != 0 {
		t.Error(o.stderr)
	}
	write(t, filepath.Join(dir, "model", "model.safetensors"), "not read")
	train(120).fails(t, "held-out test", "context of 640", "max_answer 120", "--eval 0")
	train(120, "--eval", "0").fails(t, "model.safetensors")
}
