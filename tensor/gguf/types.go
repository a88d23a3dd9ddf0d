package gguf

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/x448/float16"

	"spell/tensor"
	"spell/tensor/mapped"
)

// A Type is the type of a tensor's elements, by its number in files.
type Type uint32

// The types read. Q8_0, Q4_K and Q6_K are blocks of whole numbers with factors.
const (
	F32  Type = 0
	F16  Type = 1
	Q8_0 Type = 8
	Q4_K Type = 12
	Q6_K Type = 14
	BF16 Type = 30
)

// typeNames are the names of types that files may have, read or not.
var typeNames = map[Type]string{F32: "F32", F16: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", Q8_0: "Q8_0",
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", Q4_K: "Q4_K", 13: "Q5_K", Q6_K: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
	17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8",
	25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", BF16: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4"}

func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// supported lists the types read, for messages.
func supported() string {
	var names []string
	for _, t := range slices.Sorted(maps.Keys(layouts)) {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}

// A layout is how a type lies in a file: the elements and bytes of a block, and what decodes one.
type layout struct {
	elements, bytes int
	decode          func(dst []float32, block []byte)
}

var layouts = map[Type]layout{
	F32:  {1, 4, func(dst []float32, b []byte) { dst[0] = math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	F16:  {1, 2, func(dst []float32, b []byte) { dst[0] = half(b) }},
	BF16: {1, 2, func(dst []float32, b []byte) { dst[0] = tensor.BF16Float(binary.LittleEndian.Uint16(b)) }},
	Q8_0: {32, 34, decodeQ8_0},
	Q4_K: {256, 144, decodeQ4_K},
	Q6_K: {256, 210, decodeQ6_K},
}

// half returns the f16 at the beginning of b.
func half(b []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(b)).Float32() }

// decodeQ8_0 decodes a factor in f16 and 32 integers: x[i] = d*q[i].
func decodeQ8_0(dst []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:34] {
		dst[i] = d * float32(int8(q))
	}
}

// decodeQ4_K decodes eight runs of 32 integers of four bits: x = d*scale*q - dmin*least, with a scale
// and a least of six bits for each run, packed into twelve bytes. Two runs share 32 bytes, the first
// in the low halves.
func decodeQ4_K(dst []float32, b []byte) {
	d, dmin, packed, q := half(b), half(b[2:]), b[4:16], b[16:144]
	for run := range 8 {
		var scale, least byte
		if run < 4 {
			scale, least = packed[run]&63, packed[run+4]&63
		} else {
			scale = packed[run+4]&15 | packed[run-4]>>6<<4
			least = packed[run+4]>>4 | packed[run]>>6<<4
		}
		factor, offset, shift := d*float32(scale), dmin*float32(least), run%2*4
		for i, v := range q[run/2*32:][:32] {
			dst[run*32+i] = factor*float32(v>>shift&15) - offset
		}
	}
}

// decodeQ6_K decodes sixteen runs of 16 integers of six bits: x = d*scale*(q-32), with a scale of
// eight bits for each run. Of each half of the block, the low four bits lie in 64 bytes and the high
// two in 32.
func decodeQ6_K(dst []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for i := range 256 {
		part, quarter, at := i/128, i%128/32, i%32
		q := low[part*64+quarter%2*32+at] >> (quarter / 2 * 4) & 15
		q |= high[part*32+at] >> (quarter * 2) & 3 << 4
		dst[i] = d * float32(int8(scales[i/16])) * float32(int(q)-32)
	}
}

// Append appends n elements of a tensor, from first on, to raw, little-endian: as they are if their
// type is F32 or BF16, else converted to F32. It returns raw with the type. Elements must be finite,
// and first and n multiples of a block.
func (f *File) Append(raw []byte, name string, first, n int) ([]byte, tensor.DType, error) {
	t, ok := f.tensors[name]
	if !ok {
		return raw, tensor.F32, fmt.Errorf("reading %s: there is no tensor %q", f.path, name)
	}
	l := layouts[t.Type]
	if first < 0 || n < 0 || first+n > t.Elements() || first%l.elements != 0 || n%l.elements != 0 {
		return raw, tensor.F32, fmt.Errorf("reading %s: tensor %q of %v has shape %v; the elements from %d to %d are "+
			"wanted", f.path, name, t.Type, t.Shape, first, first+n)
	}
	src := f.data[t.Offset+first/l.elements*l.bytes:][:n/l.elements*l.bytes]
	before, typ := len(raw), tensor.F32
	if t.Type == BF16 {
		typ = tensor.BF16
	}
	err := mapped.Guard(func() error {
		if t.Type == BF16 || t.Type == F32 {
			raw = append(raw, src...)
			return nil
		}
		raw = slices.Grow(raw, 4*n)[:before+4*n]
		block := make([]float32, l.elements)
		for i := 0; i < n; i += l.elements {
			l.decode(block, src[i/l.elements*l.bytes:][:l.bytes])
			tensor.Encode(raw[before+4*i:], tensor.F32, block)
		}
		return nil
	})
	if err != nil {
		return raw[:before], typ, fmt.Errorf("reading %s: tensor %q is %w", f.path, name, err)
	}
	if !tensor.Finite(raw[before:], typ) {
		v := make([]float32, n)
		tensor.Decode(v, typ, raw[before:])
		at := first + slices.IndexFunc(v, func(v float32) bool { return v-v != 0 })
		return raw[:before], typ, fmt.Errorf("reading %s: tensor %q holds %v at element %d of %v; weights must be "+
			"finite: take another copy of the model", f.path, name, v[at-first], at, t.Shape)
	}
	return raw, typ, nil
}
