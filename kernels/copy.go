package kernels

import (
	"fmt"
	"unsafe"

	"spell/tensor"
)

// Upload converts src to dst.Type and writes it; dst is contiguous and holds len(src) elements.
func Upload[T tensor.Float](b Backend, dst tensor.Mat, src []T) {
	raw := make([]byte, len(src)*dst.Type.Size())
	tensor.Encode(raw, dst.Type, src)
	b.Write(dst, raw)
}

// UploadInt8 quantises src, the rows of dst, which is I8. It takes memory of the backend for some rows at a
// time and panics with a *Fault where there is none.
func UploadInt8[T tensor.Float](b Backend, dst tensor.Mat, src []T) {
	if dst.Len() == 0 {
		return
	}
	rows := min(max(stagingElements/dst.Cols, 1), dst.Rows)
	staging, err := b.Alloc("staging", tensor.Bytes(tensor.F32, rows, dst.Cols))
	if err != nil {
		panic(&Fault{fmt.Errorf("quantising weights: %w", err)})
	}
	defer staging.Free()
	m := staging.New(tensor.F32, rows, dst.Cols)
	for at := 0; at < dst.Rows; at += rows {
		to := min(at+rows, dst.Rows)
		Upload(b, m.Slice(0, to-at), src[at*dst.Cols:to*dst.Cols])
		b.Quantize(dst.Slice(at, to), m.Slice(0, to-at))
	}
}

const stagingElements = 1 << 20

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
