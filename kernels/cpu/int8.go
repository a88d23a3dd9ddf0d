package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// Products with I8 weights are those with the f32 weights that they stand for, integer times scale
// rounded to f32, to the bit. Few rows widen a packed panel on its way into registers, so that
// memory gives a quarter of the bytes of f32; many rows, into scratch, once for all of them. For
// gradients rows of the weights are widened where rows of f32 would be copied.

// An int8Panel is columns of a packed matrix: integers [k][32] and a row of 32 scales for each
// tensor.Int8Run steps.
type int8Panel struct {
	q     []int8
	scale []float32
}

// A block of the reduction starts with a run.
const _ = -uint(packedK % tensor.Int8Run)

// int8Panel returns steps [k0, k1) of the packed I8 panel that starts at column j; without integers
// if B is not packed I8.
func (g *gemmCall) int8Panel(j, k0, k1 int) int8Panel {
	if g.source != packed || g.panels.q == nil || k0 == k1 {
		return int8Panel{}
	}
	return g.panels.steps(g.firstPanel+j/panelCols, g.k, k0, k1)
}

// steps returns steps [k0, k1) of a panel of a matrix of k steps.
func (p *pack) steps(panel, k, k0, k1 int) int8Panel {
	runs := ceil(k, tensor.Int8Run)
	return int8Panel{p.q[(panel*k+k0)*panelCols:][:(k1-k0)*panelCols],
		p.scale[(panel*runs+k0/tensor.Int8Run)*panelCols:][:ceil(k1-k0, tensor.Int8Run)*panelCols]}
}

// fill makes the panel of rows [j, j+32) of m. Rows beyond the last are 0.
func (p int8Panel) fill(m *mat, j int) {
	for r := range panelCols {
		if j+r >= m.rows {
			clearColumn(p.q, r)
			clearColumn(p.scale, r)
			continue
		}
		at := (j + r) * m.stride
		for k, v := range m.q[at:][:m.cols] {
			p.q[k*panelCols+r] = v
		}
		for k, v := range m.scale[at/4:][:ceil(m.cols, tensor.Int8Run)] {
			p.scale[k*panelCols+r] = v
		}
	}
}

func clearColumn[E int8 | float32](panel []E, r int) {
	for i := r; i < len(panel); i += panelCols {
		panel[i] = 0
	}
}

// widenInt8Generic writes the panel as f32, [k][32].
func widenInt8Generic(dst []float32, p int8Panel) {
	for k := 0; k*panelCols < len(p.q); k++ {
		scale := p.scale[k/tensor.Int8Run*panelCols:][:panelCols]
		d, q := dst[k*panelCols:][:panelCols], p.q[k*panelCols:][:panelCols]
		for j, s := range scale {
			d[j] = float32(q[j]) * s
		}
	}
}

// widenInt8RunGeneric sets dst = q*scale.
func widenInt8RunGeneric(dst []float32, q []int8, scale float32) {
	dst = dst[:len(q)]
	for j, v := range q {
		dst[j] = float32(v) * scale
	}
}

// dequantize writes columns [c0, c0+len(dst)) of row i in f32.
func (m *mat) dequantize(s isa, dst []float32, i, c0 int) {
	q, scale := m.q[i*m.stride+c0:][:len(dst)], m.scale[i*m.stride/4:]
	for run := c0 / tensor.Int8Run; len(q) > 0; run++ {
		n := min((run+1)*tensor.Int8Run-c0, len(q))
		s.widenInt8Run(dst[:n], q[:n], scale[run])
		dst, q, c0 = dst[n:], q[n:], c0+n
	}
}

type quantizeCall struct {
	q, w mat
	rows int // of a task
}

// Quantize rounds runs of columns of w to integers with a scale.
func (b *Backend) Quantize(q, w tensor.Mat) {
	if q.Type != tensor.I8 {
		kernels.Check("Quantize", false, "%v is no int8 matrix", q) // boxes its arguments
	}
	kernels.CheckShape("Quantize", "w", w, q.Rows, q.Cols)
	c := &b.calls.quantize
	*c = quantizeCall{q: weights("Quantize", q), w: view("Quantize", w), rows: rowsPerTask(q.Cols)}
	if q.Len() > 0 {
		b.pool.do(c, ceil(q.Rows, c.rows), q.Len() > parallelWork)
	}
	b.loaded(q)
}

func (c *quantizeCall) task(w *worker, i int) {
	n := c.q.cols
	buf := w.take(n)
	for r := i * c.rows; r < min((i+1)*c.rows, c.q.rows); r++ {
		x := c.w.row(w.s, r, 0, n, buf)
		for j := 0; j < n; j += tensor.Int8Run {
			run := x[j:min(j+tensor.Int8Run, n)]
			c.q.scale[r*c.q.stride/4+j/tensor.Int8Run] = quantizeRun(c.q.q[r*c.q.stride+j:][:len(run)], run)
		}
	}
}

// quantizeRun rounds a run of columns to integers and returns their scale.
func quantizeRun(q []int8, w []float32) float32 {
	var top uint32 // without their signs, the bits of numbers are ordered as they are, NaN last
	for _, v := range w {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	s := math.Float32frombits(top) / 127
	if !(s >= kernels.Int8Least && s <= math.MaxFloat32) {
		clear(q)
		if s < kernels.Int8Least {
			return 0
		}
		return float32(math.NaN())
	}
	// Adding 1½·2²³ rounds to integers and leaves them in the low bits; no |v/s| is above 127.
	q = q[:len(w)]
	for j, v := range w {
		q[j] = int8(math.Float32bits(v/s + 0x1.8p23))
	}
	return s
}
