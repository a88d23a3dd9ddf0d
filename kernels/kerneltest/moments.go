package kerneltest

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// momentTypes are what m and v may be, beside F32.
var momentTypes = [][2]tensor.DType{{tensor.BF16, tensor.BF16}, {tensor.M8, tensor.V8}, {tensor.F32, tensor.V8},
	{tensor.M8, tensor.BF16}}

// clearMoments sets moments to 0, whatever they are.
func clearMoments(b kernels.Backend, list ...tensor.Mat) {
	for _, m := range list {
		if m.Type == tensor.M8 || m.Type == tensor.V8 {
			m = m.Words()
		}
		b.Zero(m)
	}
}

// moments tests AdamW with moments of fewer bits. With factors of a half and gradients of eight
// bits nothing is rounded twice, so that the moments after three steps are the oracle's, bit for
// bit.
func (s *suite) moments(t *testing.T, ty types) {
	if ty.acc != tensor.F32 || ty.in != ty.out {
		return
	}
	for i, shape := range [][2]int{{1, 1}, {1, 100}, {5, 7}, {3, 130}, {3, 1024}, {4, 1027}, {3, 4097}, {1, 33000}} {
		rows, cols := shape[0], shape[1]
		if s.quick && rows*cols > manyElements {
			continue
		}
		var grads []operand
		for k := range 3 {
			g := roundAll(tensor.BF16, normal(random(41, rows, cols, k), rows*cols, 1))
			for j := range g {
				switch row := j / cols; {
				case row == 1:
					g[j] = 0
				case row == 2:
					g[j] *= math.Ldexp(1, -j%cols%40)
				case j%7 == 3 && k < 2:
					g[j] = 0
				}
			}
			grads = append(grads, in(fmt.Sprint("grad ", k), tensor.F32, rows, cols, g))
		}
		master := out("master", tensor.F32, rows, cols, 64, largest).from(normal(random(42, rows, cols), rows*cols, 1))
		for k, mt := range momentTypes {
			if k >= 2 && rows*cols > 2*tensor.MomentRun {
				continue // mixed types are nothing new
			}
			s.check(t, call{name: fmt.Sprintf("AdamW [%d, %d] with moments %v and %v", rows, cols, mt[0], mt[1]),
				unit: ty.unit(),
				operands: append([]operand{
					out("w", ty.in, rows, cols, 64, largest), master,
					out("m", tensor.F32, rows, cols, 0, exact), out("v", tensor.F32, rows, cols, 0, exact)}, grads...),
				run: func(b kernels.Backend, o []tensor.Mat, _ []int) {
					m, v := o[0].Arena.New(mt[0], rows, cols), o[0].Arena.New(mt[1], rows, cols)
					clearMoments(b, m, v)
					for k, g := range o[4:] {
						b.AdamW(o[0], o[1], m, v, g,
							kernels.AdamStep{LR: 1e-2, Beta1: 0.5, Beta2: 0.5, Eps: 1e-2, WeightDecay: 0.1,
								GradScale: 1, Step: 1 + k, Seed: uint64(10*i + k)})
					}
					b.Copy(o[2], m)
					b.Copy(o[3], v)
				}})
		}
	}
	if ty.in == tensor.F32 {
		s.momentsSettle(t)
		s.momentsOfNaN(t)
	}
}

// momentsSettle checks that moments reach what they average, though a step moves them by less than
// the type resolves.
func (s *suite) momentsSettle(t *testing.T) {
	const cols, steps = 1100, 4000
	g := make([]float64, cols)
	for j := range g {
		g[j] = math.Pow(-1, float64(j)) * math.Exp(math.Sin(float64(j))) // from 1/e to e
	}
	for _, mt := range momentTypes[:2] {
		c := call{operands: []operand{
			out("m", tensor.F32, 1, cols, 0, exact), out("v", tensor.F32, 1, cols, 0, exact),
			in("grad", tensor.F32, 1, cols, g)},
			run: func(b kernels.Backend, o []tensor.Mat, _ []int) {
				w, m, v := o[0].Arena.New(tensor.F32, 1, cols), o[0].Arena.New(mt[0], 1, cols),
					o[0].Arena.New(mt[1], 1, cols)
				b.Zero(w)
				clearMoments(b, m, v)
				for k := range steps {
					b.AdamW(w, w, m, v, o[2], kernels.AdamStep{Beta1: 0.99, Beta2: 0.999, Eps: 1e-8, GradScale: 1,
						Step: 1 + k, Seed: uint64(7 * k)})
				}
				b.Copy(o[0], m)
				b.Copy(o[1], v)
			}}
		got := s.envs[0].exec(t, c, packed, nil)
		m, v := values(tensor.F32, got[0]), values(tensor.F32, got[1])
		for _, half := range [][2]int{{0, cols / 2}, {cols / 2, cols}} {
			var ofM, ofV float64
			for j := half[0]; j < half[1]; j++ {
				ofM += m[j] / g[j]
				ofV += v[j] / (g[j] * g[j]) / (1 - math.Pow(0.999, steps))
				if r := m[j] / g[j]; !(r > 0.75 && r < 1.3) {
					t.Errorf("moments %v: m[%d] is %v of the gradient after %d steps of it", mt[0], j, r, steps)
				}
			}
			n := float64(half[1] - half[0])
			if ofM /= n; !(math.Abs(ofM-1) < 0.01) {
				t.Errorf("moments %v: m is %v of the gradient, in the mean", mt[0], ofM)
			}
			if ofV /= n; !(math.Abs(ofV-1) < 0.03) {
				t.Errorf("moments %v: v is %v of the square of the gradient, in the mean", mt[1], ofV)
			}
		}
	}
}

// momentsOfNaN checks that codes of a run with a NaN, or with what is too large, read as NaN, and
// others as they are.
func (s *suite) momentsOfNaN(t *testing.T) {
	const cols, bad = tensor.MomentRun + 40, 5
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32} {
		g := normal(random(43), 2*cols, 1)
		g[cols+bad] = x
		c := call{operands: []operand{
			out("m", tensor.F32, 2, cols, 0, exact), out("v", tensor.F32, 2, cols, 0, exact),
			in("grad", tensor.F32, 2, cols, g)},
			run: func(b kernels.Backend, o []tensor.Mat, _ []int) {
				w, m, v := o[0].Arena.New(tensor.F32, 2, cols), o[0].Arena.New(tensor.M8, 2, cols),
					o[0].Arena.New(tensor.V8, 2, cols)
				b.Zero(w)
				clearMoments(b, m, v)
				b.AdamW(w, w, m, v, o[2], kernels.AdamStep{Beta1: 0, Beta2: 0, Eps: 1e-8, GradScale: 1, Step: 1})
				b.Copy(o[0], m)
				b.Copy(o[1], v)
			}}
		for k, bits := range s.envs[0].exec(t, c, packed, nil)[:2] {
			for i, v := range values(tensor.F32, bits) {
				if want := i >= cols && i < cols+tensor.MomentRun; math.IsNaN(v) != want {
					t.Fatalf("a gradient of %v at [1, %d]: element %d of moment %d is %v", x, bad, i, k, v)
				}
			}
		}
	}
}
