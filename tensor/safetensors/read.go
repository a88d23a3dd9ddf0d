package safetensors

import (
	"errors"
	"fmt"
	"slices"

	"spell/tensor"
	"spell/tensor/mapped"
)

// chunk is the number of elements converted between two checks, small enough for the cache.
const chunk = 1 << 14

// Read converts the tensor to dst, which must hold exactly its elements, and requires every
// one to be finite. It reads F32, BF16, F16, F64 and F8_E4M3.
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
	size, decode := conversion[T](info.DType)
	if decode == nil {
		return fmt.Errorf("reading %s: tensor %q is %s; the dtypes read are F32, BF16, F16, F64 and F8_E4M3",
			s.Path(name), name, info.DType)
	}
	if first < 0 || first+len(dst) > info.Elements {
		return fmt.Errorf("reading %s: tensor %q has shape %v, %d elements; those from %d to %d are wanted",
			s.Path(name), name, info.Shape, info.Elements, first, first+len(dst))
	}
	return withData(s, name, func(src []byte) error {
		src = src[first*size:]
		for at := 0; at < len(dst); at += chunk {
			part := dst[at:min(at+chunk, len(dst))]
			decode(part, src[at*size:])
			for i, v := range part {
				if v-v != 0 {
					return fmt.Errorf("reading %s: tensor %q holds %v at %v; weights must be finite: take another "+
						"copy of the model", s.Path(name), name, v, position(info.Shape, first+at+i))
				}
			}
		}
		return nil
	})
}

// Append appends n elements of a tensor, from first on, to raw: as they are if their type is F32 or
// BF16, else converted to F32. It returns raw with the type, and checks and fails as Read does.
func Append(raw []byte, s Source, name string, first, n int) ([]byte, tensor.DType, error) {
	info, ok := s.Info(name)
	t := floats[info.DType]
	if !ok || first < 0 || first+n > info.Elements || info.DType != "F32" && t != tensor.BF16 {
		return appendConverted(raw, s, name, first, n)
	}
	before := len(raw)
	err := withData(s, name, func(src []byte) error {
		raw = append(raw, src[first*t.Size():][:n*t.Size()]...)
		return nil
	})
	if err == nil && !tensor.Finite(raw[before:], t) {
		return appendConverted(raw[:before], s, name, first, n) // which says where
	}
	return raw, t, err
}

func appendConverted(raw []byte, s Source, name string, first, n int) ([]byte, tensor.DType, error) {
	v := make([]float32, n)
	if err := ReadFrom(s, name, first, v); err != nil {
		return raw, tensor.F32, err
	}
	before := len(raw)
	raw = slices.Grow(raw, 4*n)[:before+4*n]
	tensor.Encode(raw[before:], tensor.F32, v)
	return raw, tensor.F32, nil
}

// conversion returns the bytes of an element of a dtype and what converts elements; nil for one that
// Read does not read.
func conversion[T tensor.Float](dtype string) (size int, decode func(dst []T, src []byte)) {
	if dtype == "F8_E4M3" {
		return 1, func(dst []T, src []byte) {
			for i := range dst {
				dst[i] = T(e4m3[src[i]])
			}
		}
	}
	t, ok := floats[dtype]
	if !ok {
		return 0, nil
	}
	return t.Size(), func(dst []T, src []byte) { tensor.Decode(dst, t, src) }
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
	return withData(s, name, f)
}

// missing returns the error for a tensor that is not there.
func missing(s Source, name string) error {
	return fmt.Errorf("reading %s: there is no tensor %q", s.Path(name), name)
}

// withData calls f with the data of a tensor.
func withData(s Source, name string, f func(src []byte) error) error {
	err := mapped.Guard(func() error { return f(s.Bytes(name)) })
	var fault *mapped.Fault
	if errors.As(err, &fault) {
		return fmt.Errorf("reading %s: tensor %q is %w", s.Path(name), name, fault)
	}
	return err
}

// position returns the index of element i in each dimension.
func position(shape []int, i int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d], i = i%shape[d], i/shape[d]
	}
	return at
}
