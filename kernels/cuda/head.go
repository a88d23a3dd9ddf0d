//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var (
	massKernel      = define[massArgs]("head.cu", "vocabulary_mass", rowThreads, 0)
	statsKernel     = define[statsArgs]("head.cu", "vocabulary_stats", 32, 0)
	logitGradKernel = define[logitGradArgs]("head.cu", "logit_grad", elementwise, 0)
)

// productGroup is kProductGroup of product.h.
const productGroup = 16

const _ = -uint(headCols%productRun + headCols%kernels.VocabTile + headRows%productGroup)

type massArgs struct {
	logits                           mat
	factors, masses, targets, scores uint64
	first, tiles                     int32
}

type statsArgs struct {
	stats          mat
	masses, scores uint64
	tiles, _       int32
}

type logitGradArgs struct {
	dz, logits, stats               mat
	targets, factors, logp, entropy uint64
	first, _                        int32
}

// scratchMat returns a matrix without gaps in scratch. Its rows are wide if cols is a multiple of 8.
func scratchMat(at uint64, t tensor.DType, rows, cols int) mat {
	return mat{at: at, stride: int64(cols), rows: int32(rows), cols: int32(cols), typ: int32(t),
		wide: flag(cols%8 == 0)}
}

// masses launches the sums over columns [first, …) of the vocabulary, of which there are vocab.
func (b *Backend) masses(a massArgs, first, vocab int) {
	a.first, a.tiles = int32(first), int32(ceil(vocab, kernels.VocabTile))
	launch(b, massKernel, ceil(int(a.logits.rows)*ceil(int(a.logits.cols), kernels.VocabTile), rowWarps), a)
}

// chunks calls f for every run of at most size of n.
func chunks(n, size int, f func(from, to int)) {
	for from := 0; from < n; from += size {
		f(from, min(from+size, n))
	}
}

// LogProb scores one target per row: logits of some rows and some of the vocabulary at a time, by the
// kernels of MatMul, are summed in tiles of kernels.VocabTile, and these in order.
func (b *Backend) LogProb(stats, x, w tensor.Mat, targets []int32, invTemp []float32) {
	const op = "LogProb"
	kernels.CheckHead(op, stats, x, w, targets, invTemp)
	operand(op, stats)
	operand(op, x)
	operand(op, w, tensor.I8)
	tiles := ceil(w.Rows, kernels.VocabTile)
	chunks(x.Rows, headRows, func(from, to int) {
		rows := to - from
		b.reserve(4*rows, 4*rows)
		at := b.scratchOf(b.device.gpu().headScratch(rows, w.Rows)...)
		a := massArgs{factors: send(b, invTemp[from:to]), targets: send(b, targets[from:to]), masses: at[1],
			scores: at[2]}
		chunks(w.Rows, headCols, func(first, last int) {
			a.logits = scratchMat(at[0], tensor.F32, rows, last-first)
			b.logits(a.logits, operand(op, x.Slice(from, to)), operand(op, w.Slice(first, last), tensor.I8), at[3])
			b.masses(a, first, w.Rows)
		})
		launch(b, statsKernel, ceil(rows, 32), statsArgs{stats: operand(op, stats.Slice(from, to)), masses: a.masses,
			scores: a.scores, tiles: int32(tiles)})
	})
}

// logits launches y = x·wᵀ.
func (b *Backend) logits(y, x, w mat, totals uint64) {
	b.multiply(product{form: forward, y: y, a: x, b: w, m: int(y.rows), n: int(y.cols), k: int(x.cols), totals: totals})
}

// LogProbGrad computes the gradient of LogProb: of the logits made once more it makes their gradients,
// rounded to the type of x, for the two products with them.
func (b *Backend) LogProbGrad(dx, dw, stats, x, w tensor.Mat, targets []int32,
	invTemp, coefLogp, coefEntropy []float32) {
	const op = "LogProbGrad"
	kernels.CheckHead(op, stats, x, w, targets, invTemp)
	kernels.CheckHeadGrad(op, dx, dw, x, w, coefLogp, coefEntropy)
	for _, m := range []tensor.Mat{dx, dw, stats, x} {
		operand(op, m)
	}
	operand(op, w, tensor.I8)
	chunks(x.Rows, headRows, func(from, to int) {
		rows := to - from
		b.reserve(4*rows, 4*rows, 4*rows, 4*rows)
		at := b.scratchOf(b.device.gpu().headGradScratch(rows, x.Cols, w.Rows, x.Type)...)
		a := logitGradArgs{stats: operand(op, stats.Slice(from, to)), targets: send(b, targets[from:to]),
			factors: send(b, invTemp[from:to]), logp: send(b, coefLogp[from:to]), entropy: send(b,
				coefEntropy[from:to])}
		rx, sum := operand(op, x.Slice(from, to)), scratchMat(at[2], tensor.F32, rows, x.Cols)
		if dx.Type == tensor.F32 {
			sum = operand(op, dx.Slice(from, to))
		}
		chunks(w.Rows, headCols, func(first, last int) {
			part := operand(op, w.Slice(first, last), tensor.I8)
			a.logits, a.dz = scratchMat(at[0], tensor.F32, rows, last-first), scratchMat(at[1], x.Type, rows,
				last-first)
			a.first = int32(first)
			b.logits(a.logits, rx, part, at[3])
			launch(b, logitGradKernel, elementwiseBlocks(rows, last-first), a)
			b.multiply(product{form: gradX, y: sum, a: a.dz, b: part, m: rows, n: x.Cols, k: last - first,
				acc:    first > 0,
				totals: at[3]})
			if !dw.IsZero() {
				b.multiply(product{form: gradW, y: operand(op, dw.Slice(first, last)), a: a.dz, b: rx, m: last - first,
					n: x.Cols, k: rows})
			}
		})
		if dx.Type != tensor.F32 {
			b.copyRows(operand(op, dx.Slice(from, to)), sum, nil, nil, rows)
		}
	})
}
