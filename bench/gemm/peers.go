//go:build peers && cgo && linux

package main

// #cgo CFLAGS: -O2 -Wall -Wno-parentheses
// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
// #include "peers.h"
import "C"

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"spell/tensor"
)

// peers are the libraries that were found.
type peers struct {
	blas    []blasLibrary
	dnn     *C.onednn
	threads []func(n int) // set the number of threads of each library
	lines   []string
}

type blasLibrary struct {
	name  string
	sgemm unsafe.Pointer
}

// sonames are the names that the dynamic linker may know a library by, in the order of trial.
var sonames = map[string][]string{
	"OpenBLAS": {"libopenblas.so.0", "libopenblas.so"},
	"BLIS":     {"libblis.so.4", "libblis.so.5", "libblis.so.3", "libblis.so"},
	"oneDNN":   {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"},
}

// environment is what the libraries read when they are loaded.
func environment() map[string]string {
	// Idle threads spin, then sleep. By default they spin for some ten milliseconds and would take
	// a processor from the engine that is measured next; half a millisecond outlasts any gap
	// between two calls of one engine.
	env := map[string]string{"GOMP_SPINCOUNT": "10000", "OPENBLAS_THREAD_TIMEOUT": "20"}
	// OpenBLAS and BLIS choose kernels by model and brand of the processor and miss AVX-512 where
	// these are newer than they are or hidden by a hypervisor.
	avx512 := cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512BW, cpuid.AVX512VL)
	if cpuid.CPU.VendorID == cpuid.Intel && avx512 {
		env["OPENBLAS_CORETYPE"], env["BLIS_ARCH_TYPE"] = "SkylakeX", "skx"
	}
	return env
}

// openPeers looks for the libraries. Each is opened by itself, out of sight of the others: OpenBLAS
// and BLIS export the same names. Variables of the environment that are set remain.
func openPeers(paths map[string]string) *peers {
	for name, value := range environment() {
		if os.Getenv(name) == "" {
			os.Setenv(name, value)
		}
	}
	p := &peers{}
	for _, l := range libraries {
		handle, from, err := open(l, paths[l])
		if err == nil {
			err = p.add(l, handle, from)
		}
		if err != nil {
			p.lines = append(p.lines, fmt.Sprintf("%s is absent: %v.", l, err))
		}
	}
	return p
}

// open is the library at path, or by one of its sonames where path is empty.
func open(name, path string) (handle unsafe.Pointer, from string, err error) {
	try := sonames[name]
	if path != "" {
		try = []string{path}
	}
	for _, s := range try {
		c := C.CString(s)
		handle = C.dlopen(c, C.RTLD_NOW|C.RTLD_LOCAL)
		C.free(unsafe.Pointer(c))
		if handle != nil {
			return handle, s, nil
		}
		if e := C.GoString(C.dlerror()); err == nil || !strings.Contains(e, "No such file") {
			err = fmt.Errorf("%s", e)
		}
	}
	return nil, "", fmt.Errorf("%w; install it, or name the file with -%s", err, strings.ToLower(name))
}

// function is a symbol of a library or of one it depends on, nil where there is none.
func function(handle unsafe.Pointer, name string) unsafe.Pointer {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return C.dlsym(handle, c)
}

// add takes what is needed from a library.
func (p *peers) add(name string, handle unsafe.Pointer, from string) error {
	describe := func(f string) string {
		if f := function(handle, f); f != nil {
			return strings.TrimSpace(C.GoString(C.call_string(f)))
		}
		return "of unknown version"
	}
	var setter, about string
	switch name {
	case "OpenBLAS":
		setter, about = "openblas_set_num_threads", describe("openblas_get_config")
	case "BLIS":
		setter, about = "bli_thread_set_num_threads", describe("bli_info_get_version_str")
		start, id := function(handle, "bli_init"), function(handle, "bli_arch_query_id")
		kernels := function(handle, "bli_arch_string")
		if start != nil && id != nil && kernels != nil {
			about += ", kernels " + C.GoString(C.blis_kernels(start, id, kernels))
		}
	case "oneDNN":
		// Debian's and most others are built on OpenMP, whose setting holds for the calling thread.
		setter = "omp_set_num_threads"
	}
	set := function(handle, setter)
	if set == nil {
		return fmt.Errorf("%s has no %s, by which threads are set", from, setter)
	}
	if name == "oneDNN" {
		var why *C.char
		if p.dnn = C.onednn_open(handle, &why); p.dnn == nil {
			return fmt.Errorf("%s: %s", from, C.GoString(why))
		}
		var v [3]C.int
		C.onednn_version(p.dnn, &v[0], &v[1], &v[2])
		about = fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
	} else {
		sgemm := function(handle, "cblas_sgemm")
		if sgemm == nil {
			return fmt.Errorf("%s has no cblas_sgemm", from)
		}
		p.blas = append(p.blas, blasLibrary{name, sgemm})
	}
	if name == "BLIS" {
		p.threads = append(p.threads, func(n int) { C.call_int64(set, C.int64_t(n)) })
	} else {
		p.threads = append(p.threads, func(n int) { C.call_int(set, C.int(n)) })
	}
	p.lines = append(p.lines, fmt.Sprintf("%s is %s (%s).", name, strings.TrimPrefix(about, name+" "), from))
	return nil
}

// notes say which libraries there are.
func (p *peers) notes() []string { return p.lines }

// setThreads sets the number of threads of every library, for calls from this thread.
func (p *peers) setThreads(n int) {
	for _, set := range p.threads {
		set(n)
	}
}

// engines are the ways of the libraries to compute a problem. Where
// a library cannot, the engine says why.
func (p *peers) engines(pr *problem) []*engine {
	var all []*engine
	ta, tb := C.int(0), C.int(0)
	if pr.form == "TN" {
		ta = 1
	}
	if pr.form == "NT" {
		tb = 1
	}
	c := (*C.float)(start(pr.c))
	if pr.typ == tensor.F32 {
		a, b := (*C.float)(start(pr.a)), (*C.float)(start(pr.b))
		for _, l := range p.blas {
			all = append(all, &engine{name: l.name, close: func() {}, run: func() {
				C.blas_sgemm(l.sgemm, ta, tb, C.int(pr.m), C.int(pr.n), C.int(pr.k),
					a, C.int(pr.a.Stride), b, C.int(pr.b.Stride), c, C.int(pr.c.Stride))
			}})
		}
	}
	if p.dnn == nil {
		return all
	}
	half := C.int(0)
	if pr.typ == tensor.BF16 {
		half = 1
	}
	for _, packed := range []bool{false, true} {
		pack := C.int(0)
		if packed {
			if pr.form == "TN" { // B is no weight
				continue
			}
			pack = 1
		}
		var why *C.char
		m := C.matmul_new(p.dnn, C.int64_t(pr.m), C.int64_t(pr.k), C.int64_t(pr.n), ta, tb, half, pack,
			start(pr.a), start(pr.b), c, &why)
		if m == nil {
			all = append(all, &engine{name: "oneDNN", packed: packed, lacks: C.GoString(why), close: func() {}})
			continue
		}
		all = append(all, &engine{name: "oneDNN", packed: packed, kernel: C.GoString(C.matmul_kernel(m)),
			run: func() { C.matmul_run(m) }, close: func() { C.matmul_free(m) }})
	}
	return all
}

// start is the address of the first element of a matrix, outside the Go heap.
func start(m tensor.Mat) unsafe.Pointer {
	return unsafe.Pointer(&m.Arena.Host[m.Off*m.Type.Size()])
}

// peakBF16 is the rate of VDPBF16PS that n threads reach together on their registers, in GFLOP/s,
// the best of eight runs of some milliseconds; 0 where there is no such instruction.
func peakBF16(n int) float64 {
	const steps = 400_000
	best := 0.0
	for range 8 {
		start := time.Now()
		var flops C.int
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				if f := C.dpbf16(steps); i == 0 {
					flops = f
				}
			})
		}
		group.Wait()
		best = max(best, float64(n)*steps*float64(flops)/time.Since(start).Seconds()/1e9)
	}
	return best
}
