//go:build cuda && cgo && linux

package cuda

import (
	"slices"

	"spell/kernels"
	"spell/tensor"
)

var (
	zeroKernel       = define[zeroArgs]("copy.cu", "zero", elementwise, 0)
	copyKernel       = define[copyArgs]("copy.cu", "copy_rows", elementwise, 0)
	scaleKernel      = define[scaleArgs]("copy.cu", "scale", elementwise, 0)
	scatterAddKernel = define[scatterAddArgs]("copy.cu", "scatter_add", elementwise, 0)
	gatherAddKernel  = define[gatherAddArgs]("copy.cu", "gather_add", elementwise, 0)
)

type zeroArgs struct{ dst mat }

// Zero sets dst[i][j] = 0.
func (b *Backend) Zero(dst tensor.Mat) {
	if onHost(dst) {
		b.settle()
		clear(hostBytes(dst))
		return
	}
	launch(b, zeroKernel, elementwiseBlocks(dst.Rows, dst.Cols), zeroArgs{operand("Zero", dst)})
}

type copyArgs struct {
	dst, src mat
	from, to uint64
	rows, _  int32
}

// copyRows sets dst[to[i]] = src[from[i]] for i < rows, an absent index being i itself.
func (b *Backend) copyRows(dst, src mat, from, to []int32, rows int) {
	b.reserve(4*len(from), 4*len(to))
	launch(b, copyKernel, elementwiseBlocks(rows, int(dst.cols)),
		copyArgs{dst: dst, src: src, from: send(b, from), to: send(b, to), rows: int32(rows)})
}

// copied are the types beside f32 and bf16 that Copy reads.
var copied = []tensor.DType{tensor.I8, tensor.M8, tensor.V8}

// Copy sets dst[i][j] = src[i][j], rounded to dst.Type.
func (b *Backend) Copy(dst, src tensor.Mat) {
	kernels.CheckShape("Copy", "src", src, dst.Rows, dst.Cols)
	b.staged("Copy", dst.Rows, []staged{{m: dst, out: true}, {m: src, in: true, types: copied}},
		func(from, to int, m []mat) { b.copyRows(m[0], m[1], nil, nil, to-from) })
}

// Gather sets y[i] = table[rows[i]].
func (b *Backend) Gather(y, table tensor.Mat, rows []int32) {
	kernels.CheckShape("Gather", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Gather", rows, table.Rows)
	b.copyRows(operand("Gather", y), operand("Gather", table, tensor.I8), rows, nil, len(rows))
}

// Scatter sets table[rows[i]] = y[i], rounded to table.Type.
func (b *Backend) Scatter(table, y tensor.Mat, rows []int32) {
	kernels.CheckShape("Scatter", "y", y, len(rows), table.Cols)
	kernels.CheckRows("Scatter", rows, table.Rows)
	b.copyRows(operand("Scatter", table), operand("Scatter", y), nil, rows, len(rows))
}

type scaleArgs struct {
	y, x   mat
	factor float32
	_      int32
}

// Scale sets y[i][j] = factor*x[i][j].
func (b *Backend) Scale(y, x tensor.Mat, factor float64) {
	kernels.CheckShape("Scale", "x", x, y.Rows, y.Cols)
	launch(b, scaleKernel, elementwiseBlocks(y.Rows, y.Cols),
		scaleArgs{y: operand("Scale", y), x: operand("Scale", x), factor: float32(factor)})
}

type scatterAddArgs struct {
	dtable, dy        mat
	rows, ends, order uint64
	n, _              int32
}

// ScatterAdd adds, for i in order, dtable[rows[i]] += dy[i]. A thread takes all that goes to eight
// columns of a row of dtable.
func (b *Backend) ScatterAdd(dtable, dy tensor.Mat, rows []int32) {
	kernels.CheckShape("ScatterAdd", "dy", dy, len(rows), dtable.Cols)
	kernels.CheckRows("ScatterAdd", rows, dtable.Rows)
	a := scatterAddArgs{dtable: operand("ScatterAdd", dtable), dy: operand("ScatterAdd", dy)}
	order := make([]int32, len(rows))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return int(rows[i]) - int(rows[j]) })
	var to, ends []int32
	for n, i := range order {
		if len(to) == 0 || to[len(to)-1] != rows[i] {
			to, ends = append(to, rows[i]), append(ends, 0)
		}
		ends[len(ends)-1] = int32(n + 1)
	}
	b.reserve(4*len(to), 4*len(ends), 4*len(order))
	a.rows, a.ends, a.order, a.n = send(b, to), send(b, ends), send(b, order), int32(len(to))
	launch(b, scatterAddKernel, elementwiseBlocks(len(to), dtable.Cols), a)
}

type gatherAddArgs struct {
	y, x mat
	rows uint64
	k, _ int32
}

// GatherAdd adds y[i] += Σᵣ x[rows[i*k+r]], the sum first.
func (b *Backend) GatherAdd(y, x tensor.Mat, rows []int32) {
	kernels.CheckGatherAdd(y, x, rows)
	a := gatherAddArgs{y: operand("GatherAdd", y), x: operand("GatherAdd", x)}
	if y.Rows == 0 {
		return
	}
	b.reserve(4 * len(rows))
	a.rows, a.k = send(b, rows), int32(len(rows)/y.Rows)
	launch(b, gatherAddKernel, elementwiseBlocks(y.Rows, y.Cols), a)
}
