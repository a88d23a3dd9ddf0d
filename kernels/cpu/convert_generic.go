package cpu

import (
	"math"
	"math/bits"

	"spell/tensor"
)

// Conversions and copies in plain Go.

// widenGeneric sets dst = src, which is exact.
func widenGeneric(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(src[i]) << 16)
	}
}

// flowLinesGeneric sets dst = src.
func flowLinesGeneric(dst, src []float32) { copy(dst, src) }

// touchGeneric reads x and writes it as it is, by way of a buffer that stays in the first-level
// cache: a copy of x to itself would move nothing.
func touchGeneric(x []float32) {
	var near [1 << 10]float32
	for len(x) > 0 {
		n := copy(near[:], x)
		copy(x, near[:n])
		x = x[n:]
	}
}

// narrowGeneric sets dst = src rounded to the nearest, ties to even.
func narrowGeneric(dst []uint16, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = tensor.BF16Bits(src[i])
	}
}

// copyRowsGeneric sets dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols.
func copyRowsGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for r := range rows {
		copy(dst[r*ldd:][:cols], src[r*lds:])
	}
}

// widenRowsGeneric is copyRowsGeneric from bf16.
func widenRowsGeneric(dst []float32, ldd int, src []uint16, lds, rows, cols int) {
	for r := range rows {
		widenGeneric(dst[r*ldd:][:cols], src[r*lds:])
	}
}

// pairGeneric sets words of two bf16: dst = upper<<16 | lower.
func pairGeneric(dst []float32, upper, lower []uint16) {
	upper, lower = upper[:len(dst)], lower[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(upper[i])<<16 | uint32(lower[i]))
	}
}

// swapGeneric exchanges the halves of words.
func swapGeneric(dst, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(bits.RotateLeft32(math.Float32bits(src[i]), 16))
	}
}

// upperRowsGeneric copies rows as copyRowsGeneric does, of each word the upper half alone.
func upperRowsGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for r := range rows {
		to, from := dst[r*ldd:][:cols], src[r*lds:][:cols]
		for i := range to {
			to[i] = math.Float32frombits(math.Float32bits(from[i]) &^ 0xffff)
		}
	}
}

// lowerRowsGeneric copies rows as copyRowsGeneric does, of each word the lower half, shifted up.
func lowerRowsGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for r := range rows {
		to, from := dst[r*ldd:][:cols], src[r*lds:][:cols]
		for i := range to {
			to[i] = math.Float32frombits(math.Float32bits(from[i]) << 16)
		}
	}
}

// roundGeneric rounds x to the nearest bf16, in f32.
func roundGeneric(x []float32) {
	for i, v := range x {
		x[i] = tensor.BF16Float(tensor.BF16Bits(v))
	}
}

// transpose4Generic sets dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols.
func transpose4Generic(dst []float32, ldd int, src []float32, lds, cols int) {
	for r := range 16 {
		o := r
		for _, v := range src[r*lds:][:cols] {
			dst[o] = v
			o += ldd
		}
	}
}
