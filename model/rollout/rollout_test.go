package rollout

import (
	"context"
	"fmt"
	"math"
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
	return fresh(t, b, dense, p)
}

// dense and mixture are the models of these tests.
var (
	dense = model.Config{Family: "qwen3", Vocab: 1111, Hidden: 48, FF: 80, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 16,
		QKNorm: true, NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e4}, BOS: -1, EOS: []int32{5}}
	mixture = func() model.Config {
		c := dense
		c.Family, c.Layers = "qwen3_moe", 3
		c.Mixture = model.Mixture{Experts: 9, TopK: 3, ExpertFF: 40, NormTopK: true, SparseStep: 1,
			DenseLayers: []int{1}}
		return c
	}()
)

// fresh is a random decoder of c.
func fresh(t testing.TB, b kernels.Backend, c model.Config, p model.Precision) *model.Weights {
	t.Helper()
	w, err := model.NewWeights(b, c, p, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 1.5, Residual: 1})
	for _, q := range w.Params {
		if q.Kind == model.Bias { // else they would be 0
			v := make([]float32, q.Cols)
			for i := range v {
				v[i] = 0.3 * float32(math.Sin(float64(i*i)))
			}
			model.Set(b, q, v)
		}
	}
	t.Cleanup(w.Free)
	return w
}

// adapt gives weights adapters that are not zero.
func adapt(t testing.TB, b kernels.Backend, w *model.Weights) {
	t.Helper()
	lora := model.LoRA{Rank: 5, Alpha: 7, RSLoRA: true, Targets: model.AdapterTargets}
	if err := w.Adapt(b, lora, model.Inference); err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Adapters() {
		r := rng.At(4, rng.Init, uint64(i), 0, 0)
		v := make([]float32, p.Rows*p.Cols)
		for j := range v {
			v[j] = float32(0.3 * r.Normal())
		}
		model.Set(b, p, v)
	}
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
// with 1 and 2 workers, in all precisions, without adapters and with, scored in batches of any
// size; and the answers do not depend on workers, on the size of a pass or on how much fits the
// cache. The last two settings are drawn anew each time.
func TestScoredBits(t *testing.T) { testScoredBits(t, dense, false, 2) }

// TestScoredBitsOfMixture is TestScoredBits of a mixture of experts, with the first two settings.
func TestScoredBitsOfMixture(t *testing.T) {
	testScoredBits(t, mixture, false, 0)
	testScoredBits(t, mixture, true, 0)
}

// TestScoredBitsOfAdapters is TestScoredBits of weights with adapters.
func TestScoredBitsOfAdapters(t *testing.T) { testScoredBits(t, dense, true, 2) }

// testScoredBits adds so many settings that are drawn.
func testScoredBits(t *testing.T, c model.Config, adapted bool, drawn int) {
	precisions := []model.Precision{model.F32, model.BF16, model.Int8}
	if adapted { // a base of int8 goes with activations in bf16, too
		half := model.BF16
		half.Name, half.Weight = "int8 and bf16", model.Int8.Weight
		precisions = append(precisions, half)
	}
	for _, p := range precisions {
		var first []Result
		type setting struct{ workers, rows, slots, batch int }
		settings := []setting{{1, 300, 1 << 14, 4000}, {2, 160, 6000, 4000}}
		for range drawn {
			settings = append(settings, setting{1 + rand.IntN(3), 68 + rand.IntN(300), 5500 + rand.IntN(9000),
				64 + rand.IntN(400)})
		}
		for _, run := range settings {
			t.Run(fmt.Sprintf("%s/adapted=%v/%+v", p.Name, adapted, run), func(t *testing.T) {
				b, err := cpu.New(cpu.Options{Workers: run.workers})
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				w := fresh(t, b, c, p)
				if adapted {
					adapt(t, b, w)
				}
				e, err := New(b, w, Options{Slots: run.slots, Rows: run.rows, Stop: []int32{5}, Seed: 9})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Free()
				results, err := e.Generate(context.Background(), requests(16, 40, 1, 3, 8, 64))
				if err != nil {
					t.Fatal(err)
				}
				tokens := scored(t, b, w, results, run.batch)
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

// scored wants the log-probabilities of results bit for bit from scoring their forests, and returns
// how many there are.
func scored(t *testing.T, b kernels.Backend, w *model.Weights, results []Result, batch int) (tokens int) {
	t.Helper()
	d, err := model.NewScorer(b, w, forest.Limits{Shared: 4000, Batch: batch})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	for i, r := range results {
		stats, err := d.Score(context.Background(), r.Forest)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for k, a := range r.Answers {
			for j, lp := range a.LogProbs {
				if stats[n].LogProb != lp {
					t.Fatalf("request %d answer %d token %d: sampled with %v, scored %v", i, k, j, lp, stats[n].LogProb)
				}
				n++
			}
		}
		tokens += n
	}
	return tokens
}

// TestScoredBitsOfFamilies does what TestScoredBits does, on fewer tokens, with what families add:
// windows shorter and longer than a page and than most prompts, biases, heads of odd widths.
func TestScoredBitsOfFamilies(t *testing.T) {
	configs := map[string]func(c *model.Config){
		"window":          func(c *model.Config) { c.Window = 21 },
		"long windows":    func(c *model.Config) { c.Window, c.WindowLayers = 100, []bool{false, true} },
		"hides nothing":   func(c *model.Config) { c.Window = 4000 },
		"biases":          func(c *model.Config) { c.QKVBias, c.OBias, c.MLPBias = true, true, true },
		"heads of 6":      func(c *model.Config) { c.HeadDim = 6 },
		"heads of 100":    func(c *model.Config) { c.HeadDim = 100 },
		"stretched":       func(c *model.Config) { *c, _ = c.Stretched(4) },
		"window in heads": func(c *model.Config) { c.Window, c.HeadDim = 65, 10 },
	}
	for name, edit := range configs {
		for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
			t.Run(name+"/"+p.Name, func(t *testing.T) {
				c := dense
				edit(&c)
				var first string
				for _, rows := range []int{300, 90} {
					b := cpuBackend(t)
					w := fresh(t, b, c, p)
					e := engine(t, b, w, Options{Slots: 1 << 13, Rows: rows, Stop: []int32{5}, Seed: 9})
					results := generate(t, e, requests(5, 20, 1, 3, 8)...)
					if n := scored(t, b, w, results, rows); n < 200 {
						t.Errorf("only %d tokens were compared", n)
					}
					all := ""
					for _, r := range results {
						all += said(r)
					}
					if first == "" {
						first = all
					} else if all != first {
						t.Error("the answers depend on the size of a pass")
					}
				}
			})
		}
	}
}
