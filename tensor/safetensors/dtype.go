package safetensors

import (
	"errors"
	"math"
	"math/bits"

	"spell/tensor"
)

// elementBits is the width of every dtype the format knows.
var elementBits = map[string]int{
	"F64": 64, "I64": 64, "U64": 64, "C64": 64,
	"F32": 32, "I32": 32, "U32": 32,
	"F16": 16, "BF16": 16, "I16": 16, "U16": 16,
	"BOOL": 8, "I8": 8, "U8": 8,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// floats are the dtypes that Read converts beside F8_E4M3.
var floats = map[string]tensor.DType{
	"F32": tensor.F32, "BF16": tensor.BF16, "F16": tensor.F16, "F64": tensor.F64,
}

// e4m3 holds the values of the 256 codes of F8_E4M3: a sign, four bits of exponent with bias 7, three
// of mantissa, no infinities, and NaN where all but the sign are ones (Micikevicius et al. 2022,
// table 1).
var e4m3 = func() (values [256]float32) {
	for code := range values {
		exponent, mantissa := code>>3&15, float64(code&7)
		v := math.Ldexp(1+mantissa/8, exponent-7)
		switch {
		case exponent == 0:
			v = math.Ldexp(mantissa/8, -6)
		case code&127 == 127:
			v = math.NaN()
		}
		if code > 127 {
			v = -v
		}
		values[code] = float32(v)
	}
	return values
}()

// DTypeName returns the format's name of a tensor.DType: F32, BF16, F16, I8, F64.
func DTypeName(t tensor.DType) string {
	switch t {
	case tensor.BF16:
		return "BF16"
	case tensor.F16:
		return "F16"
	case tensor.I8:
		return "I8"
	case tensor.F64:
		return "F64"
	}
	return "F32"
}

// sizeOf returns the number of elements of a shape and the bytes they take. It checks every
// product, since shapes come from files.
func sizeOf(dtype string, shape []int) (elements, size int, err error) {
	width, ok := elementBits[dtype]
	if !ok {
		return 0, 0, errors.New("unknown dtype")
	}
	n := uint64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, 0, errors.New("a negative dimension")
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 {
			return 0, 0, errors.New("the product of the dimensions overflows")
		}
		n = lo
	}
	hi, total := bits.Mul64(n, uint64(width))
	if hi != 0 || n > math.MaxInt || total/8 > math.MaxInt {
		return 0, 0, errors.New("the product of the dimensions overflows")
	}
	if total%8 != 0 {
		return 0, 0, errors.New("the elements do not fill whole bytes")
	}
	return int(n), int(total / 8), nil
}
