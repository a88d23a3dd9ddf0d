package cpu

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// A stream is an operation bound by memory: what it must read, change in place and write. It
// touches no other memory beyond the first levels of cache.
type stream struct {
	name                   string
	reads, updates, writes []tensor.Mat
	run                    func()
}

// bytes returns what the operation must read and write.
func (s *stream) bytes() (n float64) {
	for _, list := range [][]tensor.Mat{s.reads, s.updates, s.updates, s.writes} {
		for _, m := range list {
			n += float64(m.Len() * m.Type.Size())
		}
	}
	return n
}

// race runs the operation and plain traffic over the same memory in turns and reports the median
// rate, and its share of the rate of the traffic just before and after.
func (s *stream) race(b *testing.B, r *bench) {
	var t traffic
	bytes := 0
	for _, l := range []struct {
		to   *[][]float32
		from []tensor.Mat
	}{{&t.reads, s.reads}, {&t.updates, s.updates}, {&t.writes, s.writes}} {
		for _, m := range l.from {
			v := view("race", m)
			if v = v.flat(); v.half {
				v.f = words(v.h)
			}
			*l.to = append(*l.to, v.f)
			bytes += m.Len() * m.Type.Size()
		}
	}
	t.streaming = bytes >= r.streamBytes
	t.begin()
	plain := func() float64 {
		start := time.Now()
		r.pool.do(&t, t.tasks, true)
		return s.bytes() / time.Since(start).Seconds() / 1e9
	}
	s.run()
	plain()
	var rates, shares []float64
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		before := plain()
		b.StartTimer()
		start := time.Now()
		s.run()
		rate := s.bytes() / time.Since(start).Seconds() / 1e9
		b.StopTimer()
		rates, shares = append(rates, rate), append(shares, 200*rate/(before+plain()))
		b.StartTimer()
	}
	slices.Sort(rates)
	slices.Sort(shares)
	b.ReportMetric(rates[len(rates)/2], "GB/s")
	b.ReportMetric(shares[len(shares)/2], "%traffic")
}

// BenchmarkMemory runs the operations that do little with much memory, on matrices beyond the
// caches and within them. GB are of 10⁹ bytes, and count what must be read and written, not what
// stores fetch before they write.
func BenchmarkMemory(b *testing.B) {
	for _, shape := range [][2]int{{4096, 4864}, {16384, 896}, {64, 896}} {
		for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
			for _, threads := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
				b.Run(fmt.Sprintf("%v/%dx%d/threads=%d", typ, shape[0], shape[1], threads), func(b *testing.B) {
					r := newBench(b, threads)
					for _, s := range r.streams(typ, shape[0], shape[1]) {
						b.Run(s.name, func(b *testing.B) { s.race(b, r) })
					}
				})
			}
		}
	}
}

// streams returns the operations on matrices of the types they have in a model of that precision.
func (r *bench) streams(typ tensor.DType, rows, cols int) []stream {
	act := func(t tensor.DType) tensor.Mat { return r.filled(r.rest, t, rows, cols) }
	x, y, z, out, out2 := act(tensor.F32), act(tensor.F32), act(tensor.F32), act(typ), act(typ)
	state := func(rows int) tensor.Mat { return r.filled(r.params, tensor.F32, rows, cols) }
	table, norm, dnorm := r.filled(r.params, typ, rows, cols), r.filled(r.params, typ, 1, cols), state(1)
	master, m, v, grad := state(rows), state(rows), state(rows), state(rows)
	r.Zero(v)
	cs := r.filled(r.rest, tensor.F32, rows, 64)
	order := make([]int32, rows)
	for i, p := range rand.New(rand.NewPCG(1, 2)).Perm(rows) {
		order[i] = int32(p)
	}
	step := kernels.AdamStep{LR: 1e-5, Beta1: .9, Beta2: .95, Eps: 1e-8, GradScale: 1, WeightDecay: .1, Step: 7}
	mats := func(m ...tensor.Mat) []tensor.Mat { return m }
	list := []stream{
		{"RMSNorm", mats(x), nil, mats(out), func() { r.RMSNorm(out, x, norm, 1e-6) }},
		{"RMSNormGrad", mats(x, z), mats(y), nil, func() { r.RMSNormGrad(y, dnorm, z, x, norm, 1e-6) }},
		{"Rope", mats(x, cs), nil, mats(out), func() { r.Rope(out, x, cs, false) }},
		{"RopeInPlace", mats(cs), mats(x), nil, func() { r.Rope(x, x, cs, true) }},
		{"SwiGLU", mats(x, z), nil, mats(out), func() { r.SwiGLU(out, x, z) }},
		{"SwiGLUGrad", mats(x, y, z), nil, mats(out, out2), func() { r.SwiGLUGrad(out, out2, y, x, z) }},
		{"Gather", mats(table), nil, mats(out), func() { r.Gather(out, table, order) }},
		{"ScatterAdd", mats(x), mats(grad), nil, func() { r.ScatterAdd(grad, x, order) }},
		{"Zero", nil, nil, mats(grad), func() { r.Zero(grad) }},
		{"Copy", mats(x), nil, mats(out), func() { r.Copy(out, x) }},
		{"SumSquares", mats(grad), nil, nil, func() { r.SumSquares(grad) }},
	}
	if typ == tensor.F32 {
		table = master
	} else {
		list = append(list, stream{"Widen", mats(out), nil, mats(x), func() { r.Copy(x, out) }})
	}
	adamW := func(name string, m, v tensor.Mat) {
		s := stream{"AdamW" + name, mats(grad), mats(master, m, v), nil,
			func() { r.AdamW(table, master, m, v, grad, step) }}
		if name == "8bit" {
			s.updates = mats(master, m.Words(), v.Words())
		}
		if table != master {
			s.writes = mats(table)
		}
		list = append(list, s)
	}
	of := func(t tensor.DType) tensor.Mat { return r.params.New(t, rows, cols) }
	adamW("", m, v)
	adamW("16bit", of(tensor.BF16), of(tensor.BF16))
	adamW("8bit", of(tensor.M8), of(tensor.V8))
	return list
}

// filled returns a large matrix of small random numbers, of a few thousand that repeat.
func (r *bench) filled(a *tensor.Arena, t tensor.DType, rows, cols int) tensor.Mat {
	m := a.New(t, rows, cols)
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	numbers := make([]float32, 1<<12+1)
	for i := range numbers {
		numbers[i] = float32(rng.NormFloat64() * .1)
	}
	v := view("filled", m)
	v = v.flat()
	for i := 0; i < v.cols; i += len(numbers) {
		v.put(r.isa, 0, i, numbers[:min(len(numbers), v.cols-i)])
	}
	return m
}
