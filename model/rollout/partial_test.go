package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"

	"spell/model"
)

// TestPartial: whenever a Serve is cancelled, what it did not hand out is there as far as it had
// come: the beginnings of the answers that there would have been. The engine serves as before
// afterwards.
func TestPartial(t *testing.T) {
	b := cpuBackend(t)
	w := tiny(t, b, model.F32)
	o := Options{Slots: 3000, Rows: 64, Seed: 4}
	reqs := requests(6, 20, 3, 8)
	want := generate(t, engine(t, b, w, o), reqs...)
	e := engine(t, b, w, o)
	begun := 0
	for passes := range 30 {
		ctx, cancel, _ := cancelAfter(e, passes)
		handed := make([]bool, len(reqs))
		err := e.Serve(ctx, func() error {
			for i, r := range reqs {
				if err := e.Submit(r, func(Result) error { handed[i] = true; return nil }); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			break // the work was done before
		}
		partial := e.Partial()
		for i := range reqs {
			if handed[i] {
				continue
			}
			if len(partial) == 0 {
				t.Fatalf("cancelled after %d passes: request %d is missing", passes, i)
			}
			p := partial[0]
			partial = partial[1:]
			for k, a := range p.Answers {
				got, whole := p.Forest[a.Segment].Tokens, want[i].Forest[want[i].Answers[k].Segment].Tokens
				if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) || len(a.LogProbs) != len(got) {
					t.Fatalf("request %d, answer %d: %v of %v", i, k, got, whole)
				}
				if (a.Finish == Interrupted) != (len(got) < len(whole)) {
					t.Errorf("request %d, answer %d: %d of %d tokens, %s", i, k, len(got), len(whole), a.Finish)
				}
				begun += len(got)
			}
		}
		if len(partial) != 0 {
			t.Errorf("cancelled after %d passes: %d results too many", passes, len(partial))
		}
	}
	if begun == 0 {
		t.Error("no answer had begun")
	}
	e.OnProgress = nil
	for i, r := range generate(t, e, reqs...) {
		if said(r) != said(want[i]) {
			t.Errorf("request %d differs after cancellations", i)
		}
	}
	if p := e.Partial(); len(p) != 0 {
		t.Errorf("%d partial results of a Serve that ended", len(p))
	}
}
