package train

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/tensor"
)

// newTrainer is a trainer of a tiny random decoder whose weights, embedding, norms and biases
// are all nonzero.
func newTrainer(t testing.TB, p model.Precision, o Optim) *Trainer {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	tr := trainerOn(t, b, p, o)
	t.Cleanup(func() { tr.Free(); tr.Weights.Free(); b.Close() })
	return tr
}

func trainerOn(t testing.TB, b kernels.Backend, p model.Precision, o Optim) *Trainer {
	t.Helper()
	return trainerOf(t, b, dense, p, o)
}

// dense and mixture are the models of these tests.
var (
	dense = model.Config{Family: "qwen2", Vocab: 40, Hidden: 16, FF: 24, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 8,
		QKVBias: true,
		NormEps: 1e-6, Context: 128, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{1}}
	mixture = func() model.Config {
		c := dense
		c.Family, c.QKVBias, c.QKNorm, c.Layers = "qwen3_moe", false, true, 3
		c.Mixture = model.Mixture{Experts: 5, TopK: 2, ExpertFF: 12, NormTopK: true, SparseStep: 1,
			DenseLayers: []int{1}, AuxLoss: 0.001}
		return c
	}()
)

func trainerOf(t testing.TB, b kernels.Backend, c model.Config, p model.Precision, o Optim) *Trainer {
	t.Helper()
	w, err := model.NewWeights(b, c, p, model.Training)
	if err != nil {
		t.Fatal(err)
	}
	w.Initialize(b, 1, model.Init{Embedding: 0.5, Matrix: 1, Residual: 1})
	for _, p := range w.Params {
		if p.Kind == model.Bias {
			v := make([]float32, p.Cols)
			for i := range v {
				v[i] = 0.25
			}
			model.Set(b, p, v)
		}
	}
	tr, err := New(b, w, o, forest.Limits{Shared: 64, Batch: 64}, model.KeepActivations)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// text is a forest of one scored segment.
func text(n, from int) forest.Forest {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((from + 7*i) % 40)
	}
	var f forest.Forest
	f.Add(-1, ids, true)
	return f
}

// nll is the next-token loss, times scale.
func nll(scale float32) model.Loss {
	return func(scored []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
		for i := range dl {
			dl[i] = -scale / float32(len(scored))
		}
	}
}

// read is the values of a matrix.
func read(tr *Trainer, p *model.Param) (w, master, m, v []float32) {
	get := func(m tensor.Mat) []float32 {
		if m.Type == tensor.M8 || m.Type == tensor.V8 {
			raw := make([]byte, 4*m.Words().Len()) // some words would be NaN
			tr.Backend.Read(raw, m.Words())
			codes := make([]float32, len(raw))
			for i, c := range raw {
				codes[i] = float32(c)
			}
			return codes
		}
		f := make([]float32, m.Len())
		kernels.Download(tr.Backend, f, m)
		return f
	}
	return get(p.W), get(p.Master), get(p.M), get(p.V)
}

func all(tr *Trainer) (out [][]float32) {
	for _, p := range tr.Weights.Params {
		w, master, m, v := read(tr, p)
		out = append(out, w, master, m, v)
	}
	return out
}

// TestUpdate: one update against AdamW written out in float64, with and without a clip; decay
// on matrices and embedding only; the embedding's own rate.
func TestUpdate(t *testing.T) {
	for _, clip := range []float64{0, 1e-3, 1e9} {
		o := Optim{LR: 0.01, EmbedScale: 0.5, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: clip}
		tr := newTrainer(t, model.F32, o)
		var grads [][]float64
		var sum float64
		if _, err := tr.Accumulate(context.Background(), text(30, 3), nll(1)); err != nil {
			t.Fatal(err)
		}
		for _, p := range tr.Weights.Params {
			g := make([]float64, p.Rows*p.Cols)
			kernels.Download(tr.Backend, g, p.Grad)
			for _, x := range g {
				sum += x * x
			}
			grads = append(grads, g)
		}
		var before [][]float32
		for _, p := range tr.Weights.Params {
			w, _, _, _ := read(tr, p)
			before = append(before, w)
		}
		norm, err := tr.Update(0.5)
		if err != nil {
			t.Fatal(err)
		}
		if want := math.Sqrt(sum); !(math.Abs(norm-want) < 1e-6*want) {
			t.Errorf("norm %v, want %v", norm, want)
		}
		scale := 1.0
		if clip > 0 && norm > clip {
			scale = clip / norm
		}
		for i, p := range tr.Weights.Params {
			lr, decay := 0.005, 0.0
			switch p.Kind {
			case model.Embedding:
				lr, decay = 0.0025, 0.1
			case model.Matrix, model.Residual:
				decay = 0.1
			}
			after, _, _, _ := read(tr, p)
			for k, g := range grads[i] {
				g *= scale
				w := float64(before[i][k])
				m, v := g, g*g // bias-corrected after one step
				want := w - lr*(m/(math.Sqrt(v)+o.Eps)+decay*w)
				if g == 0 {
					want = w - lr*decay*w
				}
				if !(math.Abs(float64(after[k])-want) < 2e-6) {
					t.Fatalf("clip %g, %s[%d]: %v became %v, want %v (gradient %g)", clip, p.Name, k, w, after[k],
						want, g)
				}
			}
			rest := make([]float32, p.Rows*p.Cols)
			kernels.Download(tr.Backend, rest, p.Grad)
			for _, g := range rest {
				if g != 0 {
					t.Fatalf("%s has gradients after the update", p.Name)
				}
			}
		}
		if tr.Steps != 1 {
			t.Errorf("%d steps", tr.Steps)
		}
	}
}

// TestAccumulate: a batch in parts has the gradients of the batch in one pass.
func TestAccumulate(t *testing.T) {
	o := Optim{LR: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, ClipNorm: 1}
	one, parts := newTrainer(t, model.F32, o), newTrainer(t, model.F32, o)
	per := func(scored []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
		for i := range dl {
			dl[i] = -1
		}
	}
	a, b := text(20, 1), text(25, 5)
	both := append(forest.Forest{}, a...)
	both.Append(b)
	if _, err := one.Accumulate(context.Background(), both, per); err != nil {
		t.Fatal(err)
	}
	for _, f := range []forest.Forest{a, b} {
		if _, err := parts.Accumulate(context.Background(), f, per); err != nil {
			t.Fatal(err)
		}
	}
	n1, err1 := one.Update(1)
	n2, err2 := parts.Update(1)
	if err1 != nil || err2 != nil || !(math.Abs(n1-n2) < 1e-5*n1) {
		t.Errorf("norms %v and %v, errors %v and %v", n1, n2, err1, err2)
	}
	if _, err := parts.Accumulate(context.Background(), a, per); err != nil {
		t.Fatal(err)
	}
	parts.ZeroGrad()
	if n, err := parts.Update(1); n != 0 || err != nil {
		t.Errorf("after ZeroGrad the norm is %v, %v", n, err)
	}
}

// TestNotFinite: gradients that are not finite leave weights, moments and the step count as
// they were, are cleared, and the error says what happened.
func TestNotFinite(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			tr := newTrainer(t, p, Optim{LR: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 1})
			step := func(scale float32) error {
				if _, err := tr.Accumulate(context.Background(), text(20, 1), nll(scale)); err != nil {
					t.Fatal(err)
				}
				_, err := tr.Update(1)
				return err
			}
			if err := step(1); err != nil {
				t.Fatal(err)
			}
			before := all(tr)
			err := step(bad)
			if err == nil || !strings.Contains(err.Error(), "gradient norm") ||
				!strings.Contains(err.Error(), "left out") {
				t.Errorf("%s, %g: error %v", p.Name, bad, err)
			}
			if !reflect.DeepEqual(before, all(tr)) || tr.Steps != 1 {
				t.Errorf("%s, %g: weights or optimizer changed", p.Name, bad)
			}
			if err := step(1); err != nil || tr.Steps != 2 {
				t.Errorf("%s, %g: the next update fails: %v", p.Name, bad, err)
			}
		}
	}
}

func TestOptimValidate(t *testing.T) {
	good := Optim{LR: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	nan := math.NaN()
	for name, o := range map[string]Optim{
		"lr": {LR: -1}, "eps": {Eps: nan}, "weight_decay": {WeightDecay: -1}, "clip_norm": {ClipNorm: nan},
		"embed_scale": {EmbedScale: math.Inf(1)}, "beta1": {Beta1: 1}, "beta2": {Beta2: nan},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "optim."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoom: neither the size of a batch nor what is kept changes a bit of the gradients.
func TestRoom(t *testing.T) { testRoom(t, dense) }

// TestRoomOfMixture is TestRoom of a mixture of experts, whose routing is repeated.
func TestRoomOfMixture(t *testing.T) { testRoom(t, mixture) }

func testRoom(t *testing.T, c model.Config) {
	per := func(scored []forest.ScoredToken, _ []model.Stat, dl, de []float32) {
		for i, s := range scored {
			dl[i], de[i] = -1/float32(1+s.Segment), float32(s.Index)/8
		}
	}
	for _, p := range []model.Precision{model.F32, model.BF16} {
		var f forest.Forest
		for i := range 3 {
			var tree forest.Forest
			root := tree.Add(-1, text(7+i, i)[0].Tokens, false)
			for k := range 4 {
				tree.Add(root, text(1+(i+k)%4, k)[0].Tokens, true)
			}
			question := tree.Add(root, text(3, 9)[0].Tokens, true)
			tree.Add(question, text(4, 5)[0].Tokens, true)
			f.Append(tree)
		}
		var want [][]float32
		for _, a := range []model.Activations{model.RecomputeActivations, model.KeepActivations} {
			for _, batch := range []int{4, 5, 9, 64} {
				b := opentest.CPU(t, 1)
				tr := trainerOf(t, b, c, p, Optim{LR: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8})
				d, err := model.NewTrainingDecoder(tr.Backend, tr.Weights, forest.Limits{Shared: 64, Batch: batch}, a)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.Step(context.Background(), f, per); err != nil {
					t.Fatal(err)
				}
				d.Free()
				t.Cleanup(func() { tr.Free(); tr.Weights.Free() })
				var got [][]float32
				for _, p := range tr.Weights.Params {
					g := make([]float32, p.Rows*p.Cols)
					kernels.Download(tr.Backend, g, p.Grad)
					got = append(got, g)
				}
				if want == nil {
					want = got
				}
				for i, p := range tr.Weights.Params {
					if !reflect.DeepEqual(got[i], want[i]) {
						t.Errorf("%s: batches of %d, kept %v: other gradients", p.Name, batch,
							a == model.KeepActivations)
					}
				}
			}
		}
	}
}

// TestMixtureLearns: the loss of a mixture falls, in both precisions, by way of the router and
// every expert that is used; the trainer tells how even the router is, of forests that were learned
// from and no others.
func TestMixtureLearns(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		b := opentest.CPU(t, 2)
		tr := trainerOf(t, b, mixture, p, Optim{LR: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, ClipNorm: 1})
		t.Cleanup(func() { tr.Free(); tr.Weights.Free() })
		router := func() []float32 {
			w, _, _, _ := read(tr, tr.Weights.Blocks[2].Router)
			return w
		}
		before := router()
		var first, last float64
		const updates = 60
		for i := range updates {
			sum, n := 0.0, 0
			for k := range 2 {
				stats, err := tr.Accumulate(context.Background(), text(40, k), nll(0.5))
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range stats {
					sum, n = sum-float64(s.LogProb), n+1
				}
			}
			if last = sum / float64(n); i == 0 {
				first = last
			}
			if _, err := tr.Decoder.Score(context.Background(), text(30, 5)); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.Update(1); err != nil {
				t.Fatal(err)
			}
			e := tr.Experts
			if e == nil || e.Of != 10 || e.Unused > 6 || !(e.Busiest >= 0.2 && e.Busiest <= 0.5) {
				t.Fatalf("%s: experts %+v", p.Name, e)
			}
		}
		if guess := math.Log(40); !(math.Abs(first-guess) < 1.5) || !(last < first/4) {
			t.Errorf("%s: the loss goes from %.3f to %.3f in %d updates", p.Name, first, last, updates)
		}
		if reflect.DeepEqual(before, router()) {
			t.Errorf("%s: the router has not learned", p.Name)
		}
		tr.Decoder.Score(context.Background(), text(30, 5))
		if _, err := tr.Update(1); err != nil || tr.Experts != nil {
			t.Errorf("%s: scoring counts as learning: %+v (%v)", p.Name, tr.Experts, err)
		}
	}
}

// A countdown is a context that is cancelled once it was asked n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancel: an update whose second forest was cancelled at any point, and that is made again
// after ZeroGrad, is the update that was not cancelled.
func TestCancel(t *testing.T) {
	ctx := context.Background()
	straight, cut := newTrainer(t, model.F32, optim), newTrainer(t, model.F32, optim)
	for n := 0; ; n++ {
		accumulate := func(tr *Trainer, ctx context.Context, from int) error {
			_, err := tr.Accumulate(ctx, text(20, from), nll(1))
			return err
		}
		if err := accumulate(cut, ctx, n); err != nil {
			t.Fatal(err)
		}
		err := accumulate(cut, &countdown{ctx, n}, n+1)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cut.ZeroGrad()
		for _, tr := range []*Trainer{straight, cut} {
			if err := errors.Join(accumulate(tr, ctx, n), accumulate(tr, ctx, n+1)); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.Update(1); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(all(straight), all(cut)) {
			t.Fatalf("after a cancellation at point %d the update differs", n)
		}
		if err == nil {
			if n < 2*straight.Weights.Layers+2 { // blocks and head, forward and backward
				t.Errorf("it can be cancelled at %d points", n)
			}
			return
		}
	}
}
