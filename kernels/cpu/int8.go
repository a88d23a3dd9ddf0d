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

// task fills what the matrix has of panel i, run by run, four rows at a time: their integers are the
// bytes of a word.
func (c *quantizeCall) task(w *worker, i int) {
	from, to := max(i*panelCols-c.q.lane, 0), min((i+1)*panelCols-c.q.lane, c.q.rows)
	buf := w.take(5 * tensor.Int8Run)
	zeros := buf[4*tensor.Int8Run:]
	clear(zeros)
	var words [tensor.Int8Run]uint32
	for k := 0; k < c.q.cols; k += tensor.Int8Run {
		p := c.q.panel(i, k, min(k+tensor.Int8Run, c.q.cols))
		run := len(p.q) / panelCols
		for r, n := from, 0; r < to; r += n {
			lane := (c.q.lane + r) % panelCols
			n = min(4-lane%4, to-r)
			x, by := [4][]float32{zeros, zeros, zeros, zeros}, [4]float32{1, 1, 1, 1}
			for j := range n {
				row := c.w.row(w.s, r+j, k, k+run, buf[j*tensor.Int8Run:])
				s := int8Scale(w.s.maxAbs(row))
				if p.scale[lane+j] = s; s > 0 {
					x[j], by[j] = row, s
				}
			}
			w.s.integers(words[:run], x[0][:run], x[1][:run], x[2][:run], x[3][:run], by[0], by[1], by[2], by[3])
			p.put(lane, n, words[:run])
		}
	}
}

// int8Scale returns the scale of a run whose largest magnitude is top.
func int8Scale(top float32) float32 {
	switch s := top / 127; {
	case s < kernels.Int8Least:
		return 0
	case s <= math.MaxFloat32:
		return s
	}
	return float32(math.NaN())
}

// put sets rows [lane, lane+n), n ≤ 4, of the panel to the bytes of words, one for each step.
func (p int8Panel) put(lane, n int, words []uint32) {
	for k, word := range words {
		to := p.q[k*panelCols+lane:][:n]
		if n == 4 { // one store
			_ = to[3]
			to[0], to[1], to[2], to[3] = int8(word), int8(word>>8), int8(word>>16), int8(word>>24)
			continue
		}
		for j := range to {
			to[j] = int8(word >> (8 * j))
		}
	}
}

// integersGeneric sets the bytes of words, the lowest first, to a/sa, b/sb, c/sc and d/sd rounded to
// integers, ties to even. Adding 1½·2²³ rounds, and leaves the integer in the low bits.
func integersGeneric(words []uint32, a, b, c, d []float32, sa, sb, sc, sd float32) {
	for k := range words {
		words[k] = 0
		for j, v := range [4]float32{a[k] / sa, b[k] / sb, c[k] / sc, d[k] / sd} {
			words[k] |= math.Float32bits(v+0x1.8p23) & 0xff << (8 * j)
		}
	}
}
