package rollout

import (
	"context"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
)

// TestCompare: the weights that sampled agree with themselves to the bit, in passes of any size,
// and int8 weights made of the same numbers nearly.
func TestCompare(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w, q := tiny(t, b, model.F32), tiny(t, b, model.Int8)
	e, err := New(b, q, Options{Slots: 6000, Rows: 160, Stop: []int32{5}, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Free()
	results, err := e.Generate(context.Background(), requests(4, 20, 1, 8))
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	for _, r := range results {
		for _, a := range r.Answers {
			tokens += len(a.LogProbs)
		}
	}
	for _, size := range []int{1, 300, 1 << 20} {
		if m, err := Compare(context.Background(), b, q, results, size); err != nil || m.Tokens != tokens ||
			m.Largest != 0 || m.Sum != 0 {
			t.Errorf("passes of %d tokens: the weights that sampled %d tokens score them as %+v (%v)", size, tokens,
				m, err)
		}
	}
	m, err := Compare(context.Background(), b, w, results, 300)
	if err != nil || m.Tokens != tokens || !(m.Mean() > 0 && m.Mean() < 0.1 && m.Largest < 1) {
		t.Errorf("f32 and int8 weights: %v (%v)", m, err)
	}
}
