//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"math/bits"

	"spell/kernels"
	"spell/tensor"
)

var (
	attendKernels = defineHeads[attendArgs]("attend", "attend", 3)
	attendMerges  = defineMerges()
)

func defineMerges() (list [len(headDims)]*kernel[attendArgs]) {
	for i, dim := range headDims {
		list[i] = define[attendArgs](fmt.Sprintf("attend_%d.cu", dim), fmt.Sprintf("attend_merge_%d", dim),
			headThreads, 0)
	}
	return list
}

// An item is struct Item of attend.h.
type item struct {
	row, rows, block, blocks, shown, firstRun, lastRun, slot int32
}

type attendArgs struct {
	o, lse, q, k, v              mat
	items, blocks, parts, totals uint64
	scale                        float32
	dim, group, kvHeads, window  int32
	work, grid, _                int32
}

// An attendPlan is the work of a call of Attend: items whose kernel sums all of their runs, items of a
// single run each, and the tiles that those make up.
type attendPlan struct {
	blocks               []block
	whole, parts, merged []item
	slots                int
}

// leastBlocks is how many blocks planAttend rounds up to a multiple of.
const leastBlocks = 64

// planAttend cuts queries into tiles of rows. If they are too few for the device, tiles of several runs
// are left in runs. As answers grow, the lists that grow with them do so in strides: see strides.
func (b *Backend) planAttend(a *kernels.Attention) (p attendPlan) {
	rows := int32(tileRows / (a.Heads / a.KVHeads))
	for _, q := range a.Queries {
		first := len(p.blocks)
		var keys int32
		p.blocks, keys = blocksOf(p.blocks, q)
		list := p.blocks[first:]
		for r := int32(0); r < q.Len; r += rows {
			t := item{row: q.Row + r, rows: min(rows, q.Len-r), block: int32(first), blocks: int32(len(list)),
				shown: keys - (q.Len - 1 - r), slot: -1}
			from, to := seen(list, a.Hidden(int(t.shown)), int(t.shown+t.rows-1))
			t.firstRun, t.lastRun = int32(from/runBlocks), int32(ceil(to, runBlocks))
			p.whole = append(p.whole, t)
		}
	}
	p.blocks = append(p.blocks, make([]block, strides(len(p.blocks), leastBlocks)-len(p.blocks))...)
	if b.options.Plain || len(p.whole)*a.KVHeads >= b.device.gpu().attendBlocks() {
		return p
	}
	tiles := p.whole
	p.whole = nil
	for _, t := range tiles {
		if t.lastRun-t.firstRun < 2 {
			p.whole = append(p.whole, t)
			continue
		}
		t.slot = int32(p.slots)
		p.merged = append(p.merged, t)
		for r := t.firstRun; r < t.lastRun; r++ {
			part := t
			part.firstRun, part.lastRun, part.slot = r, r+1, int32(p.slots)
			p.parts = append(p.parts, part)
			p.slots++
		}
	}
	for range strides(len(p.parts), 1) - len(p.parts) {
		p.parts = append(p.parts, item{slot: -1}) // of no rows
	}
	return p
}

// strides returns n rounded up to a multiple of least, or by up to an eighth, so that for most tokens of an answer
// the lists are as long as for the token before, and the launches the same: see graphs.
func strides(n, least int) int {
	stride := max(least, 1<<max(0, bits.Len(uint(n))-4))
	return ceil(n, stride) * stride
}

// Attend computes softmax attention over key spans.
func (b *Backend) Attend(o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	const op = "Attend"
	kernels.CheckAttention(op, q, k, v, a)
	kernels.CheckShape(op, "o", o, q.Rows, q.Cols)
	if !lse.IsZero() {
		kernels.CheckShape(op, "lse", lse, q.Rows, a.Heads)
	}
	width := widthOf(op, a)
	args := attendArgs{o: headOperand(op, o, a), lse: operand(op, lse), q: headOperand(op, q, a),
		k: headOperand(op, k, a), v: headOperand(op, v, a),
		scale: float32(a.Scale), dim: int32(a.Dim), group: int32(a.Heads / a.KVHeads), kvHeads: int32(a.KVHeads),
		window: windowOf(a)}
	kernel := attendKernels[width].choose(args.q, args.k, args.v)
	p := b.planAttend(a)
	most := b.device.gpu().attendBlocks()
	at := b.scratchOf(b.device.gpu().attendScratch(p.slots, a.KVHeads, headDims[width])...)
	args.totals, args.parts = at[0], at[1]
	b.reserve(16*len(p.blocks), 32*len(p.whole), 32*len(p.parts), 32*len(p.merged))
	args.blocks = sendTable(b, blockTable, p.blocks)
	for i, list := range [][]item{p.whole, p.parts} {
		args.items, args.work = sendTable(b, wholeTable+i, list), int32(len(list)*a.KVHeads)
		args.grid = min(args.work, int32(most))
		launch(b, kernel, int(args.grid), args)
	}
	args.items = sendTable(b, mergeTable, p.merged)
	launch(b, attendMerges[width], len(p.merged)*a.KVHeads, args)
}
