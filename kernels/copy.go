package kernels

import (
	"unsafe"

	"spell/tensor"
)

// Upload converts src to dst.Type and writes it; dst is contiguous and holds len(src) elements.
func Upload[T tensor.Float](b Backend, dst tensor.Mat, src []T) {
	raw := make([]byte, len(src)*dst.Type.Size())
	tensor.Encode(raw, dst.Type, src)
	b.Write(dst, raw)
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
