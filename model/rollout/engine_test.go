package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/model"
	"spell/model/forest"
	"spell/model/internal/countdown"
)

func cpuBackend(t testing.TB) kernels.Backend {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func engine(t testing.TB, b kernels.Backend, w *model.Weights, o Options) *Engine {
	t.Helper()
	e, err := New(b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Free)
	return e
}

func generate(t testing.TB, e *Engine, reqs ...Request) []Result {
	t.Helper()
	out, err := e.Generate(context.Background(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// said is everything a result says, as text.
func said(r Result) string {
	var s strings.Builder
	for _, a := range r.Answers {
		seg := r.Forest[a.Segment]
		fmt.Fprintln(&s, a.Branch, seg.Parent, seg.Pos, seg.Scored, seg.Temperature, seg.Tokens, a.LogProbs, a.Finish)
	}
	return s.String()
}

// TestAlone: a request gets the same answers whatever else is in the batch and wherever it
// stands, and other answers under another key or seed.
func TestAlone(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 1 << 13, Rows: 128, Stop: []int32{5}, Seed: 9}
	e := engine(t, b, w, o)
	reqs := requests(7, 12, 1, 3, 8)
	all := generate(t, e, reqs...)
	for i, r := range reqs {
		if got := generate(t, e, r)[0]; said(got) != said(all[i]) {
			t.Errorf("request %d says\n%salone and\n%samong others", i, said(got), said(all[i]))
		}
	}
	slices.Reverse(reqs)
	for i, r := range generate(t, e, reqs...) {
		if said(r) != said(all[len(all)-1-i]) {
			t.Errorf("request %d depends on its place", len(all)-1-i)
		}
	}
	slices.Reverse(reqs)
	r := reqs[1]
	r.Key += 100
	if said(generate(t, e, r)[0]) == said(all[1]) {
		t.Error("the key changes nothing")
	}
	o.Seed++
	if said(generate(t, engine(t, b, w, o), reqs[1])[0]) == said(all[1]) {
		t.Error("the seed changes nothing")
	}
	if a := all[1].Answers; reflect.DeepEqual(all[1].Forest[a[0].Segment].Tokens, all[1].Forest[a[1].Segment].Tokens) {
		t.Error("two answers to one prompt are equal")
	}
}

// TestGreedy: temperature 0, and top-k 1 at any temperature, take the most likely token, as the
// decoder finds it from scratch.
func TestGreedy(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	e := engine(t, b, w, Options{Slots: 2048, Rows: 64})
	var f forest.Forest
	f.Add(-1, []int32{7, 300, 12, 900}, false)
	with := func(s Sampling) Request {
		return Request{Prompt: f, Branches: []Branch{{N: 2, MaxTokens: 20, Sampling: s}}, Key: 3}
	}
	res := generate(t, e, with(Sampling{TopP: 1}), with(Sampling{Temperature: 0.9, TopP: 1, TopK: 1}),
		with(Sampling{Temperature: 2, TopP: 1e-9}))
	d, err := model.NewScorer(b, w, forest.Limits{Batch: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	ids := slices.Clone(f[0].Tokens)
	for range 20 {
		top, err := d.Argmax(context.Background(), ids)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, top[len(top)-1])
	}
	for i, r := range res {
		for _, a := range r.Answers {
			if got := r.Forest[a.Segment].Tokens; !slices.Equal(got, ids[4:]) {
				t.Errorf("request %d says %v, want %v", i, got, ids[4:])
			}
			if a.Finish != Length {
				t.Errorf("request %d ended with %s", i, a.Finish)
			}
		}
	}
	if said(Result{res[0].Forest, res[0].Answers[:1]}) == said(Result{res[1].Forest, res[1].Answers[:1]}) {
		t.Error("log-probabilities do not depend on the temperature")
	}
}

// TestStop: an answer ends with its stop token, or at its limit.
func TestStop(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	reqs := requests(4, 60, 8)
	free := generate(t, engine(t, b, w, Options{Slots: 1 << 13, Rows: 128, Seed: 1}), reqs...)
	var stop []int32 // tokens that occur in the middle of answers
	for _, a := range free[0].Answers[:4] {
		stop = append(stop, free[0].Forest[a.Segment].Tokens[10])
	}
	res := generate(t, engine(t, b, w, Options{Slots: 1 << 13, Rows: 128, Seed: 1, Stop: stop}), reqs...)
	stopped := 0
	for i, r := range res {
		for k, a := range r.Answers {
			got, want := r.Forest[a.Segment].Tokens, free[i].Forest[a.Segment].Tokens
			n := slices.IndexFunc(want, func(id int32) bool { return slices.Contains(stop, id) })
			finish := Stop
			if n < 0 {
				n, finish = len(want)-1, Length
			} else {
				stopped++
			}
			if !slices.Equal(got, want[:n+1]) || a.Finish != finish || len(a.LogProbs) != len(got) {
				t.Errorf("request %d answer %d: %v (%s), without stop tokens %v", i, k, got, a.Finish, want)
			}
		}
	}
	if stopped < 4 {
		t.Errorf("%d answers were stopped", stopped)
	}
}

// TestProgress counts every token once.
func TestProgress(t *testing.T) {
	b := cpuBackend(t)
	e := engine(t, b, tiny(t, b, model.F32), Options{Slots: 2000, Rows: 64, Seed: 1})
	var last [4]int
	e.OnProgress = func(done, total, read, sampled int) {
		if done < last[0] || read < last[2] || sampled < last[3] || total != (1+2)+3+1+1 {
			t.Errorf("progress went from %v to %v", last, []int{done, total, read, sampled})
		}
		last = [4]int{done, total, read, sampled}
	}
	reqs := requests(5, 9, 1, 3)
	reqs = append(reqs[:3], reqs[4:]...)
	prompt, sampled := 0, 0
	for _, r := range generate(t, e, reqs...) {
		for _, a := range r.Answers {
			sampled += len(r.Forest[a.Segment].Tokens) - 1 // the last token of an answer is not read
		}
	}
	for _, r := range reqs {
		prompt += r.Prompt.Tokens()
	}
	if last[0] != last[1] || last[2] != prompt || last[3] != sampled {
		t.Errorf("ended at %v, prompts have %d tokens and answers %d", last, prompt, sampled)
	}
}

// allFree fails the test unless each page of e is free, once.
func allFree(t *testing.T, e *Engine, pages int, when string) {
	t.Helper()
	if len(e.pages.free) != pages {
		t.Fatalf("%s: %d of %d pages are free", when, len(e.pages.free), pages)
	}
	seen := slices.Clone(e.pages.free)
	slices.Sort(seen)
	if len(slices.Compact(seen)) != pages {
		t.Fatalf("%s: a page is free twice", when)
	}
}

// TestCancelBetweenLayers: a call cancelled in the midst of a pass leaves an engine that gives what
// a fresh one gives.
func TestCancelBetweenLayers(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 3000, Rows: 64, Seed: 4}
	e := engine(t, b, w, o)
	reqs := requests(6, 20, 3, 8)
	want := generate(t, engine(t, b, w, o), reqs...)
	all, points := len(e.pages.free), 0
	for ; ; points++ {
		res, err := e.Generate(countdown.New(context.Background(), points), reqs)
		if err == nil {
			break
		}
		when := fmt.Sprintf("cancelled at point %d", points)
		if !errors.Is(err, context.Canceled) || res != nil {
			t.Fatalf("%s: %v", when, err)
		}
		allFree(t, e, all, when)
		if points%7 == 3 {
			for i, r := range generate(t, e, reqs...) {
				if said(r) != said(want[i]) {
					t.Fatalf("request %d differs after it was %s", i, when)
				}
			}
		}
	}
	if points < 8*(1+w.Layers) { // 8 tokens are 8 passes at least
		t.Errorf("a call can be cancelled at %d points", points)
	}
}

// cancelAfter returns a context that ends after so many passes of an engine, and counts the passes.
func cancelAfter(e *Engine, passes int) (ctx context.Context, cancel func(), n *int) {
	n = new(int)
	ctx, cancel = context.WithCancel(context.Background())
	if passes == 0 {
		cancel()
	}
	e.OnProgress = func(_, _, _, _ int) {
		if *n++; *n == passes {
			cancel()
		}
	}
	return ctx, cancel, n
}

// TestCancel: after cancellation all pages are free and the engine gives what a fresh one gives.
func TestCancel(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 3000, Rows: 64, Seed: 4}
	e := engine(t, b, w, o)
	reqs := requests(6, 20, 3, 8)
	want := generate(t, engine(t, b, w, o), reqs...)
	all := len(e.pages.free)
	for passes := range 30 {
		ctx, cancel, n := cancelAfter(e, passes)
		res, err := e.Generate(ctx, reqs)
		cancel()
		if *n > passes || !errors.Is(err, context.Canceled) || res != nil {
			t.Fatalf("cancelled after %d passes: %v after %d", passes, err, *n)
		}
		allFree(t, e, all, fmt.Sprintf("cancelled after %d passes", passes))
	}
	e.OnProgress = nil
	for i, r := range generate(t, e, reqs...) {
		if said(r) != said(want[i]) {
			t.Errorf("request %d differs after cancellations", i)
		}
	}
	if len(e.pages.free) != all {
		t.Errorf("%d of %d pages are free at the end", len(e.pages.free), all)
	}
}

// TestNotANumber: weights that overflow end generation with a sentence and free the pages.
func TestNotANumber(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	e := engine(t, b, w, Options{Slots: 1000, Rows: 64})
	all := len(e.pages.free)
	bad := make([]float32, w.Norm.Cols)
	bad[3] = float32(math.NaN())
	model.Set(b, w.Norm, bad)
	_, err := e.Generate(context.Background(), requests(2, 4, 2))
	if err == nil || !strings.Contains(err.Error(), "not a number") || len(e.pages.free) != all {
		t.Errorf("error %v, %d of %d pages free", err, len(e.pages.free), all)
	}
}

// TestRefused: what cannot be served is refused with its number, before anything is sampled.
func TestRefused(t *testing.T) {
	b := cpuBackend(t)
	e := engine(t, b, tiny(t, b, model.F32), Options{Slots: 2304, Rows: 32})
	prompt := func(n int) forest.Forest {
		var f forest.Forest
		f.Add(-1, make([]int32, n), false)
		return f
	}
	ok := Sampling{Temperature: 1, TopP: 1}
	good := Request{Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 3, Sampling: ok}}}
	gap := prompt(3)
	gap.Add(0, nil, false)
	for say, r := range map[string]Request{
		"the cache holds 2304":                    {Prompt: prompt(600), Branches: []Branch{{N: 30, MaxTokens: 100, Sampling: ok}}},
		"a pass holds 32 rows":                    {Prompt: prompt(3), Branches: []Branch{{N: 33, MaxTokens: 1, Sampling: ok}}},
		"context of 4096":                         {Prompt: prompt(100), Branches: []Branch{{N: 1, MaxTokens: 4000, Sampling: ok}}},
		"no answers":                              {Prompt: prompt(3)},
		"segment 1, which has no tokens":          {Prompt: gap, Branches: []Branch{{Segment: 1, N: 1, MaxTokens: 1, Sampling: ok}}},
		"segment 7":                               {Prompt: prompt(3), Branches: []Branch{{Segment: 7, N: 1, MaxTokens: 1, Sampling: ok}}},
		"segment -1":                              {Prompt: prompt(3), Branches: []Branch{{Segment: -1, N: 1, MaxTokens: 1, Sampling: ok}}},
		"0 answers of 1 tokens":                   {Prompt: prompt(3), Branches: []Branch{{N: 0, MaxTokens: 1, Sampling: ok}}},
		"1 answers of 0 tokens":                   {Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 0, Sampling: ok}}},
		"temperature -1":                          {Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 1, Sampling: Sampling{Temperature: -1, TopP: 1}}}},
		"temperature NaN":                         {Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 1, Sampling: Sampling{Temperature: float32(math.NaN()), TopP: 1}}}},
		"top-p 0":                                 {Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 1, Sampling: Sampling{Temperature: 1}}}},
		"drop answers has 2 branches":             {Prompt: prompt(3), Branches: append(good.Branches, good.Branches...), StopEarly: func([]int32) bool { return true }},
		"temperature +Inf":                        {Prompt: prompt(3), Branches: []Branch{{N: 1, MaxTokens: 1, Sampling: Sampling{Temperature: float32(math.Inf(1)), TopP: 1}}}},
		"segment 0 of the prompt is to be scored": {Prompt: forest.Forest{{Parent: -1, Tokens: []int32{1, 2}, Scored: true}}, Branches: good.Branches},
		"token 5000; the vocabulary has 111":      {Prompt: forest.Forest{{Parent: -1, Tokens: []int32{5000}}}, Branches: good.Branches},
	} {
		_, err := e.Generate(context.Background(), []Request{good, r})
		if err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "request 1") {
			t.Errorf("error %v, want %q", err, say)
		}
	}
	// The largest that fits is served, and no larger one.
	full := Request{Prompt: prompt(6 * pageRows), Branches: []Branch{{N: 15, MaxTokens: pageRows + 1, Sampling: ok}}}
	over := full
	over.Prompt = prompt(6*pageRows + 1)
	if _, err := e.Generate(context.Background(), []Request{over}); err == nil ||
		!strings.Contains(err.Error(), "the cache holds 2304") {
		t.Errorf("error %v of a request that takes a page more than there are", err)
	}
	if r := generate(t, e, full, full); len(r) != 2 || len(r[1].Answers) != 15 {
		t.Error("requests that fit one after the other are not served")
	}
	if r := generate(t, e); len(r) != 0 {
		t.Errorf("no request gives %v", r)
	}
}

// TestGuarded: generation never touches the backend's memory outside an operation.
func TestGuarded(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		plain := cpuBackend(t)
		g := kerneltest.Guarded(cpuBackend(t))
		o := Options{Slots: 4000, Rows: 100, Stop: []int32{5}, Seed: 2}
		reqs := requests(4, 10, 1, 3, 8)
		want := generate(t, engine(t, plain, tiny(t, plain, p), o), reqs...)
		got := generate(t, engine(t, g, tiny(t, g, p), o), reqs...)
		for i := range want {
			if said(got[i]) != said(want[i]) {
				t.Errorf("%s: request %d differs", p.Name, i)
			}
		}
	}
}

// TestCommonPrefix: what requests have in common at the beginning of their prompts is read once,
// even where the cache has no room for it twice, and changes no answer; what nobody uses any more
// is given back, not before.
func TestCommonPrefix(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	documents := make([]int32, 5*pageRows+17)
	for i := range documents {
		documents[i] = int32(10 + i*7%900)
	}
	const n = 5
	var reqs []Request
	asked := 0
	for i := range n {
		var f forest.Forest
		at := f.Chain(-1, documents, documents[:3+i%2], []int32{int32(20 + i), 4, 5}) // two sorts share more
		asked += len(f[2].Tokens)
		reqs = append(reqs, Request{Prompt: f, Key: uint64(i),
			Branches: []Branch{{Segment: at, N: 2, MaxTokens: 6 + 3*i, Sampling: Sampling{Temperature: 1, TopP: 1}}}})
	}
	var alone []Result
	for _, r := range reqs {
		alone = append(alone, generate(t, engine(t, b, w, Options{Slots: 1 << 13, Rows: 128, Seed: 3}), r)...)
	}
	for _, c := range []struct{ pages, rows, want int }{
		{1 << 7, 128, 3 + 4},
		{6 + 2 + n + 2*n, 40, 3 + 4},
		// Two at a time: each but the first comes when one leaves that has its second segment.
		{6 + 2*4, 40, 3 + 4 + 3 + 4 + 3},
	} {
		e := engine(t, b, w, Options{Slots: c.pages * pageRows, Rows: c.rows, Seed: 3})
		read := 0
		e.OnProgress = func(_, _, r, _ int) { read = r }
		for i, r := range generate(t, e, reqs...) {
			if said(r) != said(alone[i]) {
				t.Errorf("%d pages: request %d says\n%salone and\n%sbeside others", c.pages, i, said(alone[i]), said(r))
			}
		}
		if want := len(documents) + c.want + asked; read != want {
			t.Errorf("%d pages: %d prompt tokens were read, want %d", c.pages, read, want)
		}
		if len(e.pages.free) != c.pages || len(e.shared) != 0 {
			t.Errorf("%d of %d pages are free at the end, %d segments are shared", len(e.pages.free), c.pages,
				len(e.shared))
		}
	}
}

// TestFewRows: passes of any number of rows have the room they need, also where a row is large
// beside the granules of an arena.
func TestFewRows(t *testing.T) {
	b := cpuBackend(t)
	c := model.Config{Family: "qwen2", Vocab: 111, Hidden: 128, FF: 4864, Layers: 2, Heads: 2, KVHeads: 1,
		HeadDim: 64, QKVBias: true, Tied: true,
		NormEps: 1e-6, Context: 256, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		w, err := model.NewWeights(b, c, p, model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Free()
		if p != model.Int8 {
			w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
		}
		var f forest.Forest
		f.Add(-1, make([]int32, 9), false)
		r := Request{Prompt: f, Branches: []Branch{{N: 1, MaxTokens: 3, Sampling: Sampling{TopP: 1}}}}
		want := ""
		for rows := 1; rows <= 8; rows++ {
			got := said(generate(t, engine(t, b, w, Options{Slots: 256, Rows: rows}), r)[0])
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s: passes of %d rows say\n%s, passes of one\n%s", p.Name, rows, got, want)
			}
		}
	}
}
