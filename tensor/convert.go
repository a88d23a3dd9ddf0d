package tensor

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// Float is a host element type that converts to and from every DType.
type Float interface{ ~float32 | ~float64 }

// BF16Bits rounds f to the nearest bfloat16, ties to even, and returns its bits.
// A NaN stays a NaN.
func BF16Bits(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// BF16Float returns the float32 with the bits b<<16.
func BF16Float(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// Round rounds f to the values t can hold: the identity for F32 and F64. It panics for I8, M8 and
// V8, where the value of an element depends on the others of its run.
func Round[T Float](t DType, f T) T {
	switch t {
	case BF16:
		return T(BF16Float(BF16Bits(float32(f))))
	case F16:
		return T(float16.Fromfloat32(float32(f)).Float32())
	case I8, M8, V8:
		panic(fmt.Sprintf("tensor: no rounding of one element to %v", t))
	}
	return f
}

// Encode writes src as little-endian elements of type t to dst, which must hold
// len(src)*t.Size() bytes.
func Encode[T Float](dst []byte, t DType, src []T) {
	switch t {
	case F32:
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(float32(v)))
		}
	case F64:
		for i, v := range src {
			binary.LittleEndian.PutUint64(dst[8*i:], math.Float64bits(float64(v)))
		}
	case BF16:
		for i, v := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], BF16Bits(float32(v)))
		}
	case F16:
		for i, v := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], float16.Fromfloat32(float32(v)).Bits())
		}
	default:
		panic(fmt.Sprintf("tensor: no conversion to %s", t))
	}
}

// Decode reads little-endian elements of type t from src into dst.
func Decode[T Float](dst []T, t DType, src []byte) {
	switch t {
	case F32:
		for i := range dst {
			dst[i] = T(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case F64:
		for i := range dst {
			dst[i] = T(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case BF16:
		for i := range dst {
			dst[i] = T(BF16Float(binary.LittleEndian.Uint16(src[2*i:])))
		}
	case F16:
		for i := range dst {
			dst[i] = T(float16.Frombits(binary.LittleEndian.Uint16(src[2*i:])).Float32())
		}
	default:
		panic(fmt.Sprintf("tensor: no conversion from %s", t))
	}
}

// Finite reports whether all elements of raw, little-endian F32 or BF16, are finite: that no exponent is all ones.
// To such an exponent a one in its last place carries into the sign's place.
func Finite(raw []byte, t DType) bool {
	exponents, one, carried := uint64(0x7f800000_7f800000), uint64(0x00800000_00800000), uint64(0x80000000_80000000)
	if t == BF16 {
		exponents, one, carried = 0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080, 0x8000_8000_8000_8000
	}
	seen := uint64(0)
	for ; len(raw) >= 8; raw = raw[8:] {
		seen |= binary.LittleEndian.Uint64(raw)&exponents + one
	}
	var rest [8]byte
	copy(rest[:], raw)
	seen |= binary.LittleEndian.Uint64(rest[:])&exponents + one
	return seen&carried == 0
}
