package pretrain

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/tensor/rng"
	"spell/tokenizer"
)

// planned returns the bytes that a run of a recipe takes.
func planned(t *testing.T, r *Config, b kernels.Backend) int {
	t.Helper()
	p, err := r.Plan(b, r.Model(r.Vocab, 0), model.F32, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p.Total()
}

// TestFit: a recipe that does not fit is refused with the largest pass that would.
func TestFit(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := World()
	need := func(tokens int) int {
		c := r
		c.PassTokens = tokens
		return planned(t, &c, b)
	}
	tok, _ := tokens(t)
	r.Vocab = tok.VocabSize()
	all := need(r.PassTokens)
	for _, enough := range []int{0, all} {
		if err := r.Fit(b, model.F32, tok, 0, int64(enough), false); err != nil {
			t.Errorf("%d bytes: %v", enough, err)
		}
	}
	available := all - 16<<20
	err = r.Fit(b, model.F32, tok, 0, int64(available), false)
	if err == nil {
		t.Fatalf("%d of %d bytes are enough", available, all)
	}
	n := 0
	_, rest, _ := strings.Cut(err.Error(), "it would fit with pass_tokens ")
	fmt.Sscan(rest, &n)
	if n < 64 || n >= r.PassTokens || need(n) > available-available/64 || need(n+1) <= available-available/64 {
		t.Errorf("%v, of %d", err, available)
	}
	if err := r.Fit(b, model.F32, tok, 0, 1<<20, false); err == nil || !strings.Contains(err.Error(), "smaller model") {
		t.Errorf("%v", err)
	}
	// Passes that would fit but do not hold what the world makes are not advised.
	least, err := r.least(tok)
	if err != nil || need(leastPass) >= need(least) {
		t.Fatalf("%d tokens take %d bytes, %d %d; %v", leastPass, need(leastPass), least, need(least), err)
	}
	advised := 0
	for available := need(least) / 2; available < all; available += all / 16 {
		err := r.Fit(b, model.F32, tok, 0, int64(available), false)
		if err == nil {
			t.Fatalf("%d of %d bytes are enough", available, all)
		}
		for _, m := range regexp.MustCompile(`pass_tokens (\d+)`).FindAllStringSubmatch(err.Error(), -1) {
			if n, _ := strconv.Atoi(m[1]); n < least {
				t.Errorf("%d tokens are the least: %v", least, err)
			}
			advised++
		}
	}
	if advised == 0 {
		t.Error("no pass_tokens were advised")
	}
	if r.PassTokens = least - 1; r.Fit(b, model.F32, tok, 0, 0, false) == nil {
		t.Errorf("%d tokens are enough", r.PassTokens)
	}
}

// TestFitGates: a run that ends on the world has memory for its gates, which are no part of others.
func TestFitGates(t *testing.T) {
	b := opentest.CPU(t, 1)
	r := tiny()
	r.Stages[1], r.Stages[2] = r.Stages[2], r.Stages[1]
	run := start(t, r, b, model.F32)
	r.Vocab = run.tok.VocabSize()
	e, err := rollout.New(b, run.Model.Weights, r.testing(run.eos))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Free()
	want := 0
	for _, part := range e.Memory() {
		want += part.Bytes
	}
	gated := planned(t, &r, b)
	r.Stages[1], r.Stages[2] = r.Stages[2], r.Stages[1]
	plain := planned(t, &r, b)
	if more := gated - plain; more > want || more < want-want/20 { // real arenas are rounded up
		t.Errorf("%d bytes with gates and %d without, want %d more", gated, plain, want)
	}
}

// TestLeast: no example of the world needs larger passes than the bound, which is not far above; the
// drill is exact, and what is less, or wants words that there are not, is refused before anything is
// trained.
func TestLeast(t *testing.T) {
	tok, eos := tokens(t)
	b := opentest.CPU(t, 1)
	r := World()
	r.PassTokens = 1 << 20
	prompts, err := role.Load("compact")
	if err != nil {
		t.Fatal(err)
	}
	least, err := r.least(tok)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i := range r.Stages {
		s := &r.Stages[i]
		if s.Data != "world" {
			continue
		}
		mix, err := world.NewTraining(prompts, *s.Mixture)
		if err != nil {
			t.Fatal(err)
		}
		for k := range uint64(400) {
			f, _ := example(rng.At(9, rng.Gaps, k, 0, 0), tok, mix.Example(9, k), eos, s)
			most = max(most, f.SharedTokens())
			if _, err := forest.NewLayout(f, forest.Limits{Shared: least, Batch: least}); err != nil {
				t.Fatalf("stage %q: %v", s.Name, err)
			}
		}
	}
	if least > 3*most {
		t.Errorf("passes have to hold %d tokens, for examples of %d", least, most)
	}
	few, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 258, Special: []string{End},
		Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		tok    *tokenizer.Tokenizer
		change func(*Config)
		say    []string
	}{
		{tok, func(r *Config) { r.PassTokens = 100 }, []string{`"world"`, "pass_tokens is 100", "raise pass_tokens"}},
		{tok, func(r *Config) { r.PassTokens, r.Stages[0].Pairs, r.Stages[0].Queries = 1799, 100, 800 }, []string{`"drill"`, "pass_tokens is 1799", "1800 tokens"}},
		{tok, func(r *Config) { r.Stages[0].Pairs = 900 }, []string{`"drill": pairs is 900`, "; lower pairs"}},
		{few, func(r *Config) { s := &r.Stages[0]; s.Data, s.Text, s.Words = "copy", 16, 30 },
			[]string{`"drill": with a vocab of 258, 0 words`, "; raise vocab"}},
		{few, func(*Config) {}, []string{`"drill": pairs is 4`, "vocab of 258; raise vocab or lower"}},
	} {
		r := tiny()
		tt.change(&r)
		_, started := New(r, fresh(t, r, b, model.F32, tt.tok), named(texts))
		for _, err := range []error{started, r.Fit(b, model.F32, tt.tok, 0, 0, false)} {
			for _, say := range tt.say {
				if err == nil || !strings.Contains(err.Error(), say) {
					t.Errorf("error %v, want %q in it", err, say)
				}
			}
		}
	}
	r = tiny()
	r.PassTokens, r.Stages = 1800, r.Stages[:1]
	r.Stages[0].Pairs, r.Stages[0].Queries, r.Stages[0].Slack = 100, 800, 0
	step(t, start(t, r, b, model.F32), 1)
}
