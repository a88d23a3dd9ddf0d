//go:build cuda && cgo && linux

package rollout

import (
	"context"
	"fmt"
	"testing"

	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
	"spell/model"
)

// TestScoredBitsCUDA is TestScoredBits on an emulated GPU, with other kernels wherever there are several
// and other passes: what is sampled is what is scored, and nothing depends on either.
func TestScoredBitsCUDA(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	for _, p := range []model.Precision{model.BF16, model.F32, model.Int8} {
		var first string
		for _, run := range []struct {
			plain              bool
			rows, slots, batch int
		}{{false, 300, 1 << 14, 4000}, {true, 90, 6000, 130}} {
			t.Run(fmt.Sprintf("%s/%+v", p.Name, run), func(t *testing.T) {
				b, err := cuda.Open(cuda.Options{Plain: run.plain})
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				w := fresh(t, b, dense, p)
				e, err := New(b, w, Options{Slots: run.slots, Rows: run.rows, Stop: []int32{5}, Seed: 9})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Free()
				results, err := e.Generate(context.Background(), requests(4, 25, 1, 8))
				if err != nil {
					t.Fatal(err)
				}
				tokens := scored(t, b, w, results, run.batch)
				if tokens < 500 {
					t.Errorf("only %d tokens were compared", tokens)
				}
				var all string
				for _, r := range results {
					for _, a := range r.Answers {
						all += fmt.Sprint(r.Forest[a.Segment].Tokens, a.LogProbs)
					}
				}
				if first == "" {
					first = all
				} else if all != first {
					t.Error("answers depend on kernels or batching")
				}
			})
		}
	}
}
