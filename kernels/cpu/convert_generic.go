package cpu

import (
	"math"

	"spell/tensor"
)

// Conversions and copies in plain Go.

// widenGeneric is dst = src, which is exact.
func widenGeneric(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(src[i]) << 16)
	}
}

// narrowGeneric is dst = src rounded to the nearest, ties to even.
func narrowGeneric(dst []uint16, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = tensor.BF16Bits(src[i])
	}
}

// copyRowsGeneric is dst[i*ldd+j] = src[i*lds+j] for i < rows and j < cols.
func copyRowsGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for r := range rows {
		copy(dst[r*ldd:][:cols], src[r*lds:])
	}
}

// widenRowsGeneric is the same from bf16.
func widenRowsGeneric(dst []float32, ldd int, src []uint16, lds, rows, cols int) {
	for r := range rows {
		widenGeneric(dst[r*ldd:][:cols], src[r*lds:])
	}
}

// roundGeneric rounds x to the nearest bf16, in f32.
func roundGeneric(x []float32) {
	for i, v := range x {
		x[i] = tensor.BF16Float(tensor.BF16Bits(v))
	}
}

// transpose4Generic is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols.
func transpose4Generic(dst []float32, ldd int, src []float32, lds, cols int) {
	for r := range 16 {
		o := r
		for _, v := range src[r*lds:][:cols] {
			dst[o] = v
			o += ldd
		}
	}
}
