//go:build cuda && cgo && linux

package cuda

// #include <stdlib.h>
// #include "cublaslt.h"
import "C"

import (
	"bytes"
	"math/rand/v2"
	"os"
	"unsafe"

	"spell/tensor"
)

// libraryNames are what cublasLt is called and where it lies, in the order of trial.
var libraryNames = []string{
	"libcublasLt.so.13", "libcublasLt.so.12",
	"/usr/local/cuda/lib64/libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.12",
}

// A library is cublasLt, which computes large products of bf16 as far as it has the bits of the kernels: with sums
// that are not split, a run of k in one call and the next ones added to y. Which algorithm it takes depends on the
// shape; a probe compares the bits of the algorithm.
type library struct {
	l        *C.cublaslt
	off      error                                  // why it is not used, if a call has failed
	products map[C.library_shape]*C.library_product // nil: the library has none
	equal    map[libraryProbe]bool                  // whether the bits are those of the kernels
}

// A libraryProbe is what the bits of a product depend on.
type libraryProbe struct {
	form        form
	first, last C.library_algorithm // of its runs
	k           int                 // of the runs that are probed
	typ         int32
	acc         bool
}

// openLibrary finds cublasLt, from the path in SPELL_CUBLASLT if there is one. Without it, or if it cannot be
// used, products are the kernels' own.
func openLibrary(d *device) *library {
	names := libraryNames
	if path := os.Getenv("SPELL_CUBLASLT"); path != "" {
		names = []string{path}
	}
	for _, name := range names {
		l := &library{products: map[C.library_shape]*C.library_product{}, equal: map[libraryProbe]bool{}}
		s := C.CString(name)
		message := C.cublaslt_load(&l.l, s)
		C.free(unsafe.Pointer(s))
		if message != nil {
			continue
		}
		l.off = d.failure(C.cublaslt_open(l.l, d.c), "")
		return l
	}
	return nil
}

// closeLibrary frees what openLibrary and libraryFor made.
func (b *Backend) closeLibrary() error {
	l := b.library
	if l == nil {
		return nil
	}
	b.library = nil
	for _, p := range l.products {
		if p != nil {
			C.cublaslt_free_product(p)
		}
	}
	return b.device.failure(C.cublaslt_close(l.l, b.device.c), "")
}

// libraryRuns is a product by the library: a call for each run of k.
type libraryRuns []*C.library_product

func (t libraryRuns) called() string { return "cublasLt" }

func (t libraryRuns) multiply(b *Backend, p *product) {
	for i, run := range t {
		at := uint64(2 * productRun * i) // bytes
		call := C.library_call{y: C.uint64_t(p.y.at), x: C.uint64_t(p.a.at + at), w: C.uint64_t(p.b.at + at),
			beta: C.float(flag(p.acc || i > 0))}
		if p.form == gradX {
			call.w = C.uint64_t(p.b.at + at*uint64(p.b.stride))
		}
		b.add(C.launch{product: unsafe.Pointer(run)}, t.called(),
			unsafe.Slice((*byte)(unsafe.Pointer(&call)), unsafe.Sizeof(call)))
	}
}

// libraryFor returns p by the library, or nil if kernels compute it: products for dW, with biases, of less than a
// tile for each multiprocessor; and those of several runs that y cannot sum, for it is of bf16 or added to last.
func (b *Backend) libraryFor(p *product) multiplier {
	l, several := b.library, p.k > productRun
	if l == nil || l.off != nil || p.form == gradW || p.ends != nil || p.bias.at != 0 || p.k == 0 || p.y.wide == 0 ||
		large[p.form].tiles(p) < b.leastTiles || several && (p.acc || p.y.typ != int32(tensor.F32)) {
		return nil
	}
	t := l.runs(b, p, nil)
	if t == nil {
		return nil
	}
	probe := libraryProbe{form: p.form, first: C.cublaslt_algorithm(t[0]), last: C.cublaslt_algorithm(t[len(t)-1]),
		k: p.k, typ: p.y.typ, acc: p.acc}
	if several { // two runs, the second as long as the last one
		probe.k = productRun + (p.k-1)%productRun + 1
	}
	same, known := l.equal[probe]
	if !known {
		b.aside(func() { same = b.probeLibrary(&probe) })
		l.equal[probe] = same
	}
	if !same {
		return nil
	}
	return t
}

// libraryTakes reports whether the library computes a product of much work in each form that it knows.
func (b *Backend) libraryTakes() bool {
	const side, depth = productRun, 256
	square := func(typ tensor.DType) mat {
		return mat{stride: side, rows: side, cols: side, typ: int32(typ), wide: 1}
	}
	for f := range gradW {
		if b.libraryFor(&product{form: f, y: square(tensor.F32), a: square(tensor.BF16), b: square(tensor.BF16),
			m: side, n: side, k: depth}) == nil {
			return false
		}
	}
	return true
}

// runs returns the runs of p by the algorithms that the library takes, or by those of a probe. It is nil if it has
// none.
func (l *library) runs(b *Backend, p *product, probe *libraryProbe) (t libraryRuns) {
	for from := 0; from < p.k; from += productRun {
		s := C.library_shape{transposed: C.int(flag(p.form == forward)),
			bf16: C.int(flag(p.y.typ == int32(tensor.BF16))),
			m:    C.uint64_t(p.m), n: C.uint64_t(p.n), k: C.uint64_t(min(productRun, p.k-from)),
			y: C.int64_t(p.y.stride), x: C.int64_t(p.a.stride), w: C.int64_t(p.b.stride)}
		var algorithm *C.library_algorithm
		if probe != nil {
			if algorithm = &probe.first; from+productRun >= p.k {
				algorithm = &probe.last
			}
		}
		run, known := l.products[s]
		if !known || probe != nil {
			if l.off = b.device.failure(C.cublaslt_product(l.l, b.device.c, &s, algorithm, &run), ""); l.off != nil {
				return nil
			}
		}
		if probe == nil {
			l.products[s] = run
		}
		if run == nil {
			return nil
		}
		t = append(t, run)
	}
	return t
}

// probeLibrary reports whether a product by the algorithms of a probe has the bits of a kernel.
func (b *Backend) probeLibrary(probe *libraryProbe) bool {
	arena, err := b.Alloc("products to compare", 4*probe.k*(probeRows+probeCols)+b.device.gpu().totalsBytes()+1<<20)
	b.must(err)
	defer arena.Free() // and graphs of the runs before those are
	r := rand.New(rand.NewPCG(uint64(probe.k), uint64(probe.form)))
	draw := func(typ int32, rows, cols int) (tensor.Mat, mat) {
		m := arena.New(tensor.DType(typ), rows, (cols+7)/8*8)
		part := m
		part.Cols = cols
		return m, operand("probe", part)
	}
	shape := [2]int{probeCols, probe.k}
	if probe.form == gradX {
		shape = [2]int{probe.k, probeCols}
	}
	p := product{form: probe.form, m: probeRows, n: probeCols, k: probe.k, acc: probe.acc}
	x, a := draw(int32(tensor.BF16), probeRows, probe.k)
	w, m := draw(int32(tensor.BF16), shape[0], shape[1])
	y, sum := draw(probe.typ, probeRows, probeCols)
	p.a, p.b, p.y = a, m, sum
	p.totals = uint64(arena.Device) + uint64(arena.Used())
	b.Write(x, craft(r, x.Len()))
	b.Write(w, craft(r, w.Len()))
	before := craft(r, y.Len()*y.Type.Size()/2)
	by := func(t multiplier) []byte {
		b.Write(y, before)
		t.multiply(b, &p)
		after := make([]byte, len(before))
		b.Read(after, y)
		return after
	}
	t := b.library.runs(b, &p, probe)
	if t == nil {
		return false
	}
	same := bytes.Equal(by(t), by(small[probe.form]))
	for _, run := range t {
		C.cublaslt_free_product(run)
	}
	return same
}
