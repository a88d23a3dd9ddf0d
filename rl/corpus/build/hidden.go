package build

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"spell/tensor/atomicfile"
)

// meansFile is the file of the work folder with what a model says of each piece that stays, in their order.
const meansFile = "means"

// modelBatch is how many pieces a model has at a time. What it says of them is on the disk when it takes the
// next: it is slow.
const modelBatch = 32

// A Model makes vectors of texts in place of their words.
type Model struct {
	Origin
	Open func(context.Context) (Embedder, error) // called once there are texts
}

// An Origin is the model that the vectors of a corpus are of.
type Origin struct {
	Path      string `json:"path"`
	Hash      string `json:"hash"` // by which it is known under another name
	Precision string `json:"precision"`
}

// same reports whether vectors of two models, or of none, are the same.
func (o *Origin) same(p *Origin) bool {
	if o == nil || p == nil {
		return o == p
	}
	return o.Hash == p.Hash && o.Precision == p.Precision
}

// String says what vectors are of.
func (o *Origin) String() string {
	if o == nil {
		return "vectors of words"
	}
	return fmt.Sprintf("vectors of the model %s in %s", o.Path, o.Precision)
}

// An Embedder makes vectors of Dims numbers: those of a text do not depend on the others.
type Embedder interface {
	Dims() int
	Means(ctx context.Context, texts []string, out []float32) error
	Free() error
}

// hidden writes the vectors that the model makes of the pieces that stay, and returns their length.
func (b *builder) hidden(ctx context.Context, t *tables, stay []uint32) (dims int, err error) {
	var m Embedder
	defer func() {
		if m != nil {
			err = errors.Join(err, m.Free())
		}
	}()
	err = b.rows(ctx, meansFile, stay, modelBatch, modelBatch, func(batch []uint32) (raw []byte, err error) {
		if m == nil {
			if m, err = b.o.Model.Open(ctx); err != nil {
				return nil, err
			}
		}
		texts := make([]string, len(batch))
		for i, id := range batch {
			if texts[i], err = t.pieceText(id); err != nil {
				return nil, err
			}
		}
		rows := make([]float32, len(batch)*m.Dims())
		if err := m.Means(ctx, texts, rows); err != nil {
			return nil, err
		}
		for _, x := range rows {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		return raw, nil
	})
	if err != nil {
		return 0, err
	}
	f, err := os.Open(filepath.Join(b.work, meansFile))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	dims = int(info.Size() / int64(4*len(stay)))
	path := filepath.Join(b.work, vectorsFile)
	if exists(path) {
		return dims, nil
	}
	return dims, atomicfile.Write(path, func(w io.Writer) error { return standardize(ctx, f, dims, w) })
}

// standardize writes rows of a file with each dimension at mean 0 and deviation 1 over all of them, and each row
// at length 1. What all hidden states of a model have in common, and the few dimensions in which they are
// largest, would decide what is near otherwise.
func standardize(ctx context.Context, f io.ReadSeeker, dims int, w io.Writer) error {
	row, raw := make([]float64, dims), make([]byte, 4*dims)
	each := func(do func() error) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		in := bufio.NewReaderSize(f, 1<<20)
		for {
			if _, err := io.ReadFull(in, raw); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			for j := range row {
				row[j] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:])))
			}
			if err := errors.Join(do(), ctx.Err()); err != nil {
				return err
			}
		}
	}
	n, mean, spread := 0.0, make([]float64, dims), make([]float64, dims) // Welford's running sums of squares
	err := each(func() error {
		n++
		for j, x := range row {
			d := x - mean[j]
			mean[j] += d / n
			spread[j] += float64(d * (x - mean[j]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	err = each(func() error {
		length := 0.0
		for j := range row {
			if row[j] -= mean[j]; spread[j] > 0 {
				row[j] /= math.Sqrt(spread[j] / n)
			}
			length += float64(row[j] * row[j])
		}
		length = math.Sqrt(length)
		for j, x := range row {
			if length > 1e-9 {
				x /= length
			}
			binary.LittleEndian.PutUint32(raw[4*j:], math.Float32bits(float32(x)))
		}
		_, err := out.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
