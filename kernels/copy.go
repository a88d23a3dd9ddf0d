package kernels

import (
	"fmt"
	"iter"
	"unsafe"

	"spell/tensor"
)

// chunkElements is how many numbers the host holds when a matrix passes through it.
const chunkElements = 1 << 17

// RowChunks yields the row ranges [from, to) of a matrix, each small enough for one host staging
// buffer. All begin with a panel of an I8 matrix.
func RowChunks(rows, cols int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		n := chunkRows(cols)
		for at := 0; at < rows; at += n {
			if !yield(at, min(at+n, rows)) {
				return
			}
		}
	}
}

// chunkRows returns the rows of a chunk: whole panels.
func chunkRows(cols int) int {
	return max(chunkElements/max(cols, 1)/tensor.Int8Panel, 1) * tensor.Int8Panel
}

// Upload converts src to dst.Type and writes it. dst is contiguous and holds len(src) elements.
func Upload[T tensor.Float](b Backend, dst tensor.Mat, src []T) {
	if f, ok := any(src).([]float32); ok && dst.Type == tensor.F32 && len(f) > 0 && littleEndian {
		b.Write(dst, unsafe.Slice((*byte)(unsafe.Pointer(&f[0])), 4*len(f)))
		return
	}
	raw := make([]byte, len(src)*dst.Type.Size())
	tensor.Encode(raw, dst.Type, src)
	b.Write(dst, raw)
}

// UploadInt8 quantises src, the rows of dst, which is I8. It allocates a staging matrix from the
// backend and panics with a *Fault if there is no memory for it.
func UploadInt8[T tensor.Float](b Backend, dst tensor.Mat, src []T) {
	if dst.Len() == 0 {
		return
	}
	rows := min(chunkRows(dst.Cols), dst.Rows)
	staging, err := b.Alloc("staging", tensor.Bytes(tensor.F32, rows, dst.Cols))
	if err != nil {
		panic(&Fault{fmt.Errorf("quantising weights: %w", err)})
	}
	defer staging.Free()
	m := staging.New(tensor.F32, rows, dst.Cols)
	for from, to := range RowChunks(dst.Rows, dst.Cols) {
		Upload(b, m.Slice(0, to-from), src[from*dst.Cols:to*dst.Cols])
		b.Quantize(dst.Slice(from, to), m.Slice(0, to-from))
	}
}

// Download reads a contiguous matrix into dst, converting from src.Type.
func Download[T tensor.Float](b Backend, dst []T, src tensor.Mat) {
	if f, ok := any(dst).([]float32); ok && src.Type == tensor.F32 && len(f) > 0 && littleEndian {
		b.Read(unsafe.Slice((*byte)(unsafe.Pointer(&f[0])), 4*len(f)), src)
		return
	}
	raw := make([]byte, len(dst)*src.Type.Size())
	b.Read(raw, src)
	tensor.Decode(dst, src.Type, raw)
}

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()
