//go:build cuda && cgo && linux

package cuda

import (
	"spell/kernels"
	"spell/tensor"
)

// MatMul sets y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o].
func (b *Backend) MatMul(y, x, w, bias tensor.Mat, acc bool) {
	const op = "MatMul"
	kernels.CheckShape(op, "y", y, x.Rows, w.Rows)
	kernels.Check(op, x.Cols == w.Cols, "x is %v, w is %v", x, w)
	if !bias.IsZero() {
		kernels.CheckShape(op, "bias", bias, 1, w.Rows)
	}
	b.multiply(product{form: forward, y: operand(op, y), a: operand(op, x), b: operand(op, w, tensor.I8),
		bias: operand(op, bias), m: y.Rows, n: y.Cols, k: x.Cols, acc: acc})
}

// MatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[o][k].
func (b *Backend) MatMulGradX(dx, dy, w tensor.Mat, acc bool) {
	const op = "MatMulGradX"
	kernels.CheckShape(op, "dx", dx, dy.Rows, w.Cols)
	kernels.Check(op, dy.Cols == w.Rows, "dy is %v, w is %v", dy, w)
	b.multiply(product{form: gradX, y: operand(op, dx), a: operand(op, dy), b: operand(op, w, tensor.I8),
		m: dx.Rows, n: dx.Cols, k: dy.Cols, acc: acc})
}

// MatMulGradW adds dw[o][k] += Σᵢ dy[i][o]*x[i][k] and, unless db is zero, db[o] += Σᵢ dy[i][o].
func (b *Backend) MatMulGradW(dw, db, dy, x tensor.Mat) {
	const op = "MatMulGradW"
	kernels.CheckShape(op, "dw", dw, dy.Cols, x.Cols)
	kernels.Check(op, dy.Rows == x.Rows, "dy is %v, x is %v", dy, x)
	if !db.IsZero() {
		kernels.CheckShape(op, "db", db, 1, dy.Cols)
	}
	p := product{form: gradW, y: operand(op, dw), a: operand(op, dy), b: operand(op, x), m: dw.Rows, n: dw.Cols,
		k: dy.Rows}
	sum := operand(op, db)
	b.multiply(p)
	if !db.IsZero() {
		b.addColumns(sum, columnArgs{dy: p.a, sums: b.scratchOf(columnScratch(dy.Rows, dy.Cols))[0]})
	}
}

// GroupMatMul is MatMul with weights of its own for every group of rows.
func (b *Backend) GroupMatMul(y, x, w tensor.Mat, ends []int32) {
	const op = "GroupMatMul"
	kernels.CheckShape(op, "y", y, x.Rows, y.Cols)
	kernels.Check(op, x.Cols == w.Cols, "x is %v, w is %v", x, w)
	kernels.CheckGroups(op, ends, x.Rows, w, y.Cols)
	b.multiply(product{form: forward, y: operand(op, y), a: operand(op, x), b: operand(op, w, tensor.I8),
		m: y.Rows, n: y.Cols, k: x.Cols, ends: ends})
}

// GroupMatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[e*n+o][k].
func (b *Backend) GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, acc bool) {
	const op = "GroupMatMulGradX"
	kernels.CheckShape(op, "dx", dx, dy.Rows, w.Cols)
	kernels.CheckGroups(op, ends, dy.Rows, w, dy.Cols)
	b.multiply(product{form: gradX, y: operand(op, dx), a: operand(op, dy), b: operand(op, w, tensor.I8),
		m: dx.Rows, n: dx.Cols, k: dy.Cols, ends: ends, acc: acc})
}

// GroupMatMulGradW adds dw[e*n+o][k] += Σᵢ dy[i][o]*x[i][k] over the rows i of group e.
func (b *Backend) GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32) {
	const op = "GroupMatMulGradW"
	kernels.CheckShape(op, "x", x, dy.Rows, dw.Cols)
	kernels.CheckGroups(op, ends, dy.Rows, dw, dy.Cols)
	b.multiply(product{form: gradW, y: operand(op, dw), a: operand(op, dy), b: operand(op, x), m: dy.Cols,
		n: dw.Cols, k: dy.Rows, ends: ends})
}
