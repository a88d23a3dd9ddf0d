package kerneltest

import (
	"fmt"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// groupCases are the rows of each group, in and out: empty groups, single rows, one group with
// nearly all, outs that are whole panels and not.
var groupCases = []struct {
	rows      []int
	ins, outs int
}{
	{[]int{0}, 16, 16}, {[]int{5}, 33, 20}, {[]int{1, 0, 3, 1}, 40, 32}, {[]int{0, 2, 70, 0, 1, 0}, 64, 64},
	{[]int{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8}, 48, 96}, {[]int{3, 290, 2}, 24, 40},
}

// groupMatMul tests GroupMatMul and its gradients. Any rows may be left out of a group.
func (s *suite) groupMatMul(t *testing.T, ty types) {
	for _, c := range groupCases {
		total := 0
		for _, n := range c.rows {
			total += n
		}
		ins, outs, groups := c.ins, c.outs, len(c.rows)
		// ends are where the groups end among the chosen rows, which must be in order.
		ends := func(rows []int) (list []int32) {
			last, n := 0, 0
			for _, size := range c.rows {
				last += size
				for n < len(rows) && rows[n] < last {
					n++
				}
				list = append(list, int32(n))
			}
			return list
		}
		r := random(8, total, ins, outs)
		x := in("x", ty.in, total, ins, normal(r, total*ins, 1)).perRow()
		w := in("w", ty.in, groups*outs, ins, normal(r, groups*outs*ins, 1)).weights()
		dy := in("dy", ty.in, total, outs, normal(r, total*outs, 1)).perRow()
		check := func(name string, o operand, rest []operand,
			run func(b kernels.Backend, m []tensor.Mat, ends []int32)) {
			s.check(t, call{name: fmt.Sprintf("%s of %v rows, %d to %d", name, c.rows, ins, outs), rows: total,
				unit:    ty.unit(),
				ordered: true, operands: append([]operand{o}, rest...),
				run: func(b kernels.Backend, m []tensor.Mat, rows []int) { run(b, m, ends(rows)) }})
		}
		check("GroupMatMul", out("y", ty.out, total, outs, 16, sums).perRow(), []operand{x, w},
			func(b kernels.Backend, m []tensor.Mat, ends []int32) { b.GroupMatMul(m[0], m[1], m[2], ends) })
		for _, acc := range []bool{false, true} {
			dx := out("dx", ty.out, total, ins, 16, sums).perRow()
			if acc {
				dx = dx.from(normal(r, total*ins, 1))
			}
			check(fmt.Sprintf("GroupMatMulGradX acc %v", acc), dx, []operand{dy, w},
				func(b kernels.Backend, m []tensor.Mat,
					ends []int32) {
					b.GroupMatMulGradX(m[0], m[1], m[2], ends, acc)
				})
		}
		check("GroupMatMulGradW", out("dw", ty.acc, groups*outs, ins, 16, sums).from(normal(r, groups*outs*ins, 1)),
			[]operand{dy, x},
			func(b kernels.Backend, m []tensor.Mat, ends []int32) { b.GroupMatMulGradW(m[0], m[1], m[2], ends) })
	}
}
