package model

import (
	"fmt"

	"spell/tensor"
)

// Moments says how the optimizer keeps the two moments of a parameter. In JSON it is its name.
type Moments uint8

// The ways to keep moments: as Precision.Acc, 8 bytes per parameter if that is f32; in bf16, 4
// bytes; and in eight bits, tensor.M8 and tensor.V8, 2 bytes. The latter two are rounded at random;
// see kernels.Noise.
const (
	FullMoments Moments = iota
	BF16Moments
	Int8Moments
)

var momentNames = [...]string{"f32", "bf16", "int8"}

func (m Moments) String() string { return momentNames[m] }

// MarshalText returns the name.
func (m Moments) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "f32", "bf16" or "int8".
func (m *Moments) UnmarshalText(text []byte) error {
	for i, name := range momentNames {
		if name == string(text) {
			*m = Moments(i)
			return nil
		}
	}
	return fmt.Errorf("moments is %q; use f32, bf16 or int8", text)
}

// MomentTypes returns the types of the first and the second moment.
func (p Precision) MomentTypes() (m, v tensor.DType) {
	switch p.Moments {
	case BF16Moments:
		return tensor.BF16, tensor.BF16
	case Int8Moments:
		return tensor.M8, tensor.V8
	}
	return p.Acc, p.Acc
}

// CheckMoments returns an error if w was mapped with other moments than a configuration asks for.
func (w *Weights) CheckMoments(m Moments) error {
	if w.Moments != m {
		return fmt.Errorf("the weights were allocated for moments in %v, and the configuration asks for %v",
			w.Moments, m)
	}
	return nil
}
