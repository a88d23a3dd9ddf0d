package hf

import (
	"fmt"
	"slices"

	"spell/tensor"
	"spell/tensor/safetensors"
)

// A block of a matrix of F8_E4M3 shares a factor, which the tensor of that name with this ending
// holds: the layout of DeepSeek-V3, in which Qwen3's FP8 checkpoints are published.
const (
	scaleSuffix = "_scale_inv"
	scaleBlock  = 128 // rows and columns

	fp8 = "F8_E4M3" // the type of the weights
)

// checkScale returns the name of the tensor with the factors of a quantized one, "" if it is not
// quantized. Their shape must fit.
func (m *Model) checkScale(at place) (string, error) {
	name := at.name
	info, _ := m.files.Info(name)
	if info.DType != fp8 {
		return "", nil
	}
	scale := name + scaleSuffix
	factors, ok := m.files.Info(scale)
	if !ok {
		if err := m.quantized(); err != nil {
			return "", err
		}
		return "", fmt.Errorf("%s: tensor %s is F8_E4M3 and there is no %s with its factors; download the file "+
			"again", m.files.Path(name), name, scale)
	}
	if len(at.shape) != 2 {
		return "", fmt.Errorf("%s: tensor %s is F8_E4M3 and has shape %v; matrices are supported", m.files.Path(name),
			name, at.shape)
	}
	if want := []int{blocks(at.shape[0]), blocks(at.shape[1])}; !slices.Equal(factors.Shape, want) {
		return "", fmt.Errorf("%s: tensor %s has shape %v, and factors of blocks of %d × %d of %s have %v; download "+
			"the file again", m.files.Path(scale), scale, factors.Shape, scaleBlock, scaleBlock, name, want)
	}
	return scale, nil
}

// blocks returns how many blocks n rows or columns take.
func blocks(n int) int { return (n + scaleBlock - 1) / scaleBlock }

// readFP8 is read for a quantized tensor: it multiplies elements by the factors of their blocks.
func (m *Model) readFP8(raw []byte, name string, cols, from, to int) ([]byte, tensor.DType, error) {
	v, scales := make([]float32, (to-from)*cols), make([]float32, blocks(cols))
	if err := safetensors.ReadFrom(m.files, name, from*cols, v); err != nil {
		return raw, tensor.F32, err
	}
	for i := from; i < to; i++ {
		if i == from || i%scaleBlock == 0 {
			err := safetensors.ReadFrom(m.files, name+scaleSuffix, i/scaleBlock*len(scales), scales)
			if err != nil {
				return raw, tensor.F32, err
			}
		}
		for j, row := 0, v[(i-from)*cols:][:cols]; j < cols; j++ {
			row[j] *= scales[j/scaleBlock]
		}
	}
	before := len(raw)
	raw = slices.Grow(raw, 4*len(v))[:before+4*len(v)]
	tensor.Encode(raw[before:], tensor.F32, v)
	return raw, tensor.F32, nil
}
