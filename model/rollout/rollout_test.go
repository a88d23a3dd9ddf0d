package rollout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/tensor/rng"
)

// tiny is a random decoder with a vocabulary large enough for several tiles of the head.
func tiny(t testing.TB, b kernels.Backend, p model.Precision) *model.Weights {
	t.Helper()
	c := model.Config{Family: "qwen3", Vocab: 1111, Hidden: 48, FF: 80, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 16,
		QKNorm: true, NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e4}, BOS: -1, EOS: []int32{5}}
	w, err := model.NewWeights(b, c, p, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 1.5, Residual: 1})
	t.Cleanup(w.Free)
	return w
}

// requests are prompts with groups of the given sizes in turn, some behind a shared document.
func requests(n, maxTokens int, groups ...int) []Request {
	reqs := make([]Request, n)
	for i := range reqs {
		r := rng.At(2, rng.Sample, uint64(i), 0, 0)
		text := func(n int) []int32 {
			out := make([]int32, n)
			for j := range out {
				out[j] = int32(r.Intn(1111))
			}
			return out
		}
		var f forest.Forest
		doc := f.Add(-1, text(1+r.Intn(200)), false)
		q := f.Add(doc, text(1+r.Intn(20)), false)
		f[q].Pos += int32(r.Intn(2) * 7)
		s := Sampling{Temperature: 0.5 + float32(i%3)*0.35, TopP: 0.95}
		reqs[i] = Request{Prompt: f, Key: uint64(i),
			Branches: []Branch{{Segment: q, N: groups[i%len(groups)], MaxTokens: maxTokens, Sampling: s}}}
		if i%3 == 0 {
			q2 := reqs[i].Prompt.Add(doc, text(3), false)
			reqs[i].Branches = append(reqs[i].Branches, Branch{Segment: q2, N: 2, MaxTokens: 1 + maxTokens/2,
				Sampling: Sampling{TopP: 1, Temperature: 1, TopK: 40}})
		}
	}
	return reqs
}

// TestScoredBits: the log-probability recorded with a sampled token equals, bit for bit, what
// scoring the returned forest gives it, for 10,000 tokens and more, in groups of 1, 3, 8 and 64,
// with 1 and 2 workers, in all precisions, scored in batches of any size; and the answers do not
// depend on workers, on the size of a pass or on how much fits the cache. The last two settings are
// drawn anew each time.
func TestScoredBits(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		var first []Result
		type setting struct{ workers, rows, slots, batch int }
		settings := []setting{{1, 300, 1 << 14, 4000}, {2, 160, 6000, 4000}}
		for range 2 {
			settings = append(settings, setting{1 + rand.IntN(3), 68 + rand.IntN(300), 5500 + rand.IntN(9000),
				64 + rand.IntN(400)})
		}
		for _, run := range settings {
			t.Run(fmt.Sprintf("%s/%+v", p.Name, run), func(t *testing.T) {
				b, err := cpu.New(cpu.Options{Workers: run.workers})
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				w := tiny(t, b, p)
				e, err := New(b, w, Options{Slots: run.slots, Rows: run.rows, Stop: []int32{5}, Seed: 9})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Free()
				results, err := e.Generate(context.Background(), requests(16, 40, 1, 3, 8, 64))
				if err != nil {
					t.Fatal(err)
				}
				d, err := model.NewScorer(b, w, forest.Limits{Shared: 4000, Batch: run.batch})
				if err != nil {
					t.Fatal(err)
				}
				defer d.Free()
				tokens := 0
				for i, r := range results {
					stats, err := d.Score(context.Background(), r.Forest)
					if err != nil {
						t.Fatal(err)
					}
					n := 0
					for k, a := range r.Answers {
						for j, lp := range a.LogProbs {
							if stats[n].LogProb != lp {
								t.Fatalf("request %d answer %d token %d: sampled with %v, scored %v", i, k, j, lp,
									stats[n].LogProb)
							}
							n++
						}
					}
					tokens += n
				}
				if tokens < 10000 {
					t.Errorf("only %d tokens were compared", tokens)
				}
				if first == nil {
					first = results
					return
				}
				for i := range first {
					for k, a := range first[i].Answers {
						was := fmt.Sprint(first[i].Forest[a.Segment].Tokens, a.LogProbs)
						if was != fmt.Sprint(results[i].Forest[a.Segment].Tokens, results[i].Answers[k].LogProbs) {
							t.Fatalf("request %d answer %d depends on workers or batching", i, k)
						}
					}
				}
			})
		}
	}
}
