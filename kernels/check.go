package kernels

import (
	"fmt"

	"spell/tensor"
)

// Check panics with op and the message unless ok: how operations refuse wrong shapes.
func Check(op string, ok bool, format string, args ...any) {
	if !ok {
		panic(op + ": " + fmt.Sprintf(format, args...))
	}
}

// CheckShape panics unless m is rows × cols.
func CheckShape(op, name string, m tensor.Mat, rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		panic(fmt.Sprintf("%s: %s is %v, not [%d, %d]", op, name, m, rows, cols))
	}
}

// CheckRows panics unless every index lies in [0, n).
func CheckRows(op string, rows []int32, n int) {
	for _, r := range rows {
		if r < 0 || int(r) >= n {
			panic(fmt.Sprintf("%s: row %d of a table of %d", op, r, n))
		}
	}
}

// CheckGroups panics unless ends cuts rows rows into groups, each of which has n rows of w.
func CheckGroups(op string, ends []int32, rows int, w tensor.Mat, n int) {
	last := int32(0)
	for e, end := range ends {
		if end < last {
			Check(op, false, "group %d ends at row %d, before the one before it", e, end)
		}
		last = end
	}
	if int(last) != rows || w.Rows != len(ends)*n {
		Check(op, false, "%d groups end at row %d of %d, with weights %v for %d columns", len(ends), last, rows, w, n)
	}
}

// CheckRoute panics unless ids and weights hold as many experts for every row of logits, at least 1
// and at most as many as there are.
func CheckRoute(op string, ids []int32, weights, logits tensor.Mat) {
	k := weights.Cols
	if weights.Rows != logits.Rows || len(ids) != weights.Len() || k < 1 || k > logits.Cols {
		Check(op, false, "%d ids and weights %v for logits %v", len(ids), weights, logits)
	}
}

// CheckGatherAdd panics unless rows holds as many rows of x for every row of y.
func CheckGatherAdd(y, x tensor.Mat, rows []int32) {
	const op = "GatherAdd"
	if x.Cols != y.Cols || y.Rows == 0 && len(rows) > 0 || y.Rows > 0 && len(rows)%y.Rows != 0 {
		Check(op, false, "%d rows of %v for %v", len(rows), x, y)
	}
	CheckRows(op, rows, x.Rows)
}

// CheckScaledSwiGLU panics unless the operands have the shape of gate, and scale has a number for
// each of its rows.
func CheckScaledSwiGLU(op string, gate, scale tensor.Mat, others ...tensor.Mat) {
	for _, m := range others {
		CheckShape(op, "an operand", m, gate.Rows, gate.Cols)
	}
	CheckShape(op, "scale", scale, gate.Rows, 1)
}

// CheckHead panics unless the operands of LogProb agree, and every target is a row of w.
func CheckHead(op string, stats, x, w tensor.Mat, targets []int32, invTemp []float32) {
	CheckShape(op, "stats", stats, x.Rows, 3)
	CheckShape(op, "w", w, w.Rows, x.Cols)
	if len(targets) != x.Rows || len(invTemp) != x.Rows {
		Check(op, false, "%d targets and %d temperatures for %d rows", len(targets), len(invTemp), x.Rows)
	}
	CheckRows(op, targets, w.Rows)
}

// CheckHeadGrad panics unless what LogProbGrad has beside the operands of LogProb agrees with them. dw may
// be zero.
func CheckHeadGrad(op string, dx, dw, x, w tensor.Mat, coefLogp, coefEntropy []float32) {
	CheckShape(op, "dx", dx, x.Rows, x.Cols)
	if !dw.IsZero() {
		CheckShape(op, "dw", dw, w.Rows, w.Cols)
	}
	if len(coefLogp) != x.Rows || len(coefEntropy) != x.Rows {
		Check(op, false, "%d and %d coefficients for %d rows", len(coefLogp), len(coefEntropy), x.Rows)
	}
}

// CheckAttention panics unless the matrices and spans of an attention call agree. The caller checks
// dq and the other gradients against the shapes of their originals.
func CheckAttention(op string, q, k, v tensor.Mat, a *Attention) {
	Check(op, a.KVHeads > 0 && a.Heads%a.KVHeads == 0, "%d heads do not share %d key-value heads", a.Heads, a.KVHeads)
	CheckShape(op, "q", q, q.Rows, a.Heads*a.Dim)
	CheckShape(op, "k", k, k.Rows, a.KVHeads*a.Dim)
	CheckShape(op, "v", v, k.Rows, k.Cols)
	if !(a.Scale > 0) { // tested here, since the arguments of Check are allocated, as below
		Check(op, false, "scale %v, which is not positive", a.Scale)
	}
	if a.Window < 0 {
		Check(op, false, "a window of %d keys", a.Window)
	}
	for _, s := range a.Queries {
		if s.Row < 0 || s.Len < 0 || int(s.Row+s.Len) > q.Rows {
			Check(op, false, "query rows [%d, +%d) of %d", s.Row, s.Len, q.Rows)
		}
		for _, p := range s.Spans {
			if p.Row < 0 || p.Len < 0 || int(p.Row+p.Len) > k.Rows {
				Check(op, false, "key rows [%d, +%d) of %d", p.Row, p.Len, k.Rows)
			}
		}
		if s.Keys() < int(s.Len) {
			Check(op, false, "%d queries see only %d keys", s.Len, s.Keys())
		}
	}
}
