package tensor

import "fmt"

// MomentRun is the number of columns of an M8 or V8 matrix that share a base.
//
// These types hold the moments of an optimizer in a byte each, on scales that are logarithmic
// except near 0, eight steps to a power of two. A row is whole words of 32 bits: first the codes of
// its runs, one run after the other, then a base for each run. The last run may be shorter. A base
// is a power of two as f32: 0 if all elements are 0, NaN if one was not finite. A run of n columns
// takes w = ⌈n/4⌉ words, and column j of it is byte j/w of word j%w, counted from the lowest. Write
// (b, c) for the f32 with the bits of base b plus c<<20, which is b * 2^(c/8) * (1 + c%8/8) with
// integer division. A byte c is
//
//   - in a V8 matrix (b, c): the range is 2³², and nothing is 0 unless b is;
//   - in an M8 matrix (b, c%128) - b, times -1 if c ≥ 128: the range is 2¹⁸, and steps are linear
//     around 0.
//
// Rows can be sliced; columns cannot. AdamW writes elements, Copy reads them; Words is what to
// save.
const MomentRun = 1024

// MomentWords returns how many words of codes and how many bases a row of cols columns has.
func MomentWords(cols int) (codes, bases int) {
	return (cols + 3) / 4, (cols + MomentRun - 1) / MomentRun
}

// coded reports whether elements of t are codes of moments.
func (t DType) coded() bool { return t == M8 || t == V8 }

// Words returns the memory of an M8 or V8 matrix as a contiguous matrix of F32, which Read and
// Write copy bit for bit.
func (m Mat) Words() Mat {
	if codes, bases := MomentWords(m.Cols); !m.Type.coded() || m.Stride != 4*(codes+bases) {
		panic(fmt.Sprintf("tensor: words of %v", m))
	}
	return Mat{Arena: m.Arena, Off: m.Off / 4, Rows: m.Rows, Cols: m.Stride / 4, Stride: m.Stride / 4, Type: F32}
}
