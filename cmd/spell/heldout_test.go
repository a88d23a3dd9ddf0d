package main

import (
	"context"
	"path/filepath"
	"testing"

	"spell/kernels/tally"
	"spell/model"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/eval"
	"spell/rl/role"
)

// TestHeldOutFits: the engine of a test holds the questions over a cluster with the longest answers that are configured,
// also where a token is little more than a byte.
func TestHeldOutFits(t *testing.T) {
	text, err := openText(newFixture(t).dir, vocab)
	if err != nil {
		t.Fatal(err)
	}
	c := rl.Small()
	c.Prompts, c.MaxAnswer = "full", 8192
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		t.Fatal(err)
	}
	flags := trainFlags{questions: 8}
	m := model.Config{Family: "llama", Vocab: vocab, Hidden: 16, FF: 16, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 16,
		NormEps: 1e-6, Context: 1 << 14, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	options, err := flags.testing(c, m.Context)
	if err != nil {
		t.Fatal(err)
	}
	b := tally.New(tally.Rates{}) // without memory
	w, err := model.NewWeights(b, m, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	e, err := rollout.New(b, w, *options)
	if err != nil {
		t.Fatal(err)
	}
	items, err := heldOut(flags.questions, longDocs)
	if err != nil || len(items) != 1 || len(items[0].Questions) != 8 {
		t.Fatalf("%d clusters, %v", len(items), err)
	}
	if _, err := eval.Questions(context.Background(), eval.Policy{Engine: e, Chat: text, Prompts: prompts}, items, c.MaxAnswer); err != nil {
		t.Error(err)
	}
	flags.docs = "folder"
	if o, err := flags.testing(c, m.Context); o != nil || err != nil {
		t.Errorf("with documents of one's own %v, %v", o, err)
	}
}

// TestHeldOutRefused: a test that the model's context does not hold is refused with what to do, before the weights are
// read where that can be told without a tokenizer, and before training where not.
func TestHeldOutRefused(t *testing.T) {
	dir, _ := chainRun(t)
	train := func(answer int, more ...string) outcome {
		t.Helper()
		config := chainConfig(t, dir, "answers.json", map[string]any{"max_answer": answer})
		return spell(t, "", append([]string{"train", "--model", filepath.Join(dir, "model"), "--config", config, "--steps", "1", "--workers", "1",
			"--out", filepath.Join(t.TempDir(), "out")}, more...)...)
	}
	train(24).fails(t, "held-out test over 32 documents", "context of 512", "--eval 0")
	if o := train(24, "--eval", "0"); o.code != 0 {
		t.Error(o.stderr)
	}
	write(t, filepath.Join(dir, "model", "model.safetensors"), "not read")
	train(120).fails(t, "held-out test", "context of 512", "max_answer 120", "--eval 0")
	train(120, "--eval", "0").fails(t, "model.safetensors")
}
