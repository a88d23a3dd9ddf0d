package cuda

import (
	"sort"

	"spell/kernels"
	"spell/tensor"
)

// What the backend holds beside arenas follows from the operands and the device alone, so that a plan can be
// made without one. Operations ask for scratch of these sizes.

// A tile is of down × across elements of y. A multiprocessor works on some at a time.
type tile struct{ down, across, perProcessor int }

// Tiles of product.h, mma.h and wgmma.h: of many elements, of fewer, of few rows, and of warpgroups.
var (
	largeTile = tile{128, 128, 2}
	smallTile = tile{64, 64, 4}
	fewTile   = tile{32, 16, 8}
	groupTile = tile{128, 256, 1}
)

// hopper is the compute capability whose warpgroups multiply what bulk copies bring.
const hopper = 90

// A gpu is what of a device sizes depend on.
type gpu struct {
	multiprocessors int
	warpgroups      bool
}

// totalsBytes returns the bytes of the totals that any product may keep.
func (g gpu) totalsBytes() int {
	list := []tile{largeTile, smallTile, fewTile}
	if g.warpgroups {
		list = append(list, groupTile)
	}
	most := 0
	for _, t := range list {
		most = max(most, 4*t.down*t.across*t.perProcessor*g.multiprocessors)
	}
	return most
}

// attendPerProcessor is how many blocks of attention a multiprocessor has at a time.
const attendPerProcessor = 2

// attendBlocks returns how many blocks of attention are at work together.
func (g gpu) attendBlocks() int { return attendPerProcessor * g.multiprocessors }

// Of heads.h.
const (
	tileRows  = 64
	runBlocks = 8
)

// headDims are the widths of heads that kernels of attention are compiled for; a head takes the next.
var headDims = [...]int{32, 64, 96, 128, 192, 256}

const (
	// headCols is how many columns of the vocabulary have logits at a time. What a row's sums are does
	// not depend on it, nor dx, since it is a multiple of productRun.
	headCols = 8192
	// headRows is how many rows have. It is a multiple of productGroup, so that dw does not depend on it.
	headRows  = 2048
	massBytes = 16 // of Mass of head.h
)

// columnRun is kColumnRun of columns.cu.
const columnRun = 64

// squaresEights is kSquares of optim.cu.
const squaresEights = 4 * 256

// ceil returns n/d, rounded up.
func ceil(n, d int) int { return (n + d - 1) / d }

// attendScratch returns the sizes of the sums of runs at work, and of those that are merged later: what grows
// comes last, see graphs.
func (g gpu) attendScratch(slots, kvHeads, width int) []int {
	sums := 4 * tileRows * (width + 2)
	return []int{g.attendBlocks() * sums, slots * kvHeads * sums}
}

// deltaScratch returns the size of D of AttendGrad.
func deltaScratch(rows, heads int) []int { return []int{4 * rows * heads} }

// columnScratch returns the bytes of the sums that addColumns needs.
func columnScratch(rows, cols int) int { return 4 * ceil(rows, columnRun) * cols }

// normScratch returns the sizes of the scales of rows and the sums of columns.
func normScratch(rows, cols int) []int { return []int{4 * rows, columnScratch(rows, cols)} }

// headScratch returns the sizes of logits, of the sums of tiles, of the targets' logits and of totals, for so many
// rows.
func (g gpu) headScratch(rows, vocab int) []int {
	return []int{4 * rows * min(headCols, vocab), massBytes * rows * ceil(vocab, kernels.VocabTile), 4 * rows,
		g.totalsBytes()}
}

// headGradScratch returns the sizes of logits, of their gradients in type t, of dx and of totals.
func (g gpu) headGradScratch(rows, hidden, vocab int, t tensor.DType) []int {
	cols := min(headCols, vocab)
	return []int{4 * rows * cols, t.Size() * rows * cols, 4 * rows * hidden, g.totalsBytes()}
}

// sampleScratch returns the sizes of what is drawn and of the sums of tiles.
func sampleScratch(rows, vocab int) []int {
	return []int{8 * rows, massBytes * rows * ceil(vocab, kernels.VocabTile)}
}

// squaresScratch returns the sizes of the sum and of the sums of blocks.
func squaresScratch(rows, cols int) []int { return []int{8, 8 * squaresBlocks(rows, cols)} }

func squaresBlocks(rows, cols int) int { return ceil(rows*ceil(cols, 8), squaresEights) }

// slots is how many slabs of the host's matrices are on the device, of slabBytes each: while one is worked on or
// copied back, the next one is on its way.
const (
	slots     = 2
	slabBytes = 32 << 20
)

// slotBytes returns the size of the memory for a slab of n bytes of a few matrices, each of them aligned.
func slotBytes(n int) int { return n + 8*tensor.Align }

// overheadBytes is about what loaded kernels take of a device, the probe and the noise, and the ends of the pages of
// 2 MiB that arenas lie in.
const overheadBytes = 128 << 20

// laid returns where arrays of those sizes begin, one after the other, and where they end.
func laid(sizes ...int) (at []int, end int) {
	for _, n := range sizes {
		at = append(at, end)
		end += (n + tensor.Align - 1) / tensor.Align * tensor.Align
	}
	return at, end
}

// grown returns the size that scratch for n bytes gets.
func grown(n int) int { return n + n/4 }

// spans is how many spans of keys a query is taken to have at most: the last block of each may be short.
const spans = 8

// blocksOfQuery returns the most blocks of keys that a query sees.
func blocksOfQuery(s kernels.Sizes) int { return ceil(s.Keys, kernels.KeyBlock) + spans - 1 }

// scratchBytes returns the most scratch of operations on operands of those sizes.
func (g gpu) scratchBytes(s kernels.Sizes) int {
	rows, scored := s.Rows, min(s.Scored, headRows)
	width := headDims[min(sort.SearchInts(headDims[:], s.HeadDim), len(headDims)-1)]
	tiles := min(rows, (g.attendBlocks()-1)/s.KVHeads)
	list := [][]int{{g.totalsBytes()}, g.attendScratch(tiles*ceil(blocksOfQuery(s), runBlocks), s.KVHeads, width),
		g.headScratch(scored, s.Vocab), sampleScratch(s.Sampled, s.Vocab), {4 * s.Routed}}
	if s.Training {
		list = append(list, deltaScratch(rows, s.Heads), normScratch(rows, s.Hidden),
			normScratch(rows*s.Heads, s.HeadDim), []int{columnScratch(rows, s.Columns)},
			g.headGradScratch(scored, s.Hidden, s.Vocab, s.Act), squaresScratch(1, s.Largest))
	}
	most := 0
	for _, sizes := range list {
		_, end := laid(sizes...)
		most = max(most, end)
	}
	return grown(most)
}

// leastPayload is the bytes of a list of rows and the like that there is room for from the start.
const leastPayload = 1 << 20

// payloads is how many are filled and read in turns.
const payloads = 2

// payloadFor returns the size of a payload with a list of n bytes.
func payloadFor(n int) int {
	if n <= leastPayload {
		return leastPayload
	}
	return n + n/2
}

// listBytes returns the bytes of payloads for operands of those sizes. The longest list is of the blocks of keys
// that queries see.
func (g gpu) listBytes(s kernels.Sizes) int {
	blocks := s.Queries * blocksOfQuery(s)
	tiles := s.Queries + s.Rows*s.Heads/s.KVHeads/tileRows
	n := 16*blocks + 32*(tiles+g.attendBlocks()/s.KVHeads*ceil(blocksOfQuery(s), runBlocks))
	if s.Training { // of Block, KeyTile and Entry for a block, of QueryTile for a tile
		n = max(n, (16+16+24)*blocks+24*tiles)
	}
	return payloads * payloadFor(n+n/8) // lists grow in strides
}
