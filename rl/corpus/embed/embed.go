// Package embed makes vectors of texts in which those that use the same words are near to each other: TF-IDF
// over hashed words, then the directions in which a sample of the texts varies most (latent semantic analysis).
package embed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"spell/rl/corpus/term"
)

// A Space is where vectors live.
type Space struct {
	Dims    int
	weights term.Weights
	axes    []float32 // of each hashed dimension its Dims coordinates
}

// The randomized singular value decomposition (Halko, Martinsson and Tropp 2011) takes a few directions more
// than are kept, and multiplies by the matrix a few times more, for directions that fall off slowly.
const (
	oversampled = 16
	powers      = 3
)

// Fit returns the space of a sample of texts that counter has counted, of at most dims dimensions: fewer if
// the sample varies in fewer. Equal samples and seeds give the same bits on equal processors.
func Fit(ctx context.Context, counter *term.Counter, dims int, seed uint64) (*Space, error) {
	s := &Space{weights: counter.Weights()}
	sample := counter.Vectors()
	width := min(dims+oversampled, len(sample))
	if width == 0 {
		return nil, errors.New("there is no text to learn directions from")
	}
	rng := rand.New(rand.NewPCG(seed, 0x5bd1e995))
	right := general(term.Dims, width)
	for i := range right.Data {
		right.Data[i] = rng.NormFloat64()
	}
	left := general(len(sample), width)
	for range powers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		times(sample, right, left)
		orthonormal(left)
		transposed(sample, left, right)
		orthonormal(right)
	}
	times(sample, right, left)
	orthonormal(left)
	transposed(sample, left, right) // the sample is about left · rightᵀ
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(term.Dims, width, right.Data), mat.SVDThin) {
		return nil, errors.New("the directions of the sample of texts could not be found")
	}
	values := svd.Values(nil)
	for s.Dims < min(dims, width) && values[s.Dims] > 1e-6*values[0] {
		s.Dims++
	}
	var u mat.Dense
	svd.UTo(&u)
	s.axes = make([]float32, term.Dims*s.Dims)
	for i := range term.Dims {
		for j := range s.Dims {
			s.axes[i*s.Dims+j] = float32(u.At(i, j))
		}
	}
	return s, nil
}

func general(rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: make([]float64, rows*cols)}
}

// times sets out to the product of the sample's vectors, a row each, and m.
func times(sample []term.Vector, m, out blas64.General) {
	clear(out.Data)
	for i, v := range sample {
		row := out.Data[i*out.Stride : i*out.Stride+out.Cols]
		for d, w := range v.All() {
			for j, x := range m.Data[d*m.Stride : d*m.Stride+m.Cols] {
				row[j] += float64(w * x)
			}
		}
	}
}

// transposed sets out to the product of the transposed sample and m.
func transposed(sample []term.Vector, m, out blas64.General) {
	clear(out.Data)
	for i, v := range sample {
		row := m.Data[i*m.Stride : i*m.Stride+m.Cols]
		for d, w := range v.All() {
			to := out.Data[d*out.Stride : d*out.Stride+out.Cols]
			for j, x := range row {
				to[j] += float64(w * x)
			}
		}
	}
}

// orthonormal replaces the columns of m by orthonormal ones that span the same space.
func orthonormal(m blas64.General) {
	tau := make([]float64, min(m.Rows, m.Cols))
	work := make([]float64, 1)
	lapack64.Geqrf(m, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(m, tau, work, len(work))
	lapack64.Orgqr(m, tau, work[:1], -1)
	if n := int(work[0]); n > len(work) {
		work = make([]float64, n)
	}
	lapack64.Orgqr(m, tau, work, len(work))
}

// Embed sets out to the vector, of unit length, of the text that counter has counted since its last. That of a
// text of none but unknown words is zero.
func (s *Space) Embed(counter *term.Counter, out []float32) {
	sums := make([]float64, s.Dims)
	for d, w := range counter.Apart(s.weights).All() {
		for j, x := range s.axes[d*s.Dims : (d+1)*s.Dims] {
			sums[j] += float64(w * float64(x))
		}
	}
	length := 0.0
	for _, x := range sums {
		length += float64(x * x)
	}
	length = math.Sqrt(length)
	for j, x := range sums {
		out[j] = 0
		if length > 1e-9 {
			out[j] = float32(x / length)
		}
	}
}

// MarshalBinary returns the space as bytes that UnmarshalBinary reads.
func (s *Space) MarshalBinary() ([]byte, error) {
	out := binary.LittleEndian.AppendUint32(nil, uint32(s.Dims))
	for _, w := range s.weights {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(w))
	}
	for _, x := range s.axes {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary returned.
func (s *Space) UnmarshalBinary(raw []byte) error {
	if len(raw) < 4 {
		return errors.New("it is too short")
	}
	s.Dims = int(binary.LittleEndian.Uint32(raw))
	if want := 4 + term.Dims*(8+4*s.Dims); len(raw) != want {
		return fmt.Errorf("it has %d bytes, not %d", len(raw), want)
	}
	raw = raw[4:]
	s.weights, s.axes = make(term.Weights, term.Dims), make([]float32, term.Dims*s.Dims)
	for i := range s.weights {
		s.weights[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	raw = raw[8*len(s.weights):]
	for i := range s.axes {
		s.axes[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}
