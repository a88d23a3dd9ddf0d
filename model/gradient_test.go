package model

import (
	"context"
	"math"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/model/forest"
	"spell/tensor/rng"
)

// families are tiny decoders that between them have every class of parameter.
func families() map[string]Config {
	base := Config{Family: "llama", Vocab: 19, Hidden: 12, FF: 20, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 8,
		NormEps: 1e-5, Context: 256, Rope: Rope{Theta: 1e4}, BOS: -1}
	qwen2, qwen3 := base, base
	qwen2.Family, qwen2.QKVBias, qwen2.Tied = "qwen2", true, true
	qwen3.Family, qwen3.QKNorm, qwen3.HeadDim, qwen3.Heads, qwen3.KVHeads = "qwen3", true, 16, 4, 2
	biased := base // every bias that a family may have, and heads of an odd number of pairs
	biased.QKVBias, biased.OBias, biased.MLPBias, biased.HeadDim, biased.KVHeads = true, true, true, 6, 2
	mistral, windows := base, qwen2
	mistral.Family, mistral.Window = "mistral", 3
	windows.Window, windows.WindowLayers = 4, []bool{true, false}
	windows.Rope = Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 64, BetaFast: 8, BetaSlow: 1,
		AttentionFactor: 1.4}
	moe, mixed := qwen3, qwen3
	moe.Family, moe.Mixture = "qwen3_moe", Mixture{Experts: 5, TopK: 2, ExpertFF: 7, NormTopK: true, SparseStep: 1}
	mixed.Family, mixed.Layers = "qwen3_moe", 3 // of which the second is a mixture
	mixed.Mixture = Mixture{Experts: 4, TopK: 3, ExpertFF: 6, SparseStep: 2}
	return map[string]Config{"llama": base, "qwen2": qwen2, "qwen3": qwen3, "llama with biases": biased,
		"mistral": mistral, "qwen2 with windows": windows, "qwen3_moe": moe, "mixed": mixed}
}

// grove has what a batch can have: two trees, a gap, an empty child, a child of an empty
// segment, one-token answers, an interior scored segment, a scored root, temperatures.
func grove() forest.Forest {
	var f forest.Forest
	root := f.Add(-1, []int32{1, 5, 7, 2, 11}, false)
	f.Add(root, []int32{3}, true)
	f.Add(root, []int32{4, 9, 3}, true)
	f.Add(root, nil, true)
	q := f.Add(root, []int32{8, 8}, true)
	f.Add(f.Add(q, nil, false), []int32{6, 1}, true)
	f.Add(q, []int32{2}, true)
	f[4].Pos += 3
	f[5].Pos, f[6].Pos, f[7].Pos = f.End(4), f.End(4), f.End(4)+2
	f[2].Temperature = 0.7
	f.Add(f.Add(-1, []int32{9, 10, 11, 12}, true), []int32{13, 14}, true)
	return f
}

// text has no shared segments: roots that nothing continues.
func text() forest.Forest {
	var f forest.Forest
	f.Add(-1, []int32{1, 5, 7, 2}, true)
	f.Add(-1, []int32{9, 3, 4}, true)
	return f
}

// coefficients are an arbitrary linear objective over log-probabilities and entropies.
func coefficients(s forest.ScoredToken) (float32, float32) {
	k := float64(s.Segment)*1.7 + float64(s.Index)*0.9 + 1
	return float32(math.Sin(k)), float32(0.3 * math.Cos(2*k))
}

func open64(t *testing.T, c Config, limits forest.Limits, a Activations) (*ref.Backend[float64], *Decoder) {
	t.Helper()
	b := ref.New[float64]()
	w, err := NewWeights(b, c, F64, Training)
	if err != nil {
		t.Fatal(err)
	}
	fill(b, w.Params)
	d, err := NewTrainingDecoder(b, w, limits, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Free(); w.Free() })
	return b, d
}

// fill gives parameters random values.
func fill(b kernels.Backend, list []*Param) {
	for i, p := range list {
		v := make([]float64, p.Rows*p.Cols)
		r := rng.At(7, rng.Init, uint64(i), 0, 0)
		for j := range v {
			v[j] = 0.4 * r.Normal()
			if p.Kind == Norm {
				v[j]++
			}
		}
		Set(b, p, v)
	}
}

// linear is the objective of coefficients as a loss.
func linear(scored []forest.ScoredToken, _ []Stat, dl, de []float32) {
	for i, s := range scored {
		dl[i], de[i] = coefficients(s)
	}
}

// objective is the exact value of the linear objective, in float64.
func objective(d *Decoder, l *forest.Layout) float64 {
	state := d.newStepState(l)
	for i := range l.Bundles {
		state.bundle(context.Background(), &l.Bundles[i], nil)
	}
	var sum float64
	for i, s := range l.Scored {
		a, e := coefficients(s)
		sum += float64(a)*state.raw[3*i] + float64(e)*state.raw[3*i+1]
	}
	return sum
}

// checkGradients runs a step of the linear objective and compares gradients of parameters with
// central differences.
func checkGradients(t *testing.T, b kernels.Backend, d *Decoder, f forest.Forest, limits forest.Limits,
	list []*Param) {
	t.Helper()
	l, err := forest.NewLayout(f, limits)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, s := range f {
		ids = append(ids, s.Tokens...)
	}
	for _, p := range list {
		b.Zero(p.Grad)
	}
	if _, err := d.Step(context.Background(), f, linear); err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		n := p.Rows * p.Cols
		w, grad := make([]float64, n), make([]float64, n)
		kernels.Download(b, w, p.W)
		kernels.Download(b, grad, p.Grad)
		r := rng.At(3, rng.Init, uint64(n), 0, 0)
		at := func(i int, v float64) float64 {
			was := w[i]
			w[i] = v
			kernels.Upload(b, p.W, w)
			w[i] = was
			return objective(d, l)
		}
		for range 5 {
			const eps = 1e-5
			i := r.Intn(n)
			if p.Kind == Embedding { // a row in use
				i = int(ids[r.Intn(len(ids))])*p.Cols + r.Intn(p.Cols)
			}
			want := (at(i, w[i]+eps) - at(i, w[i]-eps)) / (2 * eps)
			at(i, w[i])
			if math.Abs(grad[i]-want) > 1e-7*(1+math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %.10g, central difference %.10g", p.Name, i, grad[i], want)
			}
		}
	}
}

// TestGradients compares the gradient of every class of parameter with central differences.
func TestGradients(t *testing.T) {
	type shape struct {
		name string
		f    forest.Forest
	}
	for name, c := range families() {
		for _, shape := range []shape{{"grove", grove()}, {"text", text()}} {
			t.Run(name+"/"+shape.name, func(t *testing.T) {
				f := shape.f
				if err := f.Validate(c.Vocab, c.Context); err != nil {
					t.Fatal(err)
				}
				limits := forest.Limits{Shared: 12, Batch: 4}
				b, d := open64(t, c, limits, RecomputeActivations)
				checkGradients(t, b, d, f, limits, d.W.Params)
			})
		}
	}
}

// TestSharedPrefix compares the gradients of a shared forest with those of the same answers
// each behind its own copy of its context.
func TestSharedPrefix(t *testing.T) {
	for name, c := range families() {
		t.Run(name, func(t *testing.T) {
			f := grove()
			var copies forest.Forest
			origin := map[int32]int32{} // scored segment of the copies → segment of f
			for i, s := range f {
				if !s.Scored {
					continue
				}
				parent := -1
				for _, a := range f.Path(i) {
					q := f[a]
					q.Parent, q.Scored = int32(parent), a == i
					copies = append(copies, q)
					parent = len(copies) - 1
				}
				origin[int32(parent)] = int32(i)
			}
			run := func(f forest.Forest, limits forest.Limits, a Activations, origin func(int32) int32) [][]float64 {
				b, d := open64(t, c, limits, a)
				loss := func(scored []forest.ScoredToken, _ []Stat, dl, de []float32) {
					for i, s := range scored {
						s.Segment = origin(s.Segment)
						dl[i], de[i] = coefficients(s)
					}
				}
				if _, err := d.Step(context.Background(), f, loss); err != nil {
					t.Fatal(err)
				}
				var out [][]float64
				for _, p := range d.W.Params {
					g := make([]float64, p.Rows*p.Cols)
					kernels.Download(b, g, p.Grad)
					out = append(out, g)
				}
				return out
			}
			same := func(s int32) int32 { return s }
			shared := run(f, forest.Limits{Shared: 100, Batch: 100}, RecomputeActivations, same)
			kept := run(f, forest.Limits{Shared: 100, Batch: 100}, KeepActivations, same)
			batched := run(f, forest.Limits{Shared: 100, Batch: 4}, RecomputeActivations, same)
			both := run(f, forest.Limits{Shared: 100, Batch: 4}, KeepActivations, same)
			apart := run(copies, forest.Limits{Shared: 100, Batch: 100}, RecomputeActivations,
				func(s int32) int32 { return origin[s] })
			for i := range shared {
				for j := range shared[i] {
					// The oracle adds sums, not terms.
					near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*(1+math.Abs(b)) }
					if s := shared[i][j]; s != kept[i][j] || !near(batched[i][j], s) || both[i][j] != batched[i][j] {
						t.Fatalf("parameter %d[%d]: recomputed %g, kept %g, in batches %g and %g", i, j, s,
							kept[i][j], batched[i][j], both[i][j])
					}
					if !near(shared[i][j], apart[i][j]) {
						t.Fatalf("parameter %d[%d]: shared %.15g, apart %.15g", i, j, shared[i][j], apart[i][j])
					}
				}
			}
		})
	}
}
