package main

import (
	"fmt"

	"spell/kernels"
	"spell/tensor"
)

// timeCopy measures a copy from memory to memory.
func (l *lab) timeCopy(p *problem) (float64, error) {
	m, err := l.matrices(shape{tensor.BF16, p.Rows, p.Out}, shape{tensor.BF16, p.Rows, p.Out})
	if err != nil {
		return 0, err
	}
	return l.seconds(func(int) { l.Copy(m[1], m[0]) }), nil
}

// timeProduct measures a product of bf16. Gradients of weights add to f32.
func (l *lab) timeProduct(p *problem) (float64, error) {
	x, w, y := shape{tensor.BF16, p.Rows, p.In}, shape{tensor.BF16, p.Out, p.In}, shape{tensor.BF16, p.Rows, p.Out}
	if p.Form == "gradW" {
		w.typ = tensor.F32
	}
	var sets [][]tensor.Mat
	for range l.cold(p.Bytes) {
		m, err := l.matrices(x, w, y)
		if err != nil {
			return 0, err
		}
		sets = append(sets, m)
	}
	return l.seconds(func(call int) {
		m := sets[call%len(sets)]
		switch p.Form {
		case "forward":
			l.MatMul(m[2], m[0], m[1], tensor.Mat{}, false)
		case "gradX":
			l.MatMulGradX(m[0], m[2], m[1], false)
		default:
			l.MatMulGradW(m[1], tensor.Mat{}, m[2], m[0])
		}
	}), nil
}

// causal is attention over one sequence.
func causal(n, heads, kvHeads, dim int) *kernels.Attention {
	return &kernels.Attention{Heads: heads, KVHeads: kvHeads, Dim: dim, Scale: 1 / float64(dim),
		Queries: []kernels.Query{{Len: int32(n), Spans: []kernels.Span{{Len: int32(n)}}}}}
}

// timeAttention measures attention of bf16, or its gradient.
func (l *lab) timeAttention(p *problem) (float64, error) {
	q, k := shape{tensor.BF16, p.Length, p.Heads * p.Dim}, shape{tensor.BF16, p.Length, p.KVHeads * p.Dim}
	sum, sums := shape{tensor.F32, q.rows, q.cols}, shape{tensor.F32, k.rows, k.cols}
	m, err := l.matrices(q, q, k, k, shape{tensor.F32, p.Length, p.Heads}, q, sum, sums, sums)
	if err != nil {
		return 0, err
	}
	a := causal(p.Length, p.Heads, p.KVHeads, p.Dim)
	o, qs, ks, vs, lse, do, dq, dk, dv := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]
	l.Attend(o, lse, qs, ks, vs, a)
	if p.Form == "forward" {
		return l.seconds(func(int) { l.Attend(o, lse, qs, ks, vs, a) }), nil
	}
	return l.seconds(func(int) { l.AttendGrad(dq, dk, dv, do, o, lse, qs, ks, vs, a) }), nil
}

// measure returns what a problem takes.
func (l *lab) measure(p *problem) (r result, err error) {
	r = result{problem: *p, Engine: ours}
	switch {
	case p.Case == "copy":
		r.Seconds, err = l.timeCopy(p)
	case p.Step == "gemm" || p.Step == "ceilings":
		r.Seconds, err = l.timeProduct(p)
	case p.Step == "attention":
		r.Seconds, err = l.timeAttention(p)
	case p.Step == "train" || p.Step == "update":
		err = l.timeTraining(&r)
	case p.Step == "selfplay":
		err = l.timeSelfPlay(&r)
	case p.Step == "decode":
		err = l.timeDecode(&r)
	case p.Step == "delta":
		err = l.compareScores(&r)
	default:
		err = fmt.Errorf("nothing measures step %q", p.Step)
	}
	l.release()
	return r, err
}
