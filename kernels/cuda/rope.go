//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

var (
	ropeTable  = define[ropeTableArgs]("rope.cu", "rope_table", elementwise, 0)
	ropeKernel = define[ropeArgs]("rope.cu", "rope", elementwise, 0)
)

type ropeTableArgs struct {
	cs         mat
	pos, freqs uint64
	factor     float64
}

// RopeTable fills cs with cosines and sines, computed in f64.
func (b *Backend) RopeTable(cs tensor.Mat, pos []int32, r kernels.Rotary) {
	kernels.CheckShape("RopeTable", "cs", cs, len(pos), r.Dim)
	kernels.Check("RopeTable", len(r.InvFreq) == r.Dim/2, "%d frequencies for heads of %d", len(r.InvFreq), r.Dim)
	a := ropeTableArgs{cs: operand("RopeTable", cs), factor: r.Scale}
	b.reserve(4*len(pos), 8*len(r.InvFreq))
	a.pos, a.freqs = send(b, pos), send(b, r.InvFreq)
	launch(b, ropeTable, ceil(len(pos)*(r.Dim/2), elementwise), a)
}

type ropeArgs struct {
	y, x, cs mat
	sign     float32
	_        int32
}

// Rope rotates every head of every row by the angles of its row of cs.
func (b *Backend) Rope(y, x, cs tensor.Mat, inverse bool) {
	kernels.CheckShape("Rope", "y", y, x.Rows, x.Cols)
	if cs.Rows != x.Rows || cs.Cols <= 0 || cs.Cols%2 != 0 || x.Cols%cs.Cols != 0 {
		kernels.Check("Rope", false, "table %v for %v", cs, x)
	}
	a := ropeArgs{y: operand("Rope", y), x: operand("Rope", x), cs: operand("Rope", cs), sign: 1}
	if inverse {
		a.sign = -1
	}
	half := cs.Cols / 2
	if half%8 != 0 { // the second half of a head begins anywhere
		a.y.wide, a.x.wide, a.cs.wide = 0, 0, 0
	}
	launch(b, ropeKernel, ceil(x.Rows*(x.Cols/cs.Cols)*ceil(half, 8), elementwise), a)
}
