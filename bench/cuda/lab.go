package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"spell/kernels"
	"spell/tensor"
)

// A lab is a backend with operands.
type lab struct {
	kernels.Backend
	short   bool // one call is a sample, and one sample is enough: for an emulated device
	random  map[tensor.DType][]byte
	arenas  []*tensor.Arena
	witness tensor.Mat // one element, to wait by
	bytes   int
}

// randomElements is how many random numbers there are, an odd number: larger matrices repeat them at
// other columns.
const randomElements = 1<<20 + 7

func newLab(b kernels.Backend, short bool) (*lab, error) {
	l := &lab{Backend: b, short: short, random: map[tensor.DType][]byte{}}
	m, err := l.matrices(shape{tensor.F32, 1, 1})
	if err != nil {
		return nil, err
	}
	l.witness = m[0]
	return l, nil
}

// Alloc counts the bytes that are allocated.
func (l *lab) Alloc(name string, bytes int) (*tensor.Arena, error) {
	a, err := l.Backend.Alloc(name, bytes)
	if err == nil {
		l.bytes += bytes
	}
	return a, err
}

// A shape is that of a matrix.
type shape struct {
	typ        tensor.DType
	rows, cols int
}

// matrices allocates matrices of random numbers in [-½, ½).
func (l *lab) matrices(list ...shape) (all []tensor.Mat, err error) {
	size := tensor.PlanArena()
	for _, s := range list {
		size.New(s.typ, s.rows, s.cols)
	}
	a, err := l.Backend.Alloc("operands", size.Peak())
	if err != nil {
		return nil, err
	}
	l.arenas = append(l.arenas, a)
	for _, s := range list {
		m := a.New(s.typ, s.rows, s.cols)
		l.fill(m)
		all = append(all, m)
	}
	return all, nil
}

// release frees all matrices but the first.
func (l *lab) release() {
	for _, a := range l.arenas[1:] {
		a.Free()
	}
	l.arenas = l.arenas[:1]
}

func (l *lab) fill(m tensor.Mat) {
	raw := l.random[m.Type]
	if raw == nil {
		r, all := rand.New(rand.NewPCG(7, uint64(m.Type))), make([]float32, randomElements)
		for i := range all {
			all[i] = float32(r.Uint32()>>8)/(1<<24) - 0.5
		}
		raw = make([]byte, len(all)*m.Type.Size())
		tensor.Encode(raw, m.Type, all)
		l.random[m.Type] = raw
	}
	flat, most := m.Reshape(1, m.Len()), len(raw)/m.Type.Size()
	for at := 0; at < m.Len(); at += most {
		n := min(most, m.Len()-at)
		l.Write(flat.ColSlice(at, at+n), raw[:n*m.Type.Size()])
	}
}

// wait returns when the device has done everything.
func (l *lab) wait() {
	var b [4]byte
	l.Read(b[:], l.witness)
}

// sampleTime is what the calls of a sample take together at least, so that neither the first launch nor
// the wait counts.
const sampleTime = 20 * time.Millisecond

// seconds returns the seconds of a call: the median of ten samples, three if they are long. Calls get
// numbers, for those that take other operands each time.
func (l *lab) seconds(run func(call int)) float64 {
	call := 0
	sample := func(n int) time.Duration {
		start := time.Now()
		for range n {
			run(call)
			call++
		}
		l.wait()
		return time.Since(start)
	}
	n, t := 1, sample(1) // kernels are compiled, memory is allocated
	if l.short {
		return t.Seconds()
	}
	t = sample(1)
	for t < sampleTime {
		n = max(n+1, min(10*n, int(1.2*float64(n)*float64(sampleTime)/float64(t))))
		t = sample(n)
	}
	samples := 10
	if t > 200*time.Millisecond {
		samples = 3
	}
	var list []float64
	for range samples {
		list = append(list, sample(n).Seconds()/float64(n))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// warm is how often to do what is measured once: kernels are compiled the first time.
func (l *lab) warm() int {
	if l.short {
		return 1
	}
	return 2
}

// cold returns how many sets of operands of that many bytes lie beyond the device's caches together.
func (l *lab) cold(bytes float64) int {
	const caches = 256 << 20
	if l.short {
		return 1
	}
	return min(16, 1+int(caches/bytes))
}
