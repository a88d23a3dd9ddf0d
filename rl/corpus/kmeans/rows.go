package kmeans

import (
	"encoding/binary"
	"io"
	"math"
)

// Rows is vectors of one length in a file, each coordinate a float32 with the low byte first.
type Rows struct {
	File io.ReaderAt
	Dims int
}

// spanRows bounds how many rows are read at once, and nearRows how many between two wanted ones are read along.
const (
	spanRows = 4096
	nearRows = 8
)

// read calls yield with the rows of ascending ids, and their places in ids.
func (r *Rows) read(ids []uint32, yield func(i int, row []float32)) error {
	size := 4 * r.Dims
	var raw []byte
	row := make([]float32, r.Dims)
	for from := 0; from < len(ids); {
		to := from + 1
		for to < len(ids) && ids[to]-ids[to-1] <= nearRows && ids[to]-ids[from] < spanRows {
			to++
		}
		n := int(ids[to-1]-ids[from]+1) * size
		if cap(raw) < n {
			raw = make([]byte, n)
		}
		raw = raw[:n]
		if _, err := r.File.ReadAt(raw, int64(ids[from])*int64(size)); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			own := raw[int(ids[i]-ids[from])*size:]
			for j := range row {
				row[j] = math.Float32frombits(binary.LittleEndian.Uint32(own[4*j:]))
			}
			yield(i, row)
		}
		from = to
	}
	return nil
}

// load returns the rows of ascending ids, one behind another.
func (r *Rows) load(ids []uint32) ([]float32, error) {
	out := make([]float32, len(ids)*r.Dims)
	err := r.read(ids, func(i int, row []float32) { copy(out[i*r.Dims:], row) })
	return out, err
}
