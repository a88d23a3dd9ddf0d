package cpu

import (
	"math"

	"spell/kernels"
	"spell/tensor"
)

// squareRun is the number of elements of a row whose squares SumSquares adds up before it adds
// the sum to the rest.
const squareRun = 1 << 12

type squaresCall struct {
	m     mat
	runs  int // of a row
	sums  []float64
	tasks int
}

// SumSquares is Σ m[i][j]² in f64: runs of squareRun elements of a row in 16 lanes, run sums in order.
func (b *Backend) SumSquares(m tensor.Mat) float64 {
	if m.Len() == 0 {
		return 0
	}
	c := &b.calls.squares
	c.m = view("SumSquares", m)
	c.runs = ceil(m.Cols, squareRun)
	n := m.Rows * c.runs
	if cap(c.sums) < n {
		c.sums = make([]float64, n)
	}
	c.sums = c.sums[:n]
	c.tasks = min(n, 256)
	b.pool.do(c, c.tasks, m.Len() > 2*wideWork)
	var sum float64
	for _, v := range c.sums {
		sum += v
	}
	return sum
}

func (c *squaresCall) task(w *worker, i int) {
	n := len(c.sums)
	buf := w.take(min(squareRun, c.m.cols))
	for k := i * n / c.tasks; k < (i+1)*n/c.tasks; k++ {
		c0 := k % c.runs * squareRun
		c.sums[k] = w.s.sumSquares(c.m.row(w.s, k/c.runs, c0, min(c0+squareRun, c.m.cols), buf))
	}
}

// An adamStep is kernels.AdamStep as the f32 factors of the inner loop.
type adamStep struct {
	beta1, beta2, one1, one2 float32 // β and 1-β
	grad                     float32 // scale of the gradient
	rate                     float32 // LR/(1-β₁ᵗ)
	root                     float32 // 1/sqrt(1-β₂ᵗ)
	eps, decay               float32 // ε; LR*WeightDecay
}

type adamwCall struct {
	w, master, m, v, grad mat
	s                     adamStep
	same                  bool // the master is w
	runs                  int  // of a row
}

const adamRun = 1 << 12

// AdamW is one optimizer step, in f32. The moments' biases are corrected in the factors:
// master -= LR/(1-β₁ᵗ) * m/(sqrt(v)/sqrt(1-β₂ᵗ)+ε) + LR*WeightDecay*master.
func (b *Backend) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	for _, o := range []tensor.Mat{master, m, v, grad} {
		kernels.CheckShape("AdamW", "operand", o, w.Rows, w.Cols)
	}
	c := &b.calls.adamw
	c1, c2 := 1-math.Pow(s.Beta1, float64(s.Step)), 1-math.Pow(s.Beta2, float64(s.Step))
	*c = adamwCall{w: view("AdamW", w), master: view("AdamW", master), m: view("AdamW", m), v: view("AdamW", v), grad: view("AdamW", grad),
		same: w == master,
		s: adamStep{beta1: float32(s.Beta1), beta2: float32(s.Beta2), one1: float32(1 - s.Beta1), one2: float32(1 - s.Beta2),
			grad: float32(s.GradScale), rate: float32(s.LR / c1), root: float32(1 / math.Sqrt(c2)),
			eps: float32(s.Eps), decay: float32(s.LR * s.WeightDecay)}}
	if c.w.contiguous() && c.master.contiguous() && c.m.contiguous() && c.v.contiguous() && c.grad.contiguous() {
		c.w, c.master, c.m, c.v, c.grad = c.w.flat(), c.master.flat(), c.m.flat(), c.v.flat(), c.grad.flat()
	}
	c.runs = ceil(c.w.cols, adamRun)
	b.pool.do(c, c.w.rows*c.runs, w.Len() > wideWork/2)
	b.loaded(w)
	b.loaded(master)
	b.loaded(m)
	b.loaded(v)
}

func (c *adamwCall) task(w *worker, i int) {
	r, c0 := i/c.runs, i%c.runs*adamRun
	c1 := min(c0+adamRun, c.w.cols)
	n := c1 - c0
	p := c.master.row(w.s, r, c0, c1, w.take(n))
	m, v := c.m.row(w.s, r, c0, c1, w.take(n)), c.v.row(w.s, r, c0, c1, w.take(n))
	w.s.adamw(p, m, v, c.grad.row(w.s, r, c0, c1, w.take(n)), &c.s)
	c.m.store(w.s, r, c0, m)
	c.v.store(w.s, r, c0, v)
	c.master.store(w.s, r, c0, p)
	if !c.same {
		c.w.put(w.s, r, c0, p)
	}
}
