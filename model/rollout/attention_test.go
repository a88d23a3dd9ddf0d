package rollout

import (
	"context"
	"math"
	"slices"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/model/open"
	"spell/tensor/fixture"
)

// A plain model computes attention in float64 by its definition, one token after the other.
type plain struct {
	*model.Weights
	values map[*model.Param][]float64
}

func newPlain(b kernels.Backend, w *model.Weights) *plain {
	p := &plain{w, map[*model.Param][]float64{}}
	for _, q := range w.Params {
		v := make([]float64, q.Rows*q.Cols)
		kernels.Download(b, v, q.W)
		p.values[q] = v
	}
	return p
}

// linear returns x·wᵀ + bias.
func (p *plain) linear(w, bias *model.Param, x []float64) []float64 {
	y, values := make([]float64, w.Rows), p.values[w]
	for i := range y {
		for j, v := range values[i*w.Cols : (i+1)*w.Cols] {
			y[i] += v * x[j]
		}
		if bias != nil {
			y[i] += p.values[bias][i]
		}
	}
	return y
}

// norm returns the RMS norm of every w.Cols numbers of x.
func (p *plain) norm(w *model.Param, x []float64) []float64 {
	y := slices.Clone(x)
	for head := range slices.Chunk(y, w.Cols) {
		sum := 0.0
		for _, v := range head {
			sum += v * v
		}
		for j := range head {
			head[j] *= p.values[w][j] / math.Sqrt(sum/float64(len(head))+p.NormEps)
		}
	}
	return y
}

// rotate turns every head of x to a position, in place.
func (p *plain) rotate(x []float64, pos int) []float64 {
	for head := range slices.Chunk(x, p.HeadDim) {
		for j, f := range p.Rotary.InvFreq {
			a, b := head[j], head[j+p.HeadDim/2]
			c, s := math.Cos(float64(pos)*f)*p.Rotary.Scale, math.Sin(float64(pos)*f)*p.Rotary.Scale
			head[j], head[j+p.HeadDim/2] = a*c-b*s, b*c+a*s
		}
	}
	return x
}

// attention returns for each token the attention to those up to it, averaged over heads and layers. The token at
// index i stands at position pos[i].
func (p *plain) attention(ids []int32, pos []int) [][]float64 {
	x := make([][]float64, len(ids))
	mean := make([][]float64, len(ids))
	for i, id := range ids {
		x[i] = slices.Clone(p.values[p.Embed][int(id)*p.Hidden:][:p.Hidden])
		mean[i] = make([]float64, i+1)
	}
	for l := range p.Blocks {
		blk := &p.Blocks[l]
		q, k, v := make([][]float64, len(ids)), make([][]float64, len(ids)), make([][]float64, len(ids))
		for i := range ids {
			xn := p.norm(blk.AttnNorm, x[i])
			q[i], k[i], v[i] = p.linear(blk.Q, blk.QBias, xn), p.linear(blk.K, blk.KBias, xn),
				p.linear(blk.V, blk.VBias, xn)
			if p.QKNorm {
				q[i], k[i] = p.norm(blk.QNorm, q[i]), p.norm(blk.KNorm, k[i])
			}
			p.rotate(q[i], pos[i])
			p.rotate(k[i], pos[i])
		}
		for i := range ids {
			out := make([]float64, p.QDim())
			from := 0
			if p.WindowLayer(l) {
				from = max(0, i+1-p.Window)
			}
			for h := range p.Heads {
				kv := h / (p.Heads / p.KVHeads) * p.HeadDim
				weight, sum := make([]float64, i+1), 0.0
				for j := from; j <= i; j++ {
					dot := 0.0
					for d := range p.HeadDim {
						dot += q[i][h*p.HeadDim+d] * k[j][kv+d]
					}
					weight[j] = math.Exp(dot / math.Sqrt(float64(p.HeadDim)))
					sum += weight[j]
				}
				for j := from; j <= i; j++ {
					mean[i][j] += weight[j] / sum / float64(p.Heads*p.Layers)
					for d := range p.HeadDim {
						out[h*p.HeadDim+d] += weight[j] / sum * v[j][kv+d]
					}
				}
			}
			for j, y := range p.linear(blk.O, blk.OBias, out) {
				x[i][j] += y
			}
			xn := p.norm(blk.MLPNorm, x[i])
			act := p.linear(blk.Gate, blk.GateBias, xn)
			for j, up := range p.linear(blk.Up, blk.UpBias, xn) {
				act[j] *= up / (1 + math.Exp(-act[j]))
			}
			for j, y := range p.linear(blk.Down, blk.DownBias, act) {
				x[i][j] += y
			}
		}
	}
	return mean
}

// TestAttention: the attention of answers is that of the definition, for models of every family but mixtures of
// experts, in more groups than a head has columns; together with what goes to no group the parts are 1.
func TestAttention(t *testing.T) {
	b := cpuBackend(t)
	for _, name := range fixture.Checkpoints(t) {
		t.Run(name, func(t *testing.T) {
			w, err := open.Load(context.Background(), b, fixture.Path(t, name), model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Free()
			groups := testAttention(t, b, w, Options{Slots: 1024, Rows: 8, Seed: 3}, 1e-4)
			if groups <= w.HeadDim {
				t.Fatalf("%d groups fit a head of %d columns", groups, w.HeadDim)
			}
		})
	}
}

// TestAttentionRounded: weights and activations in bf16 change the attention by what they round.
func TestAttentionRounded(t *testing.T) {
	b := cpuBackend(t)
	testAttention(t, b, tiny(t, b, model.BF16), Options{Slots: 1024, Rows: 64, Seed: 3}, 0.05)
}

// testAttention checks a few answers to within an error and returns how many groups there were.
func testAttention(t *testing.T, b kernels.Backend, w *model.Weights, o Options, within float64) (n int) {
	t.Helper()
	n = w.HeadDim + 9
	text := func(n, seed int) (ids []int32) {
		for i := range n {
			ids = append(ids, int32((seed+i*i*7+i)%w.Vocab))
		}
		return ids
	}
	var f forest.Forest
	doc := f.Add(-1, text(40, 5), false)
	first, second := f.Add(doc, text(9, 11), false), f.Add(doc, text(1, 3), false)
	var groups []int32
	for i := range f[doc].Tokens {
		groups = append(groups, int32(i*5%(n+1))-1)
	}
	how := Sampling{Temperature: 1, TopP: 1}
	e := engine(t, b, w, o)
	held := Request{Prompt: f, Hold: true, Branches: []Branch{{first, 2, 12, how}, {second, 1, 3, how}}}
	free := len(e.pages.free)
	checked := 0
	var oracle *plain
	if w.Experts == 0 {
		oracle = newPlain(b, w)
	}
	handOut := func(r Result) error {
		for i, a := range r.Answers {
			seg := r.Forest[a.Segment]
			var ids []int32
			for _, s := range r.Forest.Path(a.Segment) {
				ids = append(ids, r.Forest[s].Tokens...)
			}
			pos := make([]int, len(ids))
			for i := range pos {
				pos[i] = i
			}
			var want [][]float64
			if oracle != nil {
				want = oracle.attention(ids, pos)
			}
			at, k := len(ids)-len(seg.Tokens), len(seg.Tokens)
			for _, c := range [][2]int{{0, k}, {0, 1}, {k - 1, k}, {1, k - 1}} {
				got, err := e.Attention(context.Background(), i, c[0], c[1], groups, n)
				if err != nil {
					return err
				}
				all, err := e.Attention(context.Background(), i, c[0], c[1], make([]int32, at), 1)
				if err != nil {
					return err
				}
				inAnswer, parts := 0.0, make([]float64, n)
				for row := at + c[0] - 1; want != nil && row < at+c[1]-1; row++ {
					for j, p := range want[row] {
						if j >= at {
							inAnswer += p / float64(c[1]-c[0])
						}
						if j < len(groups) && groups[j] >= 0 {
							parts[groups[j]] += p / float64(c[1]-c[0])
						}
					}
				}
				for g := range got {
					if want != nil && math.Abs(got[g]-parts[g]) > within*max(parts[g], 0.01) {
						t.Errorf("answer %d, tokens %v: group %d gets %g, want %g", i, c, g, got[g], parts[g])
					}
				}
				if want != nil && math.Abs(all[0]+inAnswer-1) > within {
					t.Errorf("answer %d, tokens %v: %g goes to the prompt and %g to the answer", i, c, all[0], inAnswer)
				}
				if sum(got) > all[0]+1e-4 || c[0] == 0 && c[1] == 1 && math.Abs(all[0]-1) > within {
					t.Errorf("answer %d, tokens %v: %g goes to groups and %g to the prompt", i, c, sum(got), all[0])
				}
				checked++
			}
		}
		return nil
	}
	err := e.Serve(context.Background(), func() error {
		if err := e.Submit(held, handOut); err != nil {
			return err
		}
		return e.Submit(Request{Prompt: f, Key: 1, Branches: held.Branches}, func(Result) error {
			if _, err := e.Attention(context.Background(), 0, 0, 1, groups, n); err == nil {
				t.Error("the attention of a request that is not held can be asked for")
			}
			return nil
		})
	})
	if err != nil || checked != 12 {
		t.Fatalf("%d checks, %v", checked, err)
	}
	if len(e.pages.free) != free {
		t.Errorf("%d of %d pages are given back", len(e.pages.free), free)
	}
	return n
}

func sum(list []float64) (total float64) {
	for _, x := range list {
		total += x
	}
	return total
}

// TestHold: holding changes no bit of an answer.
func TestHold(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	e := engine(t, b, tiny(t, b, model.F32), Options{Slots: 1 << 13, Rows: 128, Stop: []int32{5}, Seed: 9})
	reqs := requests(7, 12, 1, 3, 8)
	plain := generate(t, e, reqs...)
	for i := range reqs {
		reqs[i].Hold = i%2 == 0
	}
	for i, r := range generate(t, e, reqs...) {
		if said(r) != said(plain[i]) {
			t.Errorf("request %d says\n%swithout being held\n%s", i, said(r), said(plain[i]))
		}
	}
}
