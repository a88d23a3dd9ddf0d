package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// Products with I8 weights are those with the f32 weights that they stand for, integer times scale
// rounded to f32, to the bit. The matrix lies in panels as products read them. Few rows widen a panel
// on its way into registers, so that memory gives a quarter of the bytes of f32; many rows, into
// scratch, once for all of them. For gradients rows of the weights are widened, panel by panel, where
// rows of f32 would be copied.

// An int8Panel is steps of a panel: integers [k][32] and a row of 32 scales for each tensor.Int8Run
// steps.
type int8Panel struct {
	q     []int8
	scale []float32
}

// A block of the reduction starts with a run, and a panel has as many rows as tiles have columns.
const _ = -uint(packedK%tensor.Int8Run) - uint(panelCols^tensor.Int8Panel)

// panel returns steps [k0, k1) of a panel of an I8 matrix. k0 begins a run.
func (m *mat) panel(i, k0, k1 int) int8Panel {
	at := i * panelCols * m.stride
	return int8Panel{m.q[at+k0*panelCols:][:(k1-k0)*panelCols],
		m.scale[at/4+k0/tensor.Int8Run*panelCols:][:ceil(k1-k0, tensor.Int8Run)*panelCols]}
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

// loadInt8 is load of an I8 matrix: of each panel it widens the steps of a run and turns them into
// rows.
func (m *mat) loadInt8(s isa, dst []float32, ldd, i, rows, j, cols int) {
	var wide [tensor.Int8Run * panelCols]float32
	for done := 0; done < rows; {
		at := m.lane + i + done
		lane := at % panelCols
		n := min(panelCols-lane, rows-done)
		for k := j &^ (tensor.Int8Run - 1); k < j+cols; k += tensor.Int8Run {
			k1 := min(k+tensor.Int8Run, j+cols)
			s.widenInt8(wide[:], m.panel(at/panelCols, k, k1))
			from := max(k, j)
			turn(s, dst[done*ldd+from-j:], ldd, wide[(from-k)*panelCols+lane:], k1-from, n)
		}
		done += n
	}
}

// turn sets dst[r*ldd+k] = panel[k*32+r] for k < steps and r < rows.
func turn(s isa, dst []float32, ldd int, panel []float32, steps, rows int) {
	k := 0
	for ; k+16 <= steps; k += 16 {
		s.transpose(dst[k:], ldd, panel[k*panelCols:], panelCols, rows)
	}
	for ; k < steps; k++ {
		for r := range rows {
			dst[r*ldd+k] = panel[k*panelCols+r]
		}
	}
}

// dequantize writes columns [c0, c0+len(dst)) of row i in f32.
func (m *mat) dequantize(dst []float32, i, c0 int) {
	i += m.lane
	at, lane := i/panelCols*panelCols*m.stride, i%panelCols
	q, scale := m.q[at+lane:], m.scale[at/4+lane:]
	for j := range dst {
		c := c0 + j
		dst[j] = float32(q[c*panelCols]) * scale[c/tensor.Int8Run*panelCols]
	}
}

type quantizeCall struct{ q, w mat }

// Quantize rounds runs of columns of w to integers with a scale.
func (b *Backend) Quantize(q, w tensor.Mat) {
	if q.Type != tensor.I8 {
		kernels.Check("Quantize", false, "%v is no int8 matrix", q) // boxes its arguments
	}
	kernels.CheckShape("Quantize", "w", w, q.Rows, q.Cols)
	c := &b.calls.quantize
	*c = quantizeCall{weights("Quantize", q), view("Quantize", w)}
	if q.Len() > 0 {
		b.pool.do(c, ceil(c.q.lane+q.Rows, panelCols), q.Len() > parallelWork)
	}
	b.loaded(q)
}

// task fills what the matrix has of panel i.
func (c *quantizeCall) task(w *worker, i int) {
	r0 := max(i*panelCols-c.q.lane, 0)
	r1, lane := min((i+1)*panelCols-c.q.lane, c.q.rows), (c.q.lane+r0)%panelCols
	var rounded [panelCols][tensor.Int8Run]int8
	buf := w.take(tensor.Int8Run)
	for k := 0; k < c.q.cols; k += tensor.Int8Run {
		p := c.q.panel(i, k, min(k+tensor.Int8Run, c.q.cols))
		run := len(p.q) / panelCols
		for r := r0; r < r1; r++ {
			p.scale[lane+r-r0] = quantizeRun(rounded[r-r0][:run], c.w.row(w.s, r, k, k+run, buf))
		}
		for k := range run {
			to := p.q[k*panelCols+lane:][:r1-r0]
			for r := range to {
				to[r] = rounded[r][k]
			}
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
