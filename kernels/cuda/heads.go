//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"sort"

	"spell/kernels"
	"spell/tensor"
)

// headThreads is kHeadThreads of heads.h.
const headThreads = 128

// headKernels are the kernels of an operation for the heads of one width.
type headKernels[A any] struct{ wide, ragged, f32 *kernel[A] }

// f32Tiles is how many tiles of f32 there is room for in shared memory.
const f32Tiles = 3

// defineHeads names the kernels of an operation that keeps some tiles of bf16 in shared memory.
func defineHeads[A any](file, name string, tiles int) (list [len(headDims)]headKernels[A]) {
	for i, dim := range headDims {
		define := func(kind string, tiles, size int) *kernel[A] {
			return define[A](fmt.Sprintf("%s_%d.cu", file, dim), fmt.Sprintf("%s_%s_%d", name, kind, dim), headThreads,
				tiles*tileRows*(dim*size+16))
		}
		list[i] = headKernels[A]{define("wide", tiles, 2), define("ragged", tiles, 2), define("f32", f32Tiles, 4)}
	}
	return list
}

// widthOf returns the index in headDims for heads of dim columns.
func widthOf(op string, a *kernels.Attention) int {
	i := sort.SearchInts(headDims[:], a.Dim)
	if i == len(headDims) || a.Heads > tileRows*a.KVHeads {
		kernels.Check(op, false,
			"%d heads of %d columns for %d of keys: the most are heads of %d, and %d for one of keys",
			a.Heads, a.Dim, a.KVHeads, headDims[len(headDims)-1], tileRows)
	}
	return i
}

// headOperand is operand for a matrix of heads. It is wide only if every head begins at a multiple of
// eight columns.
func headOperand(op string, m tensor.Mat, a *kernels.Attention) mat {
	o := operand(op, m)
	if a.Dim%8 != 0 {
		o.wide = 0
	}
	return o
}

// windowOf returns the window of a, such that it can be added to a number of keys.
func windowOf(a *kernels.Attention) int32 { return min(a.Window, 1<<30) }

// choose returns the kernel for operands that are multiplied.
func (k *headKernels[A]) choose(operands ...mat) *kernel[A] {
	chosen := k.wide
	for _, m := range operands {
		switch {
		case m.typ != int32(tensor.BF16):
			return k.f32
		case m.wide == 0:
			chosen = k.ragged
		}
	}
	return chosen
}

// A block is struct Block of heads.h.
type block struct{ row, n, pos, _ int32 }

// blocksOf appends the blocks of a query's keys to list, and returns the number of keys.
func blocksOf(list []block, q kernels.Query) ([]block, int32) {
	pos := int32(0)
	for _, s := range q.Spans {
		for off := int32(0); off < s.Len; off += kernels.KeyBlock {
			n := min(kernels.KeyBlock, s.Len-off)
			list = append(list, block{row: s.Row + off, n: n, pos: pos})
			pos += n
		}
	}
	return list, pos
}

// seen returns the blocks [from, to) of those of a query that hold keys at places [first, last).
func seen(list []block, first, last int) (from, to int) {
	from = sort.Search(len(list), func(i int) bool { return int(list[i].pos+list[i].n) > first })
	to = sort.Search(len(list), func(i int) bool { return int(list[i].pos) >= last })
	return from, to
}
