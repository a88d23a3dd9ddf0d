//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var (
	attendGradQ = defineHeads[attendGradArgs]("attend_grad", "attend_grad_q", 4)
	attendGradK = defineHeads[attendGradArgs]("attend_grad", "attend_grad_k", 4)
	attendGradV = defineHeads[attendGradArgs]("attend_grad", "attend_grad_v", 3)
	attendDelta = define[deltaArgs]("attend_delta.cu", "attend_delta", elementwise, 0)
)

// Of attend_grad.h: QueryTile, KeyTile and Entry.
type (
	queryTile struct{ row, rows, block, blocks, shown, _ int32 }
	keyTile   struct{ row, n, first, last int32 }
	keyEntry  struct{ row, rows, shown, n, pos, _ int32 }
)

type attendGradArgs struct {
	d, dout, lse, q, k, v          mat
	tiles, table, delta            uint64
	scale                          float32
	dim, group, kvHeads, window, _ int32
}

type deltaArgs struct {
	dout, o    mat
	delta      uint64
	heads, dim int32
}

// A keyPhase is blocks of keys no two of which overlap, with the queries that see them, in order.
type keyPhase struct {
	tiles   []keyTile
	entries []keyEntry
}

// planKeys cuts the keys of all queries into blocks. Those that begin at one row are one tile. Where
// blocks overlap that do not, a new phase begins, so that every row of dk takes the queries in order.
func planKeys(a *kernels.Attention, rows int) (phases []keyPhase) {
	tileOf := make([]int32, rows) // of each row of keys the tile, plus 1
	var tiles []keyTile
	var entries [][]keyEntry
	finish := func() {
		if len(tiles) == 0 {
			return
		}
		var p keyPhase
		for i, t := range tiles {
			t.first = int32(len(p.entries))
			p.entries = append(p.entries, entries[i]...)
			t.last = int32(len(p.entries))
			p.tiles = append(p.tiles, t)
		}
		phases = append(phases, p)
		tiles, entries = nil, nil
		clear(tileOf)
	}
	apart := func(b block) bool { // from tiles that begin elsewhere
		for row := b.row; row < b.row+b.n; row++ {
			if i := tileOf[row]; i != 0 && tiles[i-1].row != b.row {
				return false
			}
		}
		return true
	}
	var list []block
	for _, q := range a.Queries {
		if q.Len == 0 {
			continue
		}
		var keys int32
		list, keys = blocksOf(list[:0], q)
		for _, b := range list {
			if !apart(b) {
				finish()
			}
			i := tileOf[b.row]
			if i == 0 {
				tiles, entries = append(tiles, keyTile{row: b.row}), append(entries, nil)
				i = int32(len(tiles))
			}
			tiles[i-1].n = max(tiles[i-1].n, b.n)
			entries[i-1] = append(entries[i-1], keyEntry{row: q.Row, rows: q.Len, shown: keys - q.Len + 1, n: b.n,
				pos: b.pos})
			for row := b.row; row < b.row+b.n; row++ {
				tileOf[row] = i
			}
		}
	}
	finish()
	return phases
}

// planQueries returns the tiles of all queries and the blocks of their keys.
func planQueries(a *kernels.Attention) (tiles []queryTile, blocks []block) {
	rows := int32(tileRows / (a.Heads / a.KVHeads))
	for _, q := range a.Queries {
		first := len(blocks)
		var keys int32
		blocks, keys = blocksOf(blocks, q)
		for r := int32(0); r < q.Len; r += rows {
			tiles = append(tiles, queryTile{row: q.Row + r, rows: min(rows, q.Len-r), block: int32(first),
				blocks: int32(len(blocks) - first), shown: keys - (q.Len - 1 - r)})
		}
	}
	return tiles, blocks
}

// AttendGrad computes the gradient of Attend.
func (b *Backend) AttendGrad(dq, dk, dv, do, o, lse, q, k, v tensor.Mat, a *kernels.Attention) {
	const op = "AttendGrad"
	kernels.CheckAttention(op, q, k, v, a)
	for _, m := range []tensor.Mat{dq, do, o} {
		kernels.CheckShape(op, "dq, do or o", m, q.Rows, q.Cols)
	}
	for _, m := range []tensor.Mat{dk, dv} {
		kernels.CheckShape(op, "dk or dv", m, k.Rows, k.Cols)
	}
	kernels.CheckShape(op, "lse", lse, q.Rows, a.Heads)
	width := widthOf(op, a)
	args := attendGradArgs{dout: headOperand(op, do, a), lse: operand(op, lse), q: headOperand(op, q, a),
		k: headOperand(op, k, a), v: headOperand(op, v, a), scale: float32(a.Scale), dim: int32(a.Dim),
		group:   int32(a.Heads / a.KVHeads),
		kvHeads: int32(a.KVHeads), window: windowOf(a)}
	mq, mk, mv := operand(op, dq), operand(op, dk), operand(op, dv)
	delta := deltaArgs{dout: args.dout, o: headOperand(op, o, a), heads: int32(a.Heads), dim: int32(a.Dim)}

	tiles, blocks := planQueries(a)
	phases := planKeys(a, k.Rows)
	sizes := []int{24 * len(tiles), 16 * len(blocks)}
	for _, p := range phases {
		sizes = append(sizes, 16*len(p.tiles), 24*len(p.entries))
	}
	b.reserve(sizes...)
	args.delta = b.scratchOf(deltaScratch(q.Rows, a.Heads)...)[0]
	delta.delta = args.delta
	launch(b, attendDelta, ceil(q.Rows*a.Heads, elementwise), delta)

	choose := func(k *headKernels[attendGradArgs]) *kernel[attendGradArgs] {
		return k.choose(args.q, args.k, args.v, args.dout)
	}
	args.d, args.tiles, args.table = mq, send(b, tiles), send(b, blocks)
	launch(b, choose(&attendGradQ[width]), len(tiles)*a.KVHeads, args)
	for _, p := range phases {
		args.tiles, args.table = send(b, p.tiles), send(b, p.entries)
		args.d = mk
		launch(b, choose(&attendGradK[width]), len(p.tiles)*a.KVHeads, args)
		args.d = mv
		launch(b, choose(&attendGradV[width]), len(p.tiles)*a.KVHeads, args)
	}
}
