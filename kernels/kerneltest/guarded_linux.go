package kerneltest

import (
	"fmt"

	"golang.org/x/sys/unix"

	"spell/kernels"
	"spell/tensor"
)

// Guarded wraps a backend so that its arenas cannot be read or written outside its operations,
// and during one only those of its operands: host code that reaches into backend memory
// faults, as does a worker that goes on after the operation has returned. Arenas that the host
// cannot address are left alone.
func Guarded(b kernels.Backend) kernels.Backend { return &guard{b, map[*tensor.Arena]bool{}} }

// A guard knows the arenas it protects. Its methods are those of kernels.Backend: each opens the
// arenas of its operands for the time of the operation.
type guard struct {
	b      kernels.Backend
	arenas map[*tensor.Arena]bool
}

// open makes the arenas of mats accessible until the function it returns is called.
func (g *guard) open(mats ...tensor.Mat) (shut func()) {
	g.protect(unix.PROT_READ|unix.PROT_WRITE, mats)
	return func() { g.protect(unix.PROT_NONE, mats) }
}

func (g *guard) protect(mode int, mats []tensor.Mat) {
	for i, m := range mats {
		if m.IsZero() || i > 0 && m.Arena == mats[i-1].Arena {
			continue
		}
		a := m.Arena.Whole()
		if !g.arenas[a] {
			continue
		}
		if err := unix.Mprotect(a.Host, mode); err != nil {
			panic(&kernels.Fault{Err: fmt.Errorf("protecting arena %s: %w", a.Name(), err)})
		}
	}
}

func (g *guard) Name() string { return g.b.Name() }
func (g *guard) Close() error { return g.b.Close() }

// Alloc maps an arena and locks it.
func (g *guard) Alloc(name string, bytes int) (*tensor.Arena, error) {
	a, err := g.b.Alloc(name, bytes)
	if err != nil || len(a.Host) == 0 {
		return a, err
	}
	if err := unix.Mprotect(a.Host, unix.PROT_NONE); err != nil {
		return nil, fmt.Errorf("protecting arena %s: %w", name, err)
	}
	g.arenas[a] = true
	return a, nil
}

func (g *guard) Write(dst tensor.Mat, src []byte) {
	defer g.open(dst)()
	g.b.Write(dst, src)
}

func (g *guard) Read(dst []byte, src tensor.Mat) {
	defer g.open(src)()
	g.b.Read(dst, src)
}

func (g *guard) Zero(dst tensor.Mat) {
	defer g.open(dst)()
	g.b.Zero(dst)
}

func (g *guard) Copy(dst, src tensor.Mat) {
	defer g.open(dst, src)()
	g.b.Copy(dst, src)
}

func (g *guard) Scale(y, x tensor.Mat, factor float64) {
	defer g.open(y, x)()
	g.b.Scale(y, x, factor)
}

func (g *guard) Quantize(q, w tensor.Mat) {
	defer g.open(q, w)()
	g.b.Quantize(q, w)
}

func (g *guard) Gather(y, table tensor.Mat, rows []int32) {
	defer g.open(y, table)()
	g.b.Gather(y, table, rows)
}

func (g *guard) Scatter(table, y tensor.Mat, rows []int32) {
	defer g.open(table, y)()
	g.b.Scatter(table, y, rows)
}

func (g *guard) ScatterAdd(dtable, dy tensor.Mat, rows []int32) {
	defer g.open(dtable, dy)()
	g.b.ScatterAdd(dtable, dy, rows)
}

func (g *guard) RMSNorm(y, x, w tensor.Mat, eps float64) {
	defer g.open(y, x, w)()
	g.b.RMSNorm(y, x, w, eps)
}

func (g *guard) RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64) {
	defer g.open(dx, dw, dy, x, w)()
	g.b.RMSNormGrad(dx, dw, dy, x, w, eps)
}

func (g *guard) MatMul(y, x, w, bias tensor.Mat, acc bool) {
	defer g.open(y, x, w, bias)()
	g.b.MatMul(y, x, w, bias, acc)
}

func (g *guard) MatMulGradX(dx, dy, w tensor.Mat, acc bool) {
	defer g.open(dx, dy, w)()
	g.b.MatMulGradX(dx, dy, w, acc)
}

func (g *guard) MatMulGradW(dw, db, dy, x tensor.Mat) {
	defer g.open(dw, db, dy, x)()
	g.b.MatMulGradW(dw, db, dy, x)
}

func (g *guard) GroupMatMul(y, x, w tensor.Mat, ends []int32) {
	defer g.open(y, x, w)()
	g.b.GroupMatMul(y, x, w, ends)
}

func (g *guard) GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, acc bool) {
	defer g.open(dx, dy, w)()
	g.b.GroupMatMulGradX(dx, dy, w, ends, acc)
}

func (g *guard) GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32) {
	defer g.open(dw, dy, x)()
	g.b.GroupMatMulGradW(dw, dy, x, ends)
}

func (g *guard) Route(ids []int32, weights, logits tensor.Mat, normalize bool) {
	defer g.open(weights, logits)()
	g.b.Route(ids, weights, logits, normalize)
}

func (g *guard) RouteGrad(dlogits, dweights, weights, logits tensor.Mat, ids []int32, normalize bool) {
	defer g.open(dlogits, dweights, weights, logits)()
	g.b.RouteGrad(dlogits, dweights, weights, logits, ids, normalize)
}

func (g *guard) GatherAdd(y, x tensor.Mat, rows []int32) {
	defer g.open(y, x)()
	g.b.GatherAdd(y, x, rows)
}

func (g *guard) RopeTable(cs tensor.Mat, pos []int32, r kernels.Rotary) {
	defer g.open(cs)()
	g.b.RopeTable(cs, pos, r)
}

func (g *guard) Rope(y, x, cs tensor.Mat, inverse bool) {
	defer g.open(y, x, cs)()
	g.b.Rope(y, x, cs, inverse)
}

func (g *guard) Attend(o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	defer g.open(o, lse, q, k, v)()
	g.b.Attend(o, lse, q, k, v, a)
}

func (g *guard) AttendGrad(dq, dk, dv, do, o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	defer g.open(dq, dk, dv, do, o, lse, q, k, v)()
	g.b.AttendGrad(dq, dk, dv, do, o, lse, q, k, v, a)
}

func (g *guard) SwiGLU(y, gate, up tensor.Mat) {
	defer g.open(y, gate, up)()
	g.b.SwiGLU(y, gate, up)
}

func (g *guard) SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat) {
	defer g.open(dgate, dup, dy, gate, up)()
	g.b.SwiGLUGrad(dgate, dup, dy, gate, up)
}

func (g *guard) ScaledSwiGLU(y, gate, up, scale tensor.Mat) {
	defer g.open(y, gate, up, scale)()
	g.b.ScaledSwiGLU(y, gate, up, scale)
}

func (g *guard) ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale tensor.Mat) {
	defer g.open(dgate, dup, dscale, dy, gate, up, scale)()
	g.b.ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale)
}

func (g *guard) LogProb(stats, x, w tensor.Mat, targets []int32, invTemp []float32) {
	defer g.open(stats, x, w)()
	g.b.LogProb(stats, x, w, targets, invTemp)
}

func (g *guard) LogProbGrad(dx, dw, stats, x, w tensor.Mat, targets []int32, invTemp, coefLogp, coefEntropy []float32) {
	defer g.open(dx, dw, stats, x, w)()
	g.b.LogProbGrad(dx, dw, stats, x, w, targets, invTemp, coefLogp, coefEntropy)
}

func (g *guard) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	defer g.open(logits)()
	g.b.Sample(ids, logp, logits, how)
}

func (g *guard) SumSquares(m tensor.Mat) float64 {
	defer g.open(m)()
	return g.b.SumSquares(m)
}

func (g *guard) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	defer g.open(w, master, m, v, grad)()
	g.b.AdamW(w, master, m, v, grad, s)
}
