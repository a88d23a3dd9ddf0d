package tally

import (
	"slices"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// Rates are what a machine reaches. A rate of 0 is unknown and bounds nothing.
type Rates struct {
	Peak   float64        // multiply-adds on registers, the ceiling of the other rates, in GFLOP/s
	Flops  [Kinds]float64 // by kind, in GFLOP/s
	Read   float64        // memory, in 10⁹ bytes per second
	Update float64        // memory changed in place, likewise; each byte counts twice
}

// seconds returns the time to compute flops operations plus the time to move moved bytes.
// Operations on few rows wait for both, since neither hides the other; for all others one of the
// two is small.
func (r *Rates) seconds(k Kind, flops, moved float64) float64 {
	t := 0.0
	if r.Flops[k] > 0 {
		t = flops / r.Flops[k] / 1e9
	}
	memory := r.Read
	if k == MemoryBound {
		memory = r.Update
	}
	if memory > 0 {
		t += moved / memory / 1e9
	}
	return t
}

// A Shape gives the products and the attention by which rates are measured: x [Rows, In], w [Out,
// In], and attention of Rows queries over as many keys.
type Shape struct {
	Rows, In, Out       int
	Weight, Act, Acc    tensor.DType
	Heads, KVHeads, Dim int
	Memory              int // bytes over which memory is read; 0: beyond the largest caches
}

// A Known is a backend whose rates are known without a measurement.
type Known interface {
	// Rates returns those for work of a shape.
	Rates(s Shape) Rates
}

// fewRows is how many rows measure a backend that takes a tenth of a second for them.
const fewRows = 16

// Measure runs each kind of work on b for a tenth of a second and reads memory: a second in all.
// workers is the number of threads of b. It returns an error if b has no memory for the operands. Of a backend
// that is Known it measures nothing.
func Measure(b kernels.Backend, s Shape, workers int) (Rates, error) {
	if k, ok := b.(Known); ok {
		return k.Rates(s), nil
	}
	var r Rates
	if m, ok := b.(kernels.Meter); ok {
		r.Peak = m.PeakFMA(workers)
		memory := 512 << 20
		if s.Memory > 0 {
			memory = min(memory, s.Memory)
		}
		r.Read, r.Update = m.Bandwidth(workers, memory)
	}
	weights, err := b.Alloc("measured weights", tensor.Bytes(s.Weight, s.Out, s.In))
	if err != nil {
		return r, err
	}
	defer weights.Free()
	w := weights.New(s.Weight, s.Out, s.In)
	if w.Type == tensor.I8 {
		kernels.UploadInt8(b, w, make([]float32, w.Len()))
	} else {
		b.Write(w, make([]byte, w.Len()*w.Type.Size()))
	}

	kv, keys := s.KVHeads*s.Dim, s.Rows
	var x, dx, y, dy, dw, q, k, v, o, lse, dq, dk, dv, do tensor.Mat
	lay := func(a *tensor.Arena) {
		x, dx, y, dy = a.New(s.Act, s.Rows, s.In), a.New(s.Acc, s.Rows, s.In), a.New(s.Acc, s.Rows, s.Out),
			a.New(s.Act, s.Rows, s.Out)
		dw = a.New(s.Acc, s.Out, s.In)
		q, o, do = a.New(s.Act, s.Rows, s.Heads*s.Dim), a.New(s.Act, s.Rows, s.Heads*s.Dim),
			a.New(s.Act, s.Rows, s.Heads*s.Dim)
		k, v, dk, dv = a.New(s.Act, keys, kv), a.New(s.Act, keys, kv), a.New(s.Acc, keys, kv), a.New(s.Acc, keys, kv)
		dq, lse = a.New(s.Acc, s.Rows, s.Heads*s.Dim), a.New(s.Acc, s.Rows, s.Heads)
	}
	size := tensor.PlanArena()
	lay(size)
	a, err := b.Alloc("measured activations", size.Peak())
	if err != nil {
		return r, err
	}
	defer a.Free()
	lay(a)
	for _, m := range []tensor.Mat{x, dy, dw, q, k, v, o, do, dk, dv} {
		b.Zero(m)
	}
	type work struct {
		do     func(b kernels.Backend, rows int)
		result tensor.Mat
	}
	att := func(rows int) *kernels.Attention {
		return &kernels.Attention{Heads: s.Heads, KVHeads: s.KVHeads, Dim: s.Dim, Scale: 1,
			Queries: []kernels.Query{{Len: int32(rows), Spans: []kernels.Span{{Len: int32(rows)}}}}}
	}
	for kind, w := range [MemoryBound]work{
		Product: {func(b kernels.Backend, n int) {
			b.MatMul(y.Slice(0, n), x.Slice(0, n), w, tensor.Mat{}, false)
		}, y},
		ProductGradX: {func(b kernels.Backend, n int) { b.MatMulGradX(dx.Slice(0, n), dy.Slice(0, n), w, false) }, dx},
		ProductGradW: {func(b kernels.Backend, n int) {
			b.MatMulGradW(dw, tensor.Mat{}, dy.Slice(0, n), x.Slice(0, n))
		}, dw},
		Attend: {func(b kernels.Backend, n int) {
			b.Attend(o.Slice(0, n), lse.Slice(0, n), q.Slice(0, n), k.Slice(0, n), v.Slice(0, n), att(n))
		}, o},
		AttendGrad: {func(b kernels.Backend, n int) {
			b.AttendGrad(dq.Slice(0, n), dk.Slice(0, n), dv.Slice(0, n), do.Slice(0, n), o.Slice(0, n), lse.Slice(0, n),
				q.Slice(0, n), k.Slice(0, n), v.Slice(0, n), att(n))
		}, dq},
	} {
		read := make([]byte, w.result.Type.Size())
		timed := func(rows int) float64 {
			start := time.Now()
			w.do(b, rows)
			b.Read(read, w.result.Slice(0, 1).ColSlice(0, 1)) // waits for what a backend has put off
			return time.Since(start).Seconds()
		}
		const long = 0.1
		rows := min(fewRows, s.Rows)
		if timed(rows) < long {
			rows = s.Rows
			timed(rows) // what happens once, such as packing
		}
		one := New(Rates{})
		w.do(one, rows)
		var rates []float64
		for begin, n := time.Now(), 0; n < 3 || time.Since(begin).Seconds() < long; n++ {
			rates = append(rates, one.Work.Total()/timed(rows)/1e9)
		}
		slices.Sort(rates)
		r.Flops[kind] = rates[len(rates)/2]
	}
	return r, nil
}
