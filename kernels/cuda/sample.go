//go:build cuda && cgo && linux

package cuda

import (
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

var sampleKernels = rowKernel[sampleArgs]{
	define[sampleArgs]("sample.cu", "sample_warp", rowThreads, rowShared+8*rowWarps*(histogram+warpTiles)),
	define[sampleArgs]("sample.cu", "sample_block", rowThreads, rowShared+8*(histogram+mostTiles)),
}

const (
	warpTiles = 8    // kWarpTiles of sample.cu: of a row that a warp searches
	mostTiles = 4096 // of the vocabulary
	histogram = 256  // numbers of one
)

// sampleRow is struct SampleRow of sample.cu.
type sampleRow struct {
	u            float64
	factor, topP float32
	topK, greedy int32
}

type sampleArgs struct {
	logits                  mat
	rows, masses, ids, logp uint64
}

// Sample draws one id per row. It waits for the device.
func (b *Backend) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	const op = "Sample"
	kernels.Check(op, len(ids) == logits.Rows && len(logp) == logits.Rows && len(how) == logits.Rows,
		"%d ids, %d logps, %d settings for %v", len(ids), len(logp), len(how), logits)
	tiles := ceil(logits.Cols, kernels.VocabTile)
	kernels.Check(op, tiles <= mostTiles, "a vocabulary of %d; the most is %d", logits.Cols,
		mostTiles*kernels.VocabTile)
	a := sampleArgs{logits: operand(op, logits)}
	if len(ids) == 0 {
		return
	}
	rows, factors := make([]sampleRow, len(how)), make([]float32, len(how))
	for i, h := range how {
		factors[i] = 1
		if h.Temperature > 0 {
			factors[i] = 1 / h.Temperature
		}
		rows[i] = sampleRow{u: h.U, factor: factors[i], topP: h.TopP, topK: int32(min(h.TopK, logits.Cols)),
			greedy: flag(!(h.Temperature > 0))}
	}
	n := len(ids)
	b.reserve(24*n, 4*n)
	at := b.scratchOf(sampleScratch(n, logits.Cols)...)
	a.rows, a.masses, a.ids, a.logp = send(b, rows), at[1], at[0], at[0]+uint64(4*n)
	b.masses(massArgs{logits: a.logits, factors: send(b, factors), masses: a.masses}, 0, logits.Cols)
	if tiles <= warpTiles {
		launch(b, sampleKernels.warp, ceil(n, rowWarps), a)
	} else {
		launch(b, sampleKernels.block, n, a)
	}
	drawn := make([]uint32, 2*n) // ids, then the bits of logp
	b.fetch(unsafe.Slice((*byte)(unsafe.Pointer(&drawn[0])), 8*n), at[0])
	for i := range ids {
		ids[i], logp[i] = int32(drawn[i]), *(*float32)(unsafe.Pointer(&drawn[n+i]))
	}
}
