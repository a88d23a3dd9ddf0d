package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/tensor"
)

// A rig runs the same operation on the backend under test and on the oracle in f64, each in an
// arena of its own with the same contents.
type rig struct {
	t    *testing.T
	rng  *rand.Rand
	b    *Backend
	got  *tensor.Arena
	want *tensor.Arena
}

func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	b, err := New(opts)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { b.Close() }) // last
	return newRigOn(t, b)
}

// newRigOn returns a rig on a backend that others use, too.
func newRigOn(t *testing.T, b *Backend) *rig {
	t.Helper()
	r := &rig{t: t, rng: rand.New(rand.NewPCG(1, 2)), b: b}
	var err error
	for _, a := range []**tensor.Arena{&r.got, &r.want} {
		if *a, err = b.Alloc("test", 1<<26); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { r.got.Free(); r.want.Free() })
	return r
}

// A pair is a matrix in both arenas.
type pair struct{ got, want tensor.Mat }

// mat returns a random matrix whose rows lie apart, the gaps filled with NaN.
func (r *rig) mat(t tensor.DType, rows, cols, gap int, scale float64) pair {
	p := pair{r.got.New(t, rows, cols+gap), r.want.New(t, rows, cols+gap)}
	v := make([]float32, rows*(cols+gap))
	for i := range v {
		v[i] = float32(r.rng.NormFloat64() * scale)
		if i%(cols+gap) >= cols {
			v[i] = float32(math.NaN())
		}
	}
	kernels.Upload(r.b, p.got, v)
	kernels.Upload(r.b, p.want, v)
	return pair{p.got.ColSlice(0, cols), p.want.ColSlice(0, cols)}
}

// elems reads m row by row.
func elems(m tensor.Mat) []float64 {
	v := make([]float64, 0, m.Len())
	for i := range m.Rows {
		for j := range m.Cols {
			o := i*m.Stride + j
			if m.Type == tensor.BF16 {
				v = append(v, float64(tensor.BF16Float(tensor.Elems[uint16](m)[o])))
			} else {
				v = append(v, float64(tensor.Elems[float32](m)[o]))
			}
		}
	}
	return v
}

// close fails unless got and want agree to tol of the largest element, one bf16 rounding more if
// that is the type, and the gaps of got still hold NaN.
func (r *rig) close(what string, p pair, tol float64) {
	r.t.Helper()
	if p.got.IsZero() {
		return
	}
	got, want := elems(p.got), elems(p.want)
	var top float64
	for _, w := range want {
		top = max(top, math.Abs(w))
	}
	for i := range got {
		limit := tol*(top+1e-6) + 1e-30
		if p.got.Type == tensor.BF16 {
			limit += math.Abs(want[i]) / 128
		}
		if d := math.Abs(got[i] - want[i]); !(d <= limit) {
			r.t.Fatalf("%s: element %d of %v is %g, want %g (off by %.2g, limit %.2g)", what, i, p.got, got[i], want[i],
				d, limit)
		}
	}
	if g := p.got.Stride - p.got.Cols; g > 0 && p.got.Rows > 1 {
		full := p.got
		full.Cols, full.Rows = full.Stride, full.Rows-1
		for i, v := range elems(full) {
			if i%full.Cols >= p.got.Cols && v == v {
				r.t.Fatalf("%s: the gap of %v was written", what, p.got)
			}
		}
	}
}

var oracle = ref.New[float64]()

// options returns every instruction set, with and without products of pairs.
func options() (list []Options) {
	for _, s := range append(assembly(), generic) {
		list = append(list, Options{ISA: s.String(), Dots: "off"})
		if s.dotLayout() != floats {
			list = append(list, Options{ISA: s.String(), Dots: "on"})
		}
	}
	return list
}

func eachISA(t *testing.T, f func(t *testing.T, opts Options)) {
	for _, o := range options() {
		for _, o.Workers = range []int{1, 3} {
			t.Run(fmt.Sprintf("%s,dots=%s/%d", o.ISA, o.Dots, o.Workers), func(t *testing.T) { f(t, o) })
		}
	}
}

var types = []tensor.DType{tensor.F32, tensor.BF16}

// TestProductBlocks checks the products at sizes at which the reduction is blocked, operands are
// copied and many tasks share the work, which the conformance suite does not reach.
func TestProductBlocks(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		for _, s := range [][3]int{{3, 1100, 70}, {40, 513, 33}, {30, 1024, 64}, {530, 48, 70}, {20, 40, 1300}} {
			m, k, n := s[0], s[1], s[2]
			for _, typ := range types {
				for _, acc := range []bool{false, true} {
					gm, wm := r.got.Mark(), r.want.Mark()
					what := fmt.Sprintf("%v %v acc=%v", s, typ, acc)
					x, w := r.mat(typ, m, k, 0, 1), r.mat(typ, n, k, 3, 1)
					y, bias := r.mat(typ, m, n, 3, 1), r.mat(typ, 1, n, 0, 1)
					r.b.MatMul(y.got, x.got, w.got, bias.got, acc)
					oracle.MatMul(y.want, x.want, w.want, bias.want, acc)
					r.close("MatMul "+what, y, 3e-6)
					dx, dy := r.mat(tensor.F32, m, k, 3, 1), r.mat(typ, m, n, 0, 1)
					r.b.MatMulGradX(dx.got, dy.got, w.got, acc)
					oracle.MatMulGradX(dx.want, dy.want, w.want, acc)
					r.close("MatMulGradX "+what, dx, 3e-6)
					dw, db := r.mat(typ, n, k, 3, 1), r.mat(typ, 1, n, 0, 1)
					r.b.MatMulGradW(dw.got, db.got, dy.got, x.got)
					oracle.MatMulGradW(dw.want, db.want, dy.want, x.want)
					r.close("MatMulGradW dw "+what, dw, 3e-6)
					r.close("MatMulGradW db "+what, db, 3e-6)
					r.got.Release(gm)
					r.want.Release(wm)
				}
			}
		}
	})
}

// TestGradientAccumulation checks that a batch cut into parts gives the weight gradients of the
// whole, bit for bit.
func TestGradientAccumulation(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		r := newRig(t, opts)
		const m, k, n = 1100, 40, 50
		x, dy := r.mat(tensor.F32, m, k, 0, 1).got, r.mat(tensor.F32, m, n, 0, 1).got
		dw, db := [2]tensor.Mat{}, [2]tensor.Mat{}
		for i := range dw {
			dw[i], db[i] = r.got.New(tensor.F32, n, k), r.got.New(tensor.F32, 1, n)
			r.b.Zero(dw[i])
			r.b.Zero(db[i])
		}
		r.b.MatMulGradW(dw[0], db[0], dy, x)
		for _, cut := range [][2]int{{0, 1}, {1, 14}, {14, 530}, {530, m}} {
			r.b.MatMulGradW(dw[1], db[1], dy.Slice(cut[0], cut[1]), x.Slice(cut[0], cut[1]))
		}
		for i, pair := range [][2]tensor.Mat{dw, db} {
			if !slices.Equal(elems(pair[0]), elems(pair[1])) {
				t.Errorf("gradient %d depends on how the batch is cut", i)
			}
		}
	})
}

// TestPacks checks that packed weights follow every way of changing them.
func TestPacks(t *testing.T) {
	r := newRig(t, Options{Workers: 2})
	params, err := r.b.Alloc("params", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer params.Free()
	w, m, v := params.New(tensor.F32, 40, 24), params.New(tensor.F32, 40, 24), params.New(tensor.F32, 40, 24)
	x, y, grad := r.mat(tensor.F32, 5, 24, 0, 1), r.mat(tensor.F32, 5, 40, 0, 0), r.mat(tensor.F32, 40, 24, 0, 1)
	other := r.mat(tensor.F32, 40, 24, 0, 1)
	rows := make([]int32, 40)
	changes := []struct {
		name string
		do   func()
	}{
		{"Write", func() { kernels.Upload(r.b, w, make([]float32, 40*24)) }},
		{"Copy", func() { r.b.Copy(w, other.got) }},
		{"Zero", func() { r.b.Zero(w.Slice(3, 7)) }},
		{"AdamW", func() {
			r.b.AdamW(w, w, m, v, grad.got, kernels.AdamStep{LR: .1, Beta1: .9, Beta2: .9, Eps: 1e-8, GradScale: 1,
				Step: 1})
		}},
		{"Touch", func() { tensor.Elems[float32](w)[5] = 7; params.Touch() }},
		{"ScatterAdd", func() { r.b.ScatterAdd(w, other.got, rows) }},
		{"Write after that", func() { r.b.Write(w, make([]byte, 4*40*24)) }},
	}
	for _, c := range changes {
		c.do()
		for range 2 {
			r.b.MatMul(y.got, x.got, w, tensor.Mat{}, false)
			oracle.MatMul(y.want, x.want, w, tensor.Mat{}, false)
			r.close("MatMul after "+c.name, y, 3e-6)
		}
	}
}

// near reports whether a and b are ulps apart at most or both NaN; with ulps < 0, whether they are
// within 1e-5 of the larger or of 1.
func near(a, b float32, ulps int32) bool {
	switch {
	case a != a || b != b:
		return a != a && b != b
	case math.Float32bits(a) == math.Float32bits(b):
		return true
	case ulps < 0:
		return math.Abs(float64(a)-float64(b)) <= 1e-5*max(1, math.Abs(float64(a)), math.Abs(float64(b)))
	}
	d := int32(math.Float32bits(a)) - int32(math.Float32bits(b))
	return -ulps <= d && d <= ulps
}

// TestSoftmaxStep compares the step of the online softmax with its definition in f64.
func TestSoftmaxStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range append(assembly(), generic) {
		for seen := 1; seen <= 64; seen++ {
			z, o := make([]float32, 64), make([]float32, seen)
			for i := range z {
				z[i] = float32(rng.NormFloat64() * 20)
			}
			for i := range o {
				o[i] = 1
			}
			const scale = .25
			state := []float32{1, 3, 0}
			top := 1.0
			for _, v := range z[:seen] {
				top = max(top, float64(v)*scale)
			}
			f := math.Exp(1 - top)
			sum := 3 * f
			want := make([]float64, 64)
			for i, v := range z[:seen] {
				want[i] = math.Exp(float64(v)*scale - top)
				sum += want[i]
			}
			s.softmax(z, o, len(o), state, 1, seen, scale, false)
			blank(z, 1, seen, 64)
			if d := math.Abs(float64(state[1]) - sum); d > 1e-5*sum || float64(state[0]) != top {
				t.Fatalf("%v, %d keys: state %v, want %g and %g", s, seen, state, top, sum)
			}
			for i, w := range want {
				if math.Abs(float64(z[i])-w) > 1e-5*w {
					t.Fatalf("%v, %d keys: p[%d] is %g, want %g", s, seen, i, z[i], w)
				}
			}
			for i, v := range o {
				if math.Abs(float64(v)-f) > 1e-5*f {
					t.Fatalf("%v, %d keys: o[%d] is %g, want %g", s, seen, i, v, f)
				}
			}
		}
	}
}

// TestOptions checks the choice of workers and instruction set.
func TestOptions(t *testing.T) {
	for _, o := range []Options{{ISA: "sse"}, {Workers: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) succeeded", o)
		}
	}
	for i, name := range isaNames {
		s, err := chooseISA(name)
		switch {
		case isa(i).present() && (err != nil || s != isa(i)):
			t.Errorf("%s: chose %v, %v", name, s, err)
		case !isa(i).present() && (err == nil || !strings.Contains(err.Error(), name)):
			t.Errorf("%s, which is not there: %v", name, err)
		}
	}
	b, err := New(Options{Workers: 3, ISA: "generic"})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Name(); got != "cpu (generic)" {
		t.Errorf("the name is %q", got)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPool checks that every task runs once, in calls that come at once and after workers
// have parked.
func TestPool(t *testing.T) {
	p := newPool(4, generic)
	defer p.close()
	for n := range 300 {
		c := &countCall{make([]atomic.Int32, n)}
		p.do(c, n, true)
		for i := range c.ran {
			if got := c.ran[i].Load(); got != 1 {
				t.Fatalf("task %d of %d ran %d times", i, n, got)
			}
		}
		if n%50 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

type countCall struct{ ran []atomic.Int32 }

func (c *countCall) task(_ *worker, i int) { c.ran[i].Add(1) }

// TestPoolShares checks that others take the tasks that were dealt to a worker which is busy; if
// not, it never ends.
func TestPoolShares(t *testing.T) {
	p := newPool(2, generic)
	defer p.close()
	for range 20 {
		c := &stuckCall{tasks: 100}
		if p.doInShares(c, int(c.tasks), true); c.ran.Load() != c.tasks {
			t.Fatalf("%d of %d tasks ran", c.ran.Load(), c.tasks)
		}
	}
}

// A stuckCall is a call whose first task ends last.
type stuckCall struct {
	tasks int32
	ran   atomic.Int32
}

func (c *stuckCall) task(_ *worker, i int) {
	for i == 0 && c.ran.Load() < c.tasks-1 {
		runtime.Gosched()
	}
	c.ran.Add(1)
}

// TestNoAllocation checks that operations of a size seen before allocate nothing.
func TestNoAllocation(t *testing.T) {
	r := newRig(t, Options{Workers: 2})
	x, w, y := r.mat(tensor.F32, 200, 128, 0, 1).got, r.mat(tensor.F32, 128, 128, 0, 1).got,
		r.mat(tensor.F32, 200, 128, 0, 1).got
	norm, lse, stats := r.mat(tensor.F32, 1, 128, 0, 1).got, r.mat(tensor.F32, 200, 4, 0, 1).got,
		r.mat(tensor.F32, 200, 3, 0, 1).got
	a := &kernels.Attention{Heads: 4, KVHeads: 4, Dim: 32, Scale: 1,
		Queries: []kernels.Query{{Row: 0, Len: 200, Spans: []kernels.Span{{Row: 0, Len: 200}}}}}
	ids, f := make([]int32, 200), make([]float32, 200)
	experts, ends := r.mat(tensor.F32, 3*128, 128, 0, 1).got, []int32{120, 125, 200}
	q, source := r.want.New(tensor.I8, 128, 128), r.mat(tensor.F32, 128, 128, 0, 1).want
	m8, v8, half := r.want.New(tensor.M8, 128, 128), r.want.New(tensor.V8, 128, 128), r.want.New(tensor.BF16, 128, 128)
	all := func() {
		r.b.Quantize(q, source)
		r.b.MatMul(y, x, q, tensor.Mat{}, false)
		r.b.MatMul(y.Slice(0, 2), x.Slice(0, 2), q, tensor.Mat{}, false)
		r.b.RMSNorm(y, x, norm, 1e-6)
		r.b.MatMul(y, x, w, tensor.Mat{}, false)
		r.b.MatMulGradX(y, x, w, true)
		r.b.MatMulGradW(w, norm, x, y)
		r.b.GroupMatMul(y, x, experts, ends)
		r.b.GroupMatMulGradX(y, x, experts, ends, true)
		r.b.GroupMatMulGradW(experts, x, y, ends)
		r.b.Attend(y, lse, x, x, x, a)
		r.b.AttendGrad(y, y, y, x, x, lse, x, x, x, a)
		r.b.LogProb(stats, x, w, ids, f)
		r.b.LogProbGrad(y, w, stats, x, w, ids, f, f, f)
		r.b.AdamW(w, w, m8, v8, w, kernels.AdamStep{Step: 1})
		r.b.AdamW(w, w, half, half, w, kernels.AdamStep{Step: 1})
		r.b.Copy(w, v8)
	}
	for range 3 { // every worker's scratch grows once
		all()
	}
	if n := testing.AllocsPerRun(20, all); n > 1 {
		t.Errorf("%g allocations a round of operations", n)
	}
}

// TestExp checks where expf ends; TestAccuracy measures it between.
func TestExp(t *testing.T) {
	for x, want := range map[float32]float32{float32(math.Inf(-1)): 0, float32(math.Inf(1)): float32(math.Inf(1)), 0: 1,
		100: float32(math.Inf(1)), -200: 0} {
		if got := expf(x); got != want {
			t.Errorf("expf(%g) = %g, want %g", x, got, want)
		}
	}
	if x := expf(float32(math.NaN())); x == x {
		t.Errorf("expf(NaN) = %g", x)
	}
}
