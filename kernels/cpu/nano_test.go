package cpu

import (
	"fmt"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// The nano model, the first that users train: hidden 128, feed-forward 352, 4 heads of 32,
// 3 layers, vocabulary 1024.
const (
	nanoDim, nanoFF, nanoHeads, nanoHead, nanoLayers, nanoVocab = 128, 352, 4, 32, 3, 1024
)

// A nano holds the matrices of one layer, used for all, and the head.
type nano struct {
	*bench
	rows                               int
	att                                kernels.Attention
	wq, wo, wg, wd, norm, embed        tensor.Mat // wq: q, k and v, wg: gate or up
	x, h, q, k, v, o, lse, g, u, s     tensor.Mat
	dx, dh, dq, dk, dv, do, dg, du, ds tensor.Mat
	grads, first, second               []tensor.Mat // and the moments
	weights                            []tensor.Mat
	cs, stats, logits                  tensor.Mat
	ids                                []int32
	inv, coef                          []float32
	logp                               []float32
	how                                []kernels.Sampling
}

func newNano(b *testing.B, workers, rows, keys int, queries []kernels.Query) *nano {
	n := &nano{bench: newBench(b, workers), rows: rows}
	n.att = kernels.Attention{Heads: nanoHeads, KVHeads: nanoHeads, Dim: nanoHead, Scale: .17, Queries: queries}
	weight := func(r, c int) tensor.Mat {
		w := n.random(n.params, tensor.F32, r, c)
		n.weights = append(n.weights, w)
		for _, l := range []*[]tensor.Mat{&n.grads, &n.first, &n.second} {
			*l = append(*l, n.rest.New(tensor.F32, r, c))
		}
		return w
	}
	n.wq, n.wo, n.wg, n.wd = weight(nanoDim, nanoDim), weight(nanoDim, nanoDim), weight(nanoFF, nanoDim),
		weight(nanoDim, nanoFF)
	n.norm, n.embed = weight(1, nanoDim), weight(nanoVocab, nanoDim)
	act := func(r, c int) tensor.Mat { return n.random(n.rest, tensor.F32, r, c) }
	for _, m := range []*tensor.Mat{&n.x, &n.h, &n.q, &n.o, &n.dx, &n.dh, &n.dq, &n.do} {
		*m = act(rows, nanoDim)
	}
	for _, m := range []*tensor.Mat{&n.g, &n.u, &n.s, &n.dg, &n.du, &n.ds} {
		*m = act(rows, nanoFF)
	}
	for _, m := range []*tensor.Mat{&n.k, &n.v, &n.dk, &n.dv} {
		*m = act(keys, nanoDim)
	}
	n.lse, n.cs, n.stats, n.logits = act(rows, nanoHeads), act(rows, nanoHead), act(rows, 3), act(rows, nanoVocab)
	n.ids, n.inv, n.coef, n.logp, n.how = make([]int32, rows), make([]float32, rows), make([]float32, rows),
		make([]float32, rows), make([]kernels.Sampling, rows)
	for i := range rows {
		n.ids[i], n.inv[i], n.coef[i], n.how[i] = int32(i*37%nanoVocab), 1, .01,
			kernels.Sampling{Temperature: 1, TopP: 1, U: float64(i) / float64(rows)}
	}
	// What operations write is no parameter.
	n.SwiGLU(n.s, n.g, n.u)
	return n
}

var none tensor.Mat

func (n *nano) forward() {
	for range nanoLayers {
		n.RMSNorm(n.h, n.x, n.norm, 1e-6)
		n.MatMul(n.q, n.h, n.wq, none, false)
		k, v := n.k.Slice(0, n.rows), n.v.Slice(0, n.rows)
		n.MatMul(k, n.h, n.wq, none, false)
		n.MatMul(v, n.h, n.wq, none, false)
		n.Rope(n.q, n.q, n.cs, false)
		n.Rope(k, k, n.cs, false)
		n.Attend(n.o, n.lse, n.q, n.k, n.v, &n.att)
		n.MatMul(n.x, n.o, n.wo, none, true)
		n.RMSNorm(n.h, n.x, n.norm, 1e-6)
		n.MatMul(n.g, n.h, n.wg, none, false)
		n.MatMul(n.u, n.h, n.wg, none, false)
		n.SwiGLU(n.s, n.g, n.u)
		n.MatMul(n.x, n.s, n.wd, none, true)
	}
}

func (n *nano) backward() {
	g := n.grads // wq wo wg wd norm embed
	for range nanoLayers {
		n.MatMulGradX(n.ds, n.dx, n.wd, false)
		n.MatMulGradW(g[3], none, n.dx, n.s)
		n.SwiGLUGrad(n.dg, n.du, n.ds, n.g, n.u)
		n.MatMulGradX(n.dh, n.dg, n.wg, false)
		n.MatMulGradX(n.dh, n.du, n.wg, true)
		n.MatMulGradW(g[2], none, n.dg, n.h)
		n.MatMulGradW(g[2], none, n.du, n.h)
		n.RMSNormGrad(n.dx, g[4], n.dh, n.x, n.norm, 1e-6)
		n.MatMulGradX(n.do, n.dx, n.wo, false)
		n.MatMulGradW(g[1], none, n.dx, n.o)
		n.AttendGrad(n.dq, n.dk, n.dv, n.do, n.o, n.lse, n.q, n.k, n.v, &n.att)
		dk, dv := n.dk.Slice(0, n.rows), n.dv.Slice(0, n.rows)
		n.Rope(n.dq, n.dq, n.cs, true)
		n.Rope(dk, dk, n.cs, true)
		for i, d := range []tensor.Mat{n.dq, dk, dv} {
			n.MatMulGradX(n.dh, d, n.wq, i > 0)
			n.MatMulGradW(g[0], none, d, n.h)
		}
		n.RMSNormGrad(n.dx, g[4], n.dh, n.x, n.norm, 1e-6)
	}
}

// trainQueries returns 8 forests of a root of 64 tokens and 7 children of 9.
func trainQueries() (q []kernels.Query, rows int) {
	for range 8 {
		root := kernels.Span{Row: int32(rows), Len: 64}
		q = append(q, kernels.Query{Row: root.Row, Len: 64, Spans: []kernels.Span{root}})
		rows += 64
		for range 7 {
			own := kernels.Span{Row: int32(rows), Len: 9}
			q = append(q, kernels.Query{Row: own.Row, Len: 9, Spans: []kernels.Span{root, own}})
			rows += 9
		}
	}
	return q, rows
}

// BenchmarkNanoTrain runs one step on about 1,000 rows: forward, recomputed forward, backward,
// AdamW.
func BenchmarkNanoTrain(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			q, rows := trainQueries()
			n := newNano(b, workers, rows, rows, q)
			b.ReportAllocs()
			for b.Loop() {
				n.Gather(n.x, n.embed, n.ids)
				n.forward()
				n.RMSNorm(n.h, n.x, n.norm, 1e-6)
				n.LogProb(n.stats, n.h, n.embed, n.ids, n.inv)
				n.LogProbGrad(n.dh, n.grads[5], n.stats, n.h, n.embed, n.ids, n.inv, n.coef, n.coef)
				n.Zero(n.dx)
				n.RMSNormGrad(n.dx, n.grads[4], n.dh, n.x, n.norm, 1e-6)
				n.Gather(n.x, n.embed, n.ids)
				n.forward()
				n.backward()
				n.ScatterAdd(n.grads[5], n.dx, n.ids)
				for i, w := range n.weights {
					n.SumSquares(n.grads[i])
					n.AdamW(w, w, n.first[i], n.second[i], n.grads[i],
						kernels.AdamStep{LR: 1e-6, Beta1: .9, Beta2: .98, Eps: 1e-8, GradScale: 1, Step: 1})
					n.Zero(n.grads[i])
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkNanoDecode runs one token for each of 100 rows, 300 keys behind each in 10 groups that
// share 280, with sampling.
func BenchmarkNanoDecode(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var q []kernels.Query
			for i := range int32(100) {
				var spans []kernels.Span
				for p := range int32(5) {
					spans = append(spans, kernels.Span{Row: 100 + i/10*320 + 64*p, Len: min(64, 280-64*p)})
				}
				q = append(q, kernels.Query{Row: i, Len: 1,
					Spans: append(spans, kernels.Span{Row: 3300 + 20*i, Len: 20})})
			}
			n := newNano(b, workers, 100, 5300, q)
			b.ReportAllocs()
			for b.Loop() {
				n.Gather(n.x, n.embed, n.ids)
				n.forward()
				n.RMSNorm(n.h, n.x, n.norm, 1e-6)
				n.MatMul(n.logits, n.h, n.embed, none, false)
				n.Sample(n.ids, n.logp, n.logits, n.how)
			}
			b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
