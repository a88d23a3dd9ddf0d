package cpu

import (
	"spell/kernels"
	"spell/tensor"
)

// PackBytes returns the bytes of the packed copy of weights that products read, kept from its first
// use to the last. I8 has none.
func (b *Backend) PackBytes(w tensor.Mat) int {
	if w.Type == tensor.I8 {
		return 0
	}
	words, _ := b.packWords(w.Rows, w.Cols, w.Type)
	return tensor.Bytes(tensor.F32, 1, words)
}

// ScratchBytes returns the most bytes that operations take for themselves, if matrices have up to
// columns columns and the vocabulary vocab ids: what each worker holds and, of gradients, panels
// made for a call and the logit gradients of a tile.
func (b *Backend) ScratchBytes(columns, vocab int, training bool) int {
	// A worker holds a resting block of C, a copy of one of A and of columns of B, or the logits of
	// a row and their order; its memory grows by doubling.
	steps := min(packedK, columns) + 2*panelCols
	worker := 2 * 4 * (2*480*steps + steps*copyDist + 8*maxVectors*kernels.KeyBlock + 4*vocab)
	scratch := len(b.pool.workers) * worker
	if training {
		scratch += 4 * max(b.packPart, packRows*panelCols)
		scratch += 5 * headRows * kernels.VocabTile // see grow
	}
	return scratch
}
