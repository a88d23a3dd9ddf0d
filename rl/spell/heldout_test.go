package spell

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

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
	options, err := c.testing(t.Context(), m.Context, false)
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
	items, err := eval.HeldOut(t.Context(), c.HeldOut, longDocs)
	if err != nil || len(items) != 1 || len(items[0].Questions) != 8 {
		t.Fatalf("%d clusters, %v", len(items), err)
	}
	p := eval.Policy{Engine: e, Chat: &chat.Dialog{Tok: tok}, Prompts: prompts}
	if _, err := eval.World(longDocs, items).Ask(context.Background(), p, c.MaxAnswer); err != nil {
		t.Error(err)
	}
	c.HeldOut = 0
	if o, err := c.testing(t.Context(), m.Context, false); o != nil || err != nil {
		t.Errorf("without questions %v, %v", o, err)
	}
}

// TestHeldOutHeeds: an interrupt is heard while a large test is made, sized and planned, by whatever
// does that.
func TestHeldOutHeeds(t *testing.T) {
	c := Small()
	c.HeldOut = 1 << 24 // hours
	m, b := &Method{Config: c}, tally.New(tally.Rates{})
	shape := testShape(300)
	for name, do := range map[string]func(context.Context) error{
		"made": func(ctx context.Context) error {
			_, err := eval.HeldOut(ctx, c.HeldOut, eval.WorldDocs[0])
			return err
		},
		"sized": func(ctx context.Context) error {
			_, err := c.testing(ctx, 1<<14, false)
			return err
		},
		"read": func(ctx context.Context) error { return m.Read(ctx, "", nil) },
		"planned": func(ctx context.Context) error {
			m := &Method{Config: c}
			_, err := m.Plan(ctx, b, shape, model.F32)
			return err
		},
		"sized for": func(ctx context.Context) error {
			m := &Method{Config: c}
			_, err := m.Size(ctx, Sizing{Backend: b, Model: shape, Hours: 1, Lay: func(l *Config) error {
				l.HeldOut = c.HeldOut
				return nil
			}}, c)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
			t.Errorf("%s: error %v after %v", name, err, time.Since(began))
		}
		cancel()
	}
	few, err := eval.HeldOut(t.Context(), 4, eval.WorldDocs[0])
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := eval.World(longDocs, few).Ask(ended, eval.Policy{}, 4); !errors.Is(err, context.Canceled) {
		t.Errorf("asking ends with %v", err)
	}
}
