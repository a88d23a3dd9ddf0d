package rollout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"spell/model"
	"spell/model/forest"
	"spell/tensor/rng"
)

// follow is the request that a result leads to: its first answer is the prompt.
func follow(r Result, key uint64) Request {
	var f forest.Forest
	f.Add(-1, r.Forest[r.Answers[0].Segment].Tokens, false)
	return Request{Prompt: f, Key: key, Branches: []Branch{{N: 3, MaxTokens: 9,
		Sampling: Sampling{Temperature: 1, TopP: 1}}}}
}

// TestStream: what is asked as soon as a result is there gets the answers it would get alone, and
// results come when they are ready, not in order.
func TestStream(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 3000, Rows: 64, Stop: []int32{5}, Seed: 9}
	first := requests(9, 30, 1, 3, 8)
	for i := range first {
		first[i].Branches[0].MaxTokens = 30 - 3*i
	}
	e := engine(t, b, w, o)
	got, second := make([]Result, len(first)), make([]Result, len(first))
	var order []int
	answers, total, done := 0, 0, 0
	e.OnProgress = func(d, n, _, _ int) { done, total = d, n }
	err := e.Serve(context.Background(), func() error {
		for i, r := range first {
			err := e.Submit(r, func(res Result) error {
				got[i], order, answers = res, append(order, i), answers+len(res.Answers)
				return e.Submit(follow(res, uint64(100+i)), func(res Result) error {
					second[i], answers = res, answers+len(res.Answers)
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if slices.IsSorted(order) || len(order) != len(first) {
		t.Errorf("results came in the order %v", order)
	}
	if done != answers || total != answers {
		t.Errorf("progress ended at %d of %d answers, want %d", done, total, answers)
	}
	alone := engine(t, b, w, o)
	for i, r := range first {
		want := generate(t, alone, r)[0]
		if said(got[i]) != said(want) || said(second[i]) != said(generate(t, alone, follow(want, uint64(100+i)))[0]) {
			t.Errorf("request %d or what follows from it differs from what it gets alone", i)
		}
	}
}

// TestServeErrors: an error of begin, of a submission or of what takes a result ends serving and
// leaves nothing behind.
func TestServeErrors(t *testing.T) {
	b := cpuBackend(t)
	e := engine(t, b, tiny(t, b, model.F32), Options{Slots: 3000, Rows: 64})
	all, sentinel := len(e.pages.free), errors.New("sentinel")
	good := requests(3, 5, 2)
	for name, begin := range map[string]func() error{
		"begin": func() error {
			if err := e.Submit(good[0], nil); err != nil {
				return err
			}
			return sentinel
		},
		"done": func() error {
			return errors.Join(e.Submit(good[1], func(Result) error { return sentinel }),
				e.Submit(good[2], func(Result) error { return nil }))
		},
	} {
		if err := e.Serve(context.Background(), begin); !errors.Is(err, sentinel) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(e.pages.free) != all || len(e.waiting)+len(e.running) > 0 {
			t.Errorf("%s: %d of %d pages are free, %d requests wait", name, len(e.pages.free), all, len(e.waiting))
		}
	}
	if err := e.Serve(context.Background(), func() error { return e.Submit(Request{}, nil) }); err == nil {
		t.Error("an empty request is served")
	}
	if err := e.Submit(good[0], nil); err == nil || !strings.Contains(err.Error(), "while the engine serves") {
		t.Errorf("error %v of a request that nobody serves", err)
	}
	err := e.Serve(context.Background(), func() error {
		_, err := e.Generate(context.Background(), good)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "serving already") || e.serving {
		t.Errorf("error %v of serving within serving", err)
	}
}

// TestStopEarly: answers are dropped once there are enough, which ones does not depend on what else
// is in the batch, and those that stay are what they would be without.
func TestStopEarly(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 1 << 13, Rows: 64, Seed: 9}
	for id := range int32(300) { // so many that answers end at all lengths
		o.Stop = append(o.Stop, 3*id)
	}
	reqs := requests(8, 25, 8)
	for i := range reqs {
		reqs[i].Branches = reqs[i].Branches[:1]
	}
	whole := generate(t, engine(t, b, w, o), reqs...)
	until := func(n int) []Request {
		out := slices.Clone(reqs)
		for i := range out {
			seen := 0
			out[i].StopEarly = func(answer []int32) bool {
				seen++
				return seen >= n
			}
		}
		return out
	}
	for _, n := range []int{1, 3, 100} {
		e := engine(t, b, w, o)
		free := len(e.pages.free)
		few := generate(t, e, until(n)...)
		if len(e.pages.free) != free {
			t.Fatalf("%d of %d pages are free", len(e.pages.free), free)
		}
		for i, r := range few {
			rows := 20 + int(rng.At(1, rng.Sample, uint64(i), 0, 0).Intn(40))
			other := engine(t, b, w, Options{Slots: 4096, Rows: rows, Stop: o.Stop, Seed: 9})
			alone := generate(t, other, until(n)[i])[0]
			if said(alone) != said(r) {
				t.Errorf("%d are enough: request %d keeps\n%salone and\n%samong others", n, i, said(alone), said(r))
			}
			if len(r.Answers) < min(n, len(whole[i].Answers)) || n == 1 && len(r.Answers) == len(whole[i].Answers) {
				t.Errorf("%d are enough: request %d keeps %d of %d", n, i, len(r.Answers), len(whole[i].Answers))
			}
			for _, a := range r.Answers {
				if !slices.ContainsFunc(whole[i].Answers, func(o Answer) bool {
					return o.Branch == a.Branch && o.Finish == a.Finish && slices.Equal(o.LogProbs, a.LogProbs) &&
						slices.Equal(r.Forest[a.Segment].Tokens, whole[i].Forest[o.Segment].Tokens)
				}) {
					t.Errorf("%d are enough: request %d has an answer that it has not without", n, i)
				}
			}
			if n == 100 && said(r) != said(whole[i]) {
				t.Errorf("request %d loses answers that are not enough", i)
			}
		}
	}
}
