//go:build cuda && cgo && linux

package rollout

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
	"spell/model"
	"spell/model/forest"
)

var tokensCUDA = flag.Int("tokens", 3000, "tokens that TestScoredBitsCUDA compares at least")

// TestScoredBitsCUDA is TestScoredBits on an emulated GPU, with other kernels wherever there are several
// and other passes: what is sampled is what is scored, and nothing depends on either. The flag tokens says how
// many tokens it compares, of all precisions and kernels together.
func TestScoredBitsCUDA(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	precisions := []model.Precision{model.BF16, model.F32, model.Int8}
	total := 0
	for _, p := range precisions {
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
				var all string
				const each = 4 // requests
				for n, tokens := 0, 0; tokens < *tokensCUDA/(2*len(precisions)); n += each {
					results, err := e.Generate(context.Background(), requests(n+each, 25, 1, 8)[n:])
					if err != nil {
						t.Fatal(err)
					}
					compared := scored(t, b, w, results, run.batch)
					tokens, total = tokens+compared, total+compared
					t.Logf("%d of %d tokens have the same bits", total, *tokensCUDA)
					for _, r := range results {
						for _, a := range r.Answers {
							all += fmt.Sprint(r.Forest[a.Segment].Tokens, a.LogProbs)
						}
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

// TestReplaysCUDA: passes that decode are graphs of the first ones as long as no run of keys ends. Such a pass
// launches nothing, allocates nothing and waits for its tokens alone.
func TestReplaysCUDA(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	e, err := New(b, fresh(t, b, dense, model.BF16), Options{Slots: 2000, Rows: 400, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Free()
	const prompt, answer = 9 * kernels.KeyBlock, kernels.KeyBlock + 8 // two runs of keys, and a block that ends
	entries := []string{"cuGraphLaunch", "cuLaunchKernel", "cuStreamSynchronize", "cuEventSynchronize",
		"cuMemAlloc_v2", "cuMemHostAlloc"}
	counts, replays := [6]int{}, 0
	e.OnProgress = func(_, _, _, sampled int) {
		before := counts
		for i, name := range entries {
			counts[i] = cudatest.Calls(t, name)
			before[i] = counts[i] - before[i]
		}
		switch {
		case before == [6]int{1, 0, 1}:
			replays++
		case sampled > 2*3: // one pass that allocates, one of new launches, one that captures them
			t.Errorf("after %d tokens: %v calls of %v", sampled, before, entries)
		}
	}
	var f forest.Forest
	f.Add(-1, make([]int32, prompt), false)
	_, err = e.Generate(context.Background(), []Request{{Prompt: f, Branches: []Branch{{N: 2, MaxTokens: answer,
		Sampling: Sampling{Temperature: 1, TopP: 1}}}}})
	if err != nil || replays < answer-1-3 {
		t.Errorf("%d of %d passes that decode are graphs: %v", replays, answer-1, err)
	}
}
