package spell

import (
	"context"
	"slices"
	"testing"

	"spell/kernels/tally"
	"spell/model"
	"spell/model/rollout"
	"spell/rl/eval"
	"spell/rl/role"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// TestHeldOutFits: the engine of a test holds the questions over a cluster with the longest answers that
// are configured, also if a token is little more than a byte.
func TestHeldOutFits(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{"The ferry to Norrhaven leaves at nine."}),
		tokenizer.TrainOptions{VocabSize: 270, Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	c := Small()
	c.Prompts, c.MaxAnswer, c.HeldOut = "full", 8192, 8
	prompts, err := role.Load(c.Prompts)
	if err != nil {
		t.Fatal(err)
	}
	m := model.Config{Family: "llama", Vocab: 270, Hidden: 16, FF: 16, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 16,
		NormEps: 1e-6, Context: 1 << 14, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	options, err := c.testing(m.Context)
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
	items, err := heldOut(c.HeldOut, longDocs)
	if err != nil || len(items) != 1 || len(items[0].Questions) != 8 {
		t.Fatalf("%d clusters, %v", len(items), err)
	}
	p := eval.Policy{Engine: e, Chat: &chat.Dialog{Tok: tok}, Prompts: prompts}
	if _, err := eval.Questions(context.Background(), p, items, c.MaxAnswer); err != nil {
		t.Error(err)
	}
	c.HeldOut = 0
	if o, err := c.testing(m.Context); o != nil || err != nil {
		t.Errorf("without questions %v, %v", o, err)
	}
}
