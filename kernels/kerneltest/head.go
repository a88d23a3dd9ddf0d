package kerneltest

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// A headCase is one problem of the language model head.
type headCase struct {
	rows, dim, vocab               int
	x, w                           []float64
	targets                        []int32
	invTemp, coefLogp, coefEntropy []float32
}

func newHeadCase(rows, dim, vocab int) *headCase {
	r := random(10, rows, dim, vocab)
	h := &headCase{rows: rows, dim: dim, vocab: vocab,
		x: normal(r, rows*dim, 1),
		w: normal(r, vocab*dim, 2/math.Sqrt(float64(dim)))}
	for i := range rows {
		h.targets = append(h.targets, []int32{int32(r.IntN(vocab)), int32(vocab - 1), 0}[i%3])
		h.invTemp = append(h.invTemp, []float32{1, 1 / 0.7, 0.5}[i%3])
		h.coefLogp = append(h.coefLogp, float32(r.NormFloat64()))
		h.coefEntropy = append(h.coefEntropy, []float32{0, float32(r.NormFloat64())}[i%2])
	}
	return h
}

// pick selects the elements of rows.
func pick[E any](list []E, rows []int) []E {
	chosen := make([]E, len(rows))
	for i, r := range rows {
		chosen[i] = list[r]
	}
	return chosen
}

// headShapes are rows, dim, vocab: below, at and above VocabTile.
var headShapes = [][3]int{
	{0, 16, 100}, {1, 8, 1}, {1, 64, kernels.VocabTile}, {2, 33, kernels.VocabTile - 1}, {3, 17, kernels.VocabTile + 1},
	{5, 64, 3*kernels.VocabTile + 37}, {17, 40, 700}, {35, 48, 1100},
}

// logProb tests LogProb and LogProbGrad.
func (s *suite) logProb(t *testing.T, ty types) {
	for n, shape := range headShapes {
		if s.quick && n > 5 {
			continue
		}
		h := newHeadCase(shape[0], shape[1], shape[2])
		rows, dim, vocab := h.rows, h.dim, h.vocab
		x := in("x", ty.in, rows, dim, h.x).perRow()
		w := in("w", ty.in, vocab, dim, h.w).weights()
		stats := out("stats", ty.acc, rows, 3, 48, largest).perRow()
		forward := call{name: fmt.Sprintf("LogProb %v", shape), rows: rows, unit: ty.unit(),
			operands: []operand{stats, x, w},
			run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
				b.LogProb(m[0], m[1], m[2], pick(h.targets, rows), pick(h.invTemp, rows))
			}}
		s.check(t, forward)

		left := values(tensor.F64, s.oracle.exec(t, forward.inF64(false), packed, upTo(rows))[0])
		dx := out("dx", ty.out, rows, dim, ty.product(64), largest).atLeast(1).perRow()
		backward := call{name: fmt.Sprintf("LogProbGrad %v", shape), rows: rows, unit: ty.unit(),
			operands: []operand{dx, dx,
				out("dw", ty.acc, vocab, dim, 4*ty.product(16), largest).from(normal(random(11), vocab*dim, 0.1)),
				in("stats", ty.acc, rows, 3, left).perRow(), x, w},
			run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
				for i, dw := range []tensor.Mat{{}, m[2]} {
					b.LogProbGrad(m[i], dw, m[3], m[4], m[5], pick(h.targets, rows), pick(h.invTemp, rows),
						pick(h.coefLogp, rows), pick(h.coefEntropy, rows))
				}
			}}
		s.check(t, backward)
		s.alike(t, backward, 0, 1)
	}
	s.extremeLogits(t, ty)
}

// extremeLogits has one certain token a row, and logits whose exponentials overflow without
// the maximum subtracted.
func (s *suite) extremeLogits(t *testing.T, ty types) {
	const rows, dim, vocab = 4, 16, kernels.VocabTile + 100
	x, w := make([]float64, rows*dim), make([]float64, vocab*dim)
	targets, invTemp := make([]int32, rows), make([]float32, rows)
	for i := range rows {
		x[i*dim] = 100
		invTemp[i] = 1
		targets[i] = []int32{0, vocab - 1, 5, kernels.VocabTile}[i]
	}
	for j := range vocab {
		w[j*dim] = -10
	}
	w[(vocab-1)*dim] = 10
	s.check(t, call{name: "LogProb with logits of ±1000", rows: rows, unit: ty.unit(),
		operands: []operand{
			out("stats", ty.acc, rows, 3, 4, largest).perRow(),
			in("x", ty.in, rows, dim, x).perRow(), in("w", ty.in, vocab, dim, w)},
		run: func(b kernels.Backend, m []tensor.Mat, rows []int) {
			b.LogProb(m[0], m[1], m[2], pick(targets, rows), pick(invTemp, rows))
		}})
}
