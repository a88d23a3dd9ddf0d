// Package cpu is the backend for processors: Go over about a dozen primitives per instruction set
// (matrix tiles, row sums, exponentials, the optimizer row), in assembly on amd64 and arm64 and in
// plain Go everywhere.
//
// Every output element has one order of additions, whatever the number of rows, tiles or workers:
//
//   - Products of matrices are one chain of fused multiply-adds over the reduction index, from 0
//     upwards: gemm.go says from which value it starts. With weights of bf16, BFMMLA takes four
//     steps at once if a NEON machine has it: pairs.go.
//   - Sums along a row (norms, softmax) run in 16 virtual lanes, lane = index mod 16, which a fixed
//     tree adds up: rows_generic.go.
//   - Weight gradients add onto the stored value row after row, so that splitting a batch changes
//     nothing either.
//
// AVX-512, AVX2 and NEON give the same bits: their assembly is written from one description by the
// program in asm. Plain Go multiplies and adds with two roundings where assembly has one; its
// results are as invariant, but not the same bits.
//
// What bounds the products, on a core of an Emerald Rapids server: tiles alone reach 97 % of the
// FMA peak, large products with packed weights 94 %; the rest is the first pass over each panel and
// over C. Copying operands costs dX 3 to 6 % and dW, which copies both, 6 to 10 %. One row reads
// packed weights at the speed of memory.
//
// Operations on rows that leave the caches run at the speed of memory: BenchmarkMemory races them
// against plain traffic over the same matrices. They prefetch across pages, and write what is too
// large for the caches with streaming stores.
//
// Packed copies of weights follow the weights: pack.go says how. A build with the tag invariants
// compares them at every use.
package cpu

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"spell/kernels"
	"spell/tensor"
)

// Options choose workers and instruction set. The zero value is the best of the machine.
type Options struct {
	Workers int    // threads; 0 means GOMAXPROCS
	ISA     string // "avx512", "avx2", "neon", "generic" or "", the best there is
	Dots    string // whether VDPBF16PS or BFMMLA multiply bf16: "on", "off" or "", the best; see layout
}

// A Backend implements kernels.Backend on the host's processors.
type Backend struct {
	isa    isa
	pool   *pool
	arenas map[*tensor.Arena]*arenaState // what is known of each arena, packs above all; see pack.go
	calls  calls                         // arguments of the running operation

	dots        bool // bf16 is multiplied as it is: isa.dotLayout
	packPart    int  // elements of an operand that are packed at once for a product
	streamBytes int  // bytes of a call's operands from which on no cache holds what it writes for the next
}

// calls hold the arguments of the running operation, one slot per kind, so that starting one
// allocates nothing.
type calls struct {
	gemm         gemmCall
	grouped      groupedCall
	pack         packCall
	copy         copyCall
	panels       panelScratch // packed operands of the running product
	quantize     quantizeCall
	move         moveCall
	read         readCall
	scatter      scatterCall
	norm         normCall
	normGrad     normGradCall
	rope         ropeCall
	scale        scaleCall
	swiglu       swigluCall
	scaledSwiglu scaledSwigluCall
	route        routeCall
	gatherAdd    gatherAddCall
	adamw        adamwCall
	refreshes    []refresh
	squares      squaresCall
	attend       attendCall
	attendGrad   attendGradCall
	logProb      logProbCall
	logitGrad    logitGradCall
	sample       sampleCall
	rowScratch   []float32 // one number per row, between the phases of a call
	tileScratch  []float32 // logit gradients of one vocabulary tile
	inputScratch []float32 // a gradient summed over many tiles before it is rounded
}

var (
	_ kernels.Backend    = (*Backend)(nil)
	_ kernels.Meter      = (*Backend)(nil)
	_ kernels.HostMemory = (*Backend)(nil)
)

// New starts the workers. It returns an error if the instruction set asked for is unknown or
// missing.
func New(opts Options) (*Backend, error) {
	s, err := chooseISA(opts.ISA)
	if err != nil {
		return nil, err
	}
	dots, err := s.chooseDots(opts.Dots)
	if err != nil {
		return nil, err
	}
	n := opts.Workers
	if n < 0 {
		return nil, fmt.Errorf("cpu backend: %d workers; ask for at least one, or 0 for all processors", n)
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return &Backend{isa: s, pool: newPool(n, s), arenas: map[*tensor.Arena]*arenaState{}, dots: dots, packPart: 1 << 23,
		streamBytes: 64 << 20}, nil
}

// Name returns "cpu (avx512)", with the name of the instruction set in use.
func (b *Backend) Name() string { return fmt.Sprintf("cpu (%v)", b.isa) }

// Alloc maps host memory.
func (b *Backend) Alloc(name string, bytes int) (*tensor.Arena, error) {
	return tensor.MapArena(name, bytes)
}

// Close stops the workers and drops the packed weights.
func (b *Backend) Close() error {
	b.pool.close()
	for _, s := range b.arenas {
		s.drop()
	}
	b.calls.panels.free()
	b.arenas = map[*tensor.Arena]*arenaState{}
	return nil
}

// Write copies raw little-endian elements of dst.Type from the host; dst is contiguous.
func (b *Backend) Write(dst tensor.Mat, src []byte) {
	kernels.Check("Write", dst.Contiguous(), "%v has gaps between its rows", dst)
	n := dst.Type.Size()
	kernels.Check("Write", len(src) == dst.Len()*n, "%d bytes for %v", len(src), dst)
	if len(src) > 0 {
		nativeOrder(dst.Arena.Host[dst.Off*n:dst.Off*n+len(src)], src, n)
	}
	b.loaded(dst)
}

// Read copies raw little-endian elements of src.Type to the host; src is contiguous.
func (b *Backend) Read(dst []byte, src tensor.Mat) {
	kernels.Check("Read", src.Contiguous(), "%v has gaps between its rows", src)
	n := src.Type.Size()
	kernels.Check("Read", len(dst) == src.Len()*n, "%d bytes for %v", len(dst), src)
	if len(dst) > 0 {
		nativeOrder(dst, src.Arena.Host[src.Off*n:src.Off*n+len(dst)], n)
	}
}

// nativeOrder copies elements of n bytes between little-endian and the processor's order.
func nativeOrder(dst, src []byte, n int) {
	copy(dst, src)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for i := 0; i+n <= len(dst); i += n {
		for l, r := i, i+n-1; l < r; l, r = l+1, r-1 {
			dst[l], dst[r] = dst[r], dst[l]
		}
	}
}

// grow returns s with room for n floats, reusing its memory if that suffices.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n+n/4)[:n]
	}
	return s[:n]
}

// parallelWork is the number of row elements below which an operation on rows is not worth waking
// another worker for.
const parallelWork = 1 << 14
