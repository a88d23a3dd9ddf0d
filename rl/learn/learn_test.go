package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/kernels/ref"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/tensor"
	"spell/tensor/rng"
)

var optim = train.Optim{LR: 0.01, EmbedScale: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 1}

var wide = forest.Limits{Shared: 256, Batch: 256}

// newTrainer is a trainer of a tiny random decoder of the same numbers on any backend.
func newTrainer(t testing.TB, b kernels.Backend, p model.Precision, limits forest.Limits) *train.Trainer {
	t.Helper()
	c := model.Config{Family: "llama", Vocab: 23, Hidden: 16, FF: 24, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 8,
		NormEps: 1e-6, Context: 128, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	w, err := model.NewWeights(b, c, p, model.Training)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Params {
		v := make([]float64, p.Rows*p.Cols)
		r := rng.At(7, rng.Init, uint64(i), 0, 0)
		for j := range v {
			v[j] = 0.4 * r.Normal()
			if p.Kind == model.Norm {
				v[j]++
			}
		}
		model.Set(b, p, v)
	}
	tr, err := train.New(b, w, optim, limits, model.KeepActivations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Free(); w.Free() })
	return tr
}

// numbers are those of one matrix of every parameter.
func numbers(tr *train.Trainer, of func(p *model.Param) tensor.Mat) (out [][]float64) {
	for _, p := range tr.Weights.Params {
		v := make([]float64, p.Rows*p.Cols)
		kernels.Download(tr.Backend, v, of(p))
		out = append(out, v)
	}
	return out
}

func weightsOf(tr *train.Trainer) [][]float64 {
	return numbers(tr, func(p *model.Param) tensor.Mat { return p.W })
}

func gradientsOf(tr *train.Trainer) [][]float64 {
	return numbers(tr, func(p *model.Param) tensor.Mat { return p.Grad })
}

// empty reports whether all numbers are 0.
func empty(values [][]float64) bool {
	for _, v := range values {
		if slices.ContainsFunc(v, func(x float64) bool { return x != 0 }) {
			return false
		}
	}
	return true
}

// ids are n tokens that follow from a number.
func ids(n, from int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32((from + 7*i + i*i) % 23)
	}
	return out
}

// text is a line to be learned.
func text(n, from int) forest.Forest {
	var f forest.Forest
	f.Add(-1, ids(n, from), true)
	return f
}

// answers is a prompt of two segments with answers of such lengths.
func answers(prompt int, lengths ...int) forest.Forest {
	var f forest.Forest
	at := f.Chain(-1, ids(9, 1), ids(prompt, 2))
	for i, n := range lengths {
		f.Add(at, ids(n, 3+5*i), true)
	}
	return f
}

// nll is the next-token loss, every token with the same weight.
func nll(weight float32) model.Loss {
	return func(_ []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
		for i := range dl {
			dl[i] = -weight
		}
	}
}

// per is a loss whose coefficients tell segments and places apart.
func per(scale float32) model.Loss {
	return func(scored []forest.ScoredToken, _ []model.Stat, dl, de []float32) {
		for i, s := range scored {
			dl[i], de[i] = -scale/float32(1+s.Segment), scale*float32(s.Index)/64
		}
	}
}

// TestTwoObjectives: the gradient of an update is the sum of those of its trees, each with its own
// loss, which sees the tree's own numbers.
func TestTwoObjectives(t *testing.T) {
	forests := []forest.Forest{answers(6, 5, 7), text(12, 4), answers(6, 4, 3), answers(4, 2)}
	losses := []model.Loss{per(1), nll(0.25), per(-0.5), nll(2)}
	for _, share := range []bool{false, true} {
		b := ref.New[float64]()
		tr := newTrainer(t, b, model.F64, wide)
		u := Updater{Trainer: tr, Limits: wide, Share: share}
		sum := gradientsOf(tr)
		var trees []Tree
		seen := make([]map[forest.ScoredToken]int, len(forests))
		for i, f := range forests {
			if err := u.Accumulate(context.Background(), []Tree{{Forest: f, Loss: losses[i]}}); err != nil {
				t.Fatal(err)
			}
			for k, g := range gradientsOf(tr) {
				for j := range g {
					sum[k][j] += g[j]
				}
			}
			tr.ZeroGrad()
			seen[i] = map[forest.ScoredToken]int{}
			loss := func(scored []forest.ScoredToken, stats []model.Stat, dl, de []float32) {
				for _, s := range scored {
					seen[i][s]++
				}
				losses[i](scored, stats, dl, de)
			}
			trees = append(trees, Tree{Forest: f, Loss: loss})
		}
		if err := u.Accumulate(context.Background(), trees); err != nil {
			t.Fatal(err)
		}
		for k, g := range gradientsOf(tr) {
			for j := range g {
				if !(math.Abs(g[j]-sum[k][j]) < 1e-9*(1+math.Abs(sum[k][j]))) {
					name := tr.Weights.Params[k].Name
					t.Fatalf("share %v: %s[%d] is %g, the sum of the trees %g", share, name, j, g[j], sum[k][j])
				}
			}
		}
		for i, f := range forests {
			layout, err := forest.NewLayout(f, wide)
			if err != nil {
				t.Fatal(err)
			}
			want := map[forest.ScoredToken]int{}
			for _, s := range layout.Scored {
				want[s]++
			}
			if !reflect.DeepEqual(seen[i], want) {
				t.Errorf("share %v: the loss of tree %d saw %v, want %v", share, i, seen[i], want)
			}
		}
	}
}

// TestBeforeSeesTheBits: what a tree is shown before is what its loss sees, bit for bit, in passes
// of any size, and before any loss of the update.
func TestBeforeSeesTheBits(t *testing.T) {
	type row struct {
		s forest.ScoredToken
		x model.Stat
	}
	for _, p := range []model.Precision{model.F32, model.BF16} {
		for _, share := range []bool{false, true} {
			for _, limits := range []forest.Limits{wide, {Shared: 20, Batch: 16}} {
				tr := newTrainer(t, opentest.CPU(t, 2), p, limits)
				var trees []Tree
				var before, after [4]map[row]int
				losses := 0
				for i, f := range []forest.Forest{answers(6, 5, 7), answers(6, 9), text(12, 4), answers(4, 2, 2, 16)} {
					before[i], after[i] = map[row]int{}, map[row]int{}
					trees = append(trees, Tree{Forest: f,
						Before: func(scored []forest.ScoredToken, stats []model.Stat) {
							if losses > 0 {
								t.Errorf("tree %d is shown after a loss", i)
							}
							for j, s := range scored {
								before[i][row{s, stats[j]}]++
							}
						},
						Loss: func(scored []forest.ScoredToken, stats []model.Stat, dl, _ []float32) {
							losses++
							for j, s := range scored {
								after[i][row{s, stats[j]}]++
								dl[j] = -0.1
							}
						}})
				}
				u := Updater{Trainer: tr, Limits: limits, Share: share}
				for range 2 { // with moved weights, too
					losses = 0
					for i := range before {
						clear(before[i])
						clear(after[i])
					}
					if _, err := u.Update(context.Background(), trees, 1); err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(before, after) || len(before[0]) != 12 {
						t.Errorf("%s, share %v, %v: before\n%v\nafter\n%v", p.Name, share, limits, before, after)
					}
				}
			}
		}
	}
}

// TestCutShort: an update that is cancelled or refused at any place leaves weights and gradients as
// they were, and the same update then gives the same bits.
func TestCutShort(t *testing.T) {
	limits := forest.Limits{Shared: 16, Batch: 16}
	forests := []forest.Forest{answers(6, 5, 7), answers(5, 9), answers(4, 2)}
	b := opentest.CPU(t, 1)
	trees := func(at func(place string)) (out []Tree) {
		for i, f := range forests {
			loss := per(1)
			out = append(out, Tree{Forest: f,
				Before: func([]forest.ScoredToken, []model.Stat) { at(fmt.Sprint("before ", i)) },
				Loss: func(scored []forest.ScoredToken, stats []model.Stat, dl, de []float32) {
					at(fmt.Sprint("loss ", i))
					loss(scored, stats, dl, de)
				}})
		}
		return out
	}
	straight := newTrainer(t, b, model.F32, limits)
	u := Updater{Trainer: straight, Limits: limits}
	if _, err := u.Update(context.Background(), trees(func(string) {}), 1); err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(t, b, model.F32, limits)
	u.Trainer = tr
	whole := weightsOf(tr)
	clean := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || err == nil {
			t.Errorf("%s: error %v", what, err)
		}
		if !reflect.DeepEqual(weightsOf(tr), whole) || !empty(gradientsOf(tr)) || tr.Steps != 0 {
			t.Errorf("%s: weights or gradients are not as they were", what)
		}
	}
	for _, place := range []string{"at once", "before 0", "before 2", "loss 0", "loss 1", "loss 2", "pass 1"} {
		ctx, cancel := context.WithCancel(context.Background())
		at := func(p string) {
			if p == place {
				cancel()
			}
		}
		at("at once")
		passes := 0
		u.OnProgress = func(done, total int) {
			passes++
			at(fmt.Sprint("pass ", passes))
		}
		_, err := u.Update(ctx, trees(at), 1)
		cancel()
		clean(place, err, context.Canceled)
	}
	// What no pass holds is refused.
	u.OnProgress = nil
	for name, f := range map[string]forest.Forest{"a prompt": answers(16, 3), "an answer": answers(6, 17)} {
		for _, before := range []func([]forest.ScoredToken, []model.Stat){nil,
			func([]forest.ScoredToken, []model.Stat) {}} {
			long := append(trees(func(string) {}), Tree{Forest: f, Loss: nll(1), Before: before})
			_, err := u.Update(context.Background(), long, 1)
			clean(name+" that is too long", err, err)
		}
	}
	// A gradient that is not finite.
	_, err := u.Update(context.Background(), []Tree{{Forest: forests[0], Loss: nll(float32(math.Inf(1)))}}, 1)
	clean("an infinite loss", err, err)
	if _, err := u.Update(context.Background(), trees(func(string) {}), 1); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(weightsOf(tr), weightsOf(straight)) {
		t.Error("the update that is made then differs")
	}
}

// TestScoreWith: statistics under other weights are those that each forest has by itself, whether or not
// forests share what they begin with.
func TestScoreWith(t *testing.T) {
	b := opentest.CPU(t, 2)
	tr := newTrainer(t, b, model.F32, wide)
	other := newTrainer(t, b, model.F32, wide).Weights
	other.Initialize(b, 5, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
	var forests []forest.Forest
	for i := range 4 {
		var f forest.Forest
		at := f.Chain(-1, ids(9, 1), ids(3, i/2))
		f.Add(at, ids(4, i), true)
		f.Add(at, ids(2+i, 2*i), true)
		forests = append(forests, f)
	}
	d, err := model.NewScorer(b, other, wide)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	for _, share := range []bool{false, true} {
		for _, limits := range []forest.Limits{wide, {Shared: 16, Batch: 8}} {
			u := Updater{Trainer: tr, Limits: limits, Share: share}
			seen := make([][]model.Stat, len(forests))
			show := func(i int, s []forest.ScoredToken, stats []model.Stat) {
				for _, token := range s {
					if forests[i][token.Segment].Tokens[token.Index] != token.Target {
						t.Errorf("forest %d: %+v is not one of its tokens", i, token)
					}
				}
				seen[i] = append(seen[i], stats...)
			}
			if err := u.ScoreWith(context.Background(), other, forests, show); err != nil {
				t.Fatal(err)
			}
			for i, f := range forests {
				want, err := d.Score(context.Background(), f)
				if err != nil || !slices.Equal(seen[i], want) {
					t.Errorf("share %v, limits %+v: forest %d has %v, by itself %v (%v)", share, limits, i, seen[i],
						want, err)
				}
			}
		}
	}
}
