package safetensors

import (
	"fmt"
	"runtime/debug"
	"slices"

	"spell/tensor"
)

// chunk is the number of elements converted between two checks, small enough for the cache.
const chunk = 1 << 14

// Read converts the tensor to dst, which must hold exactly its elements, and requires every
// one to be finite. It reads F32, BF16, F16 and F64.
func Read[T tensor.Float](s Source, name string, dst []T) error {
	if err := Holds(s, name, len(dst)); err != nil {
		return err
	}
	return ReadFrom(s, name, 0, dst)
}

// Holds returns an error unless the source has the tensor, with n elements.
func Holds(s Source, name string, n int) error {
	info, ok := s.Info(name)
	if !ok {
		return missing(s, name)
	}
	if info.Elements != n {
		return fmt.Errorf("reading %s: tensor %q has shape %v, %d elements, where %d are wanted", s.Path(name), name,
			info.Shape, info.Elements, n)
	}
	return nil
}

// ReadFrom converts the elements from first on to dst, as many as dst holds, as Read does.
func ReadFrom[T tensor.Float](s Source, name string, first int, dst []T) error {
	info, ok := s.Info(name)
	if !ok {
		return missing(s, name)
	}
	t, ok := floats[info.DType]
	if !ok {
		return fmt.Errorf("reading %s: tensor %q is %s; the dtypes read are F32, BF16, F16 and F64", s.Path(name), name,
			info.DType)
	}
	if first < 0 || first+len(dst) > info.Elements {
		return fmt.Errorf("reading %s: tensor %q has shape %v, %d elements; those from %d to %d are wanted",
			s.Path(name), name, info.Shape, info.Elements, first, first+len(dst))
	}
	return mapped(s, name, func(src []byte) error {
		src = src[first*t.Size():]
		for at := 0; at < len(dst); at += chunk {
			part := dst[at:min(at+chunk, len(dst))]
			tensor.Decode(part, t, src[at*t.Size():])
			for i, v := range part {
				if v-v != 0 {
					return fmt.Errorf("reading %s: tensor %q holds %v at %v; weights must be finite", s.Path(name),
						name, v, position(info.Shape, first+at+i))
				}
			}
		}
		return nil
	})
}

// ReadRaw calls f with the little-endian data of a tensor, which must have that dtype and shape. f
// must not change the data or keep it.
func ReadRaw(s Source, name, dtype string, shape []int, f func(raw []byte) error) error {
	info, ok := s.Info(name)
	if !ok {
		return missing(s, name)
	}
	if info.DType != dtype || !slices.Equal(info.Shape, shape) {
		return fmt.Errorf("reading %s: tensor %q is %s of shape %v, where %s of %v is wanted", s.Path(name), name,
			info.DType, info.Shape, dtype, shape)
	}
	return mapped(s, name, f)
}

// missing returns the error for a tensor that is not there.
func missing(s Source, name string) error {
	return fmt.Errorf("reading %s: there is no tensor %q", s.Path(name), name)
}

// mapped calls f with the data of a tensor. A mapped page that the disk no longer has (the file was
// cut short, a bad sector) is a fault in the middle of a load instruction, which becomes an error
// here.
func mapped(s Source, name string, f func(src []byte) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = fmt.Errorf(
				"reading %s: tensor %q is not readable any more (fault at %#x): "+
					"the file was changed, or the disk failed", s.Path(name), name, fault.Addr())
		default:
			panic(fault)
		}
	}()
	return f(s.Bytes(name))
}

// position returns the index of element i in each dimension.
func position(shape []int, i int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d], i = i%shape[d], i/shape[d]
	}
	return at
}
