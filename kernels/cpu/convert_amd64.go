//go:build !purego

package cpu

// A function with the suffix AVX512 is the one with the suffix Generic, to the bit. The dispatch
// proves that slices reach as far as assembly does.

//go:noescape
func widenAVX512(dst []float32, src []uint16)

//go:noescape
func narrowAVX512(dst []uint16, src []float32)

//go:noescape
func roundAVX512(x []float32)

// copyRowsAVX512 is dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols, both positive.
//
//go:noescape
func copyRowsAVX512(dst []float32, ldd int, src []float32, lds, rows, cols int)

// widenRowsAVX512 is the same from bf16.
//
//go:noescape
func widenRowsAVX512(dst []float32, ldd int, src []uint16, lds, rows, cols int)

// transposeAVX512 is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols, a multiple of 4.
//
//go:noescape
func transposeAVX512(dst []float32, ldd int, src []float32, lds, cols int)

func (s isa) widen(dst []float32, src []uint16) {
	src = src[:len(dst)]
	if s == avx512 {
		widenAVX512(dst, src)
		return
	}
	widenGeneric(dst, src)
}

func (s isa) narrow(dst []uint16, src []float32) {
	src = src[:len(dst)]
	if s == avx512 {
		narrowAVX512(dst, src)
		return
	}
	narrowGeneric(dst, src)
}

func (s isa) round(x []float32) {
	if s == avx512 {
		roundAVX512(x)
		return
	}
	roundGeneric(x)
}

// load copies rows [i, i+rows) and columns [j, j+cols) of m, widened, to dst, rows of ldd.
func (s isa) load(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if s != avx512 {
		loadGeneric(dst, ldd, m, i, rows, j, cols)
		return
	}
	_ = dst[(rows-1)*ldd+cols-1]
	from, to := i*m.stride+j, (i+rows-1)*m.stride+j+cols
	if m.half {
		widenRowsAVX512(dst, ldd, m.h[from:to], m.stride, rows, cols)
		return
	}
	copyRowsAVX512(dst, ldd, m.f[from:to], m.stride, rows, cols)
}

// transpose is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols.
func (s isa) transpose(dst []float32, ldd int, src []float32, lds, cols int) {
	whole := 0
	if s == avx512 && cols >= 4 {
		whole = cols &^ 3
		_, _ = dst[(whole-1)*ldd+15], src[15*lds+whole-1]
		transposeAVX512(dst, ldd, src, lds, whole)
	}
	if whole < cols {
		transposeGeneric(dst[whole*ldd:], ldd, src[whole:], lds, cols-whole)
	}
}
