package kerneltest

import (
	"encoding/binary"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// An env is a backend with arenas for the matrices of one case at a time.
type env struct {
	b      kernels.Backend
	arena  *tensor.Arena
	params *tensor.Arena
	name   string
}

func newEnv(t *testing.T, b kernels.Backend, name string) *env {
	e := &env{b: b, name: name}
	for name, arena := range map[string]**tensor.Arena{"activations": &e.arena, "parameters": &e.params} {
		a, err := b.Alloc(name, arenaSize)
		if err != nil {
			t.Fatal(err)
		}
		*arena = a
	}
	t.Cleanup(func() {
		for _, err := range []error{e.arena.Free(), e.params.Free(), b.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return e
}

// release carves both arenas back to their marks.
func (e *env) release(arena, params int) {
	e.arena.Release(arena)
	e.params.Release(params)
}

// A layout says how many poisoned columns lie on each side of a matrix's own. Without any the
// matrix is contiguous, with a margin before the first and after the last element.
type layout struct{ left, right int }

var (
	packed  = layout{}
	aligned = layout{16, 8} // a slice of a wider projection
	ragged  = layout{3, 2}  // rows start anywhere
)

// margin is the number of elements before and after a contiguous matrix: Align bytes of the
// narrowest type or more, so that the matrix itself stays aligned.
const margin = 64

// A region is a matrix with its margins.
type region struct {
	tensor.Mat
	whole tensor.Mat // contiguous, margins included
	image []byte     // what was uploaded to whole
}

// place carves a region off arena and uploads data, rows × cols values, or poison if data is nil.
func (e *env) place(arena *tensor.Arena, t tensor.DType, rows, cols int, data []float64, l layout) *region {
	r := &region{}
	if l == packed {
		r.whole = arena.New(t, 1, rows*cols+2*margin)
		r.Mat = r.whole.ColSlice(margin, margin+rows*cols).Reshape(rows, cols)
	} else {
		r.whole = arena.New(t, rows+2, l.left+cols+l.right)
		r.Mat = r.whole.Slice(1, rows+1).ColSlice(l.left, l.left+cols)
	}
	r.image = make([]byte, r.whole.Len()*t.Size())
	for at := 0; at < len(r.image); at += t.Size() {
		poison(t, r.image[at:])
	}
	if data != nil {
		for i := range rows {
			tensor.Encode(r.image[r.offset(i):], t, data[i*cols:(i+1)*cols])
		}
	}
	e.b.Write(r.whole, r.image)
	return r
}

// offset returns where row i starts in the image.
func (r *region) offset(i int) int {
	return (r.Off - r.whole.Off + i*r.Stride) * r.Type.Size()
}

// fetch downloads the matrix and reports whether everything else is as it was uploaded, and the
// matrix itself, too, unless it is an output.
func (e *env) fetch(r *region, output bool) (bits []byte, intact bool) {
	now := make([]byte, len(r.image))
	e.b.Read(now, r.whole)
	width := r.Cols * r.Type.Size()
	for i := range r.Rows {
		at := r.offset(i)
		bits = append(bits, now[at:at+width]...)
		if output {
			copy(now[at:at+width], r.image[at:at+width])
		}
	}
	return bits, string(now) == string(r.image)
}

// poison writes one element, a NaN of a pattern that arithmetic does not produce.
func poison(t tensor.DType, b []byte) {
	switch t {
	case tensor.F64:
		binary.LittleEndian.PutUint64(b, 0x7ff8a5a5a5a5a5a5)
	case tensor.F32:
		binary.LittleEndian.PutUint32(b, 0x7fc5a5a5)
	default:
		binary.LittleEndian.PutUint16(b, 0x7fe5)
	}
}

// poisoned reports whether the element at b is still poison.
func poisoned(t tensor.DType, b []byte) bool {
	p := make([]byte, 8)
	poison(t, p)
	return string(b[:t.Size()]) == string(p[:t.Size()])
}

// values decodes raw elements.
func values(t tensor.DType, bits []byte) []float64 {
	v := make([]float64, len(bits)/t.Size())
	tensor.Decode(v, t, bits)
	return v
}

// roundAll rounds data in place to what t holds.
func roundAll(t tensor.DType, data []float64) []float64 {
	for i, v := range data {
		data[i] = roundTo(t, v)
	}
	return data
}

// roundTo returns v rounded to t.
func roundTo(t tensor.DType, v float64) float64 {
	if t == tensor.F32 {
		return float64(float32(v))
	}
	return tensor.Round(t, v)
}

// unitOf returns the unit roundoff of a type.
func unitOf(t tensor.DType) float64 {
	switch t {
	case tensor.F64:
		return 0x1p-53
	case tensor.F32:
		return 0x1p-24
	}
	return 0x1p-8
}

// largestOf returns the largest magnitude, NaNs aside.
func largestOf(v []float64) float64 {
	top := 0.0
	for _, x := range v {
		if !math.IsNaN(x) {
			top = max(top, math.Abs(x))
		}
	}
	return top
}
