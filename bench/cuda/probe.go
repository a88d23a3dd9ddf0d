package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"spell/kernels"
	"spell/kernels/cuda"
	"spell/tensor"
)

// A tensorCore adds a group of products to a number: all are aligned to the largest exponent, their
// magnitudes cut to some fraction bits, added exactly, and the sum is cut to f32 (arXiv 2511.10909).
type tensorCore struct {
	name        string
	group, bits int
}

var tensorCores = []tensorCore{{"an H100's", 16, 25}, {"an A100's", 8, 24}}

// dot returns the sum of a[k]*b[k], from 0, group after group of bf16.
func (t tensorCore) dot(a, b []float32) float32 {
	sum := float32(0)
	for k := 0; k < len(a); k += t.group {
		sum = t.add(sum, a[k:k+t.group], b[k:k+t.group])
	}
	return sum
}

func (t tensorCore) add(c float32, a, b []float32) float32 {
	top := math.MinInt
	if c != 0 {
		_, e := math.Frexp(float64(c))
		top = e - 1
	}
	exponents, products := make([]int, len(a)), make([]float64, len(a))
	for k := range a {
		// A product of significands from 1 to 4 has the sum of the exponents.
		_, x := math.Frexp(float64(a[k]))
		_, y := math.Frexp(float64(b[k]))
		exponents[k], products[k] = x+y-2, float64(a[k])*float64(b[k])
		if products[k] != 0 {
			top = max(top, exponents[k])
		}
	}
	if top == math.MinInt {
		return 0
	}
	total := math.Trunc(math.Ldexp(float64(c), t.bits-top))
	for _, p := range products {
		total += math.Trunc(math.Ldexp(p, t.bits-top)) // integers below 2³³ are exact
	}
	n, cut := int64(total), 0
	for n >= 1<<24 || n <= -1<<24 {
		n, cut = n/2, cut+1
	}
	return float32(math.Ldexp(float64(n), top-t.bits+cut))
}

// A probe is dot products of bf16 that a device has computed in several ways.
type probe struct {
	rows, cols, sums int
	x, w             []float32
}

func newProbe(short bool) *probe {
	p := &probe{rows: 1024, cols: 1024, sums: 32}
	if short {
		p.rows, p.cols = 64, 96
	}
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) []float32 {
		list := make([]float32, n)
		for i := range list {
			v := float32(r.NormFloat64()) * float32(math.Ldexp(1, r.IntN(24)-12)) // of unlike sizes
			if r.IntN(16) > 0 {
				list[i] = tensor.Round(tensor.BF16, v)
			}
		}
		return list
	}
	p.x, p.w = draw(p.rows*p.sums), draw(p.cols*p.sums)
	return p
}

// run computes the products on a backend, so many rows at a time.
func (p *probe) run(b kernels.Backend, at int) ([]float32, error) {
	l, err := newLab(b, true)
	if err != nil {
		return nil, err
	}
	m, err := l.matrices(shape{tensor.BF16, p.rows, p.sums}, shape{tensor.BF16, p.cols, p.sums},
		shape{tensor.F32, p.rows, p.cols})
	if err != nil {
		return nil, err
	}
	defer func() { l.release(); l.arenas[0].Free() }()
	kernels.Upload(b, m[0], p.x)
	kernels.Upload(b, m[1], p.w)
	for i := 0; i < p.rows; i += at {
		end := min(i+at, p.rows)
		b.MatMul(m[2].Slice(i, end), m[0].Slice(i, end), m[1], tensor.Mat{}, false)
	}
	y := make([]float32, p.rows*p.cols)
	kernels.Download(b, y, m[2])
	return y, nil
}

// differ counts elements that have other bits.
func differ(a, b []float32) (n int) {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && !(a[i] == 0 && b[i] == 0) {
			n++
		}
	}
	return n
}

// runProbe compares the kernels with each other, and with what the emulated tensor cores compute.
func runProbe(b kernels.Backend, short bool) (list []result, err error) {
	p := newProbe(short)
	whole, err := p.run(b, p.rows)
	if err != nil {
		return nil, err
	}
	say := func(name string, wrong int) {
		r := result{problem: problem{Step: "probe", Case: name}, Engine: ours,
			Note: fmt.Sprintf("%d of %d sums differ", wrong, len(whole)), Failed: wrong > 0}
		list = append(list, r)
	}
	few, err := p.run(b, 16)
	if err != nil {
		return list, err
	}
	say("few rows, with the operands' roles exchanged, and many", differ(few, whole))
	plain, err := cuda.Open(cuda.Options{Plain: true})
	if err != nil {
		return list, err
	}
	defer plain.Close()
	small, err := p.run(plain, p.rows)
	if err != nil {
		return list, err
	}
	say("small tiles and large", differ(small, whole))
	var wrong []int
	for _, t := range tensorCores {
		want := make([]float32, len(whole))
		for i := range p.rows {
			for j := range p.cols {
				want[i*p.cols+j] = t.dot(p.x[i*p.sums:(i+1)*p.sums], p.w[j*p.sums:(j+1)*p.sums])
			}
		}
		wrong = append(wrong, differ(want, whole))
	}
	best := slices.Index(wrong, slices.Min(wrong))
	say("the device and "+tensorCores[best].name+" tensor cores, in the model", wrong[best])
	return list, nil
}
