package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/tensor"
)

// An engine computes C of one problem in one way.
type engine struct {
	name   string
	packed bool   // B was packed before
	ours   bool   // one of kernels/cpu
	kernel string // what the library calls its implementation
	lacks  string // why there is no run, where the library cannot
	run    func()
	close  func()
}

// A problem is a shape with its operands. Every engine reads the same A and B; the weights B have
// an arena of their own, so that our backend may keep them packed.
type problem struct {
	shape
	typ           tensor.DType
	backend       *cpu.Backend
	weights, rest *tensor.Arena
	a, b, c       tensor.Mat
	truth         []float32 // our C
}

// newProblem fills A and B with numbers in [-½, ½).
func newProblem(k *cpu.Backend, s shape, t tensor.DType) (*problem, error) {
	p := &problem{shape: s, typ: t, backend: k}
	a, b := s.operands()
	var err error
	if p.weights, err = k.Alloc("B", tensor.Bytes(t, b[0], b[1])); err != nil {
		return nil, err
	}
	if p.rest, err = k.Alloc("A and C", tensor.Bytes(t, a[0], a[1])+tensor.Bytes(tensor.F32, s.m, s.n)); err != nil {
		p.weights.Free()
		return nil, err
	}
	p.a, p.b = p.rest.New(t, a[0], a[1]), p.weights.New(t, b[0], b[1])
	p.c = p.rest.New(tensor.F32, s.m, s.n)
	rng := rand.NewPCG(uint64(s.m), uint64(s.k*s.n))
	for _, m := range []tensor.Mat{p.a, p.b} {
		row := make([]float32, m.Cols)
		for i := range m.Rows {
			for j := range row {
				row[j] = float32(rng.Uint64()>>40)/(1<<24) - .5
			}
			kernels.Upload(k, m.Slice(i, i+1), row)
		}
	}
	return p, nil
}

func (p *problem) free() {
	p.weights.Free()
	p.rest.Free()
}

// ours is the operation of the backend that computes the form; see the comment of the package.
func ours(k *cpu.Backend, p *problem) []*engine {
	product := func(packed bool, run func()) *engine {
		return &engine{name: "spell", ours: true, packed: packed, run: run, close: func() {}}
	}
	switch p.form {
	case "NT":
		matmul := func() { k.MatMul(p.c, p.a, p.b, tensor.Mat{}, false) }
		return []*engine{product(false, func() { p.weights.Touch(); matmul() }), product(true, matmul)}
	case "NN":
		return []*engine{product(false, func() { k.MatMulGradX(p.c, p.a, p.b, false) })}
	}
	return []*engine{product(false, func() { k.MatMulGradW(p.c, tensor.Mat{}, p.a, p.b) })}
}

// gonumEngines is gonum's Sgemm, which takes as many goroutines as GOMAXPROCS allows.
func gonumEngines(p *problem) []*engine {
	if p.typ != tensor.F32 {
		return nil
	}
	transpose := map[byte]blas.Transpose{'N': blas.NoTrans, 'T': blas.Trans}
	a, b, c := tensor.Elems[float32](p.a), tensor.Elems[float32](p.b), tensor.Elems[float32](p.c)
	return []*engine{{name: "gonum", close: func() {}, run: func() {
		gonum.Implementation{}.Sgemm(transpose[p.form[0]], transpose[p.form[1]], p.m, p.n, p.k, 1,
			a, p.a.Cols, b, p.b.Cols, 0, c, p.n)
	}}}
}

// at is element (i, j) of a matrix.
func at(m tensor.Mat, i, j int) float64 {
	e := m.Slice(i, i+1).ColSlice(j, j+1)
	if m.Type == tensor.BF16 {
		return float64(math.Float32frombits(uint32(tensor.Elems[uint16](e)[0]) << 16))
	}
	return float64(tensor.Elems[float32](e)[0])
}

// compute runs e once from C = 0.
func (p *problem) compute(e *engine) []float32 {
	p.backend.Zero(p.c)
	e.run()
	return tensor.Elems[float32](p.c)
}

// tolerance bounds the error of an element by a share of the largest one. Sums of some thousand
// products in f32 differ by a hundredth of it, a wrong operand by ten thousand times it.
const tolerance = 1e-4

// checkOurs holds our C against sums in float64, at sampled elements, and keeps it.
func (p *problem) checkOurs(e *engine) error {
	p.truth = append(p.truth, p.compute(e)...)
	top := largest(p.truth)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 64 {
		i, j := rng.IntN(p.m), rng.IntN(p.n)
		sum := 0.0
		for s := range p.k {
			ia, ja, ib, jb := i, s, s, j
			if p.form == "TN" {
				ia, ja = ja, ia
			}
			if p.form == "NT" {
				ib, jb = jb, ib
			}
			sum += at(p.a, ia, ja) * at(p.b, ib, jb)
		}
		if off := math.Abs(float64(p.truth[i*p.n+j]) - sum); !(off <= tolerance*top) {
			return fmt.Errorf("spell, %v %v: element (%d, %d) is %v, not %v",
				p.typ, p.shape, i, j, p.truth[i*p.n+j], sum)
		}
	}
	return nil
}

// checkPeer holds the C of another engine against ours.
func (p *problem) checkPeer(e *engine) error {
	if off := difference(p.compute(e), p.truth); !(off <= tolerance) {
		return fmt.Errorf("%s, %v %v: off by %.2g of the largest element", e.title(), p.typ, p.shape, off)
	}
	return nil
}

// title is the name of the column of an engine.
func (e *engine) title() string { return title(e.name, e.packed) }

func title(name string, packed bool) string {
	if packed {
		return name + " packed"
	}
	return name
}

// difference is the largest absolute difference of got and want as a share of the largest element
// of want; NaN where got holds one.
func difference(got, want []float32) float64 {
	worst := 0.0
	for i, w := range want {
		worst = max(worst, math.Abs(float64(got[i])-float64(w)))
	}
	return worst / largest(want)
}

func largest(v []float32) float64 {
	top := 0.0
	for _, x := range v {
		top = max(top, math.Abs(float64(x)))
	}
	return top
}
