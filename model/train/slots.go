package train

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"spell/kernels"
	"spell/model/hf"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// A slot is a matrix of the optimizer, and its name in a checkpoint.
type optimizerTensor struct {
	name string
	m    tensor.Mat
}

// slots are the optimizer's matrices.
func (t *Trainer) optimizerTensors() []optimizerTensor {
	var list []optimizerTensor
	for _, p := range t.Weights.Params {
		list = append(list, optimizerTensor{p.Name + ".exp_avg", p.M}, optimizerTensor{p.Name + ".exp_avg_sq", p.V})
		if p.Master != p.W {
			list = append(list, optimizerTensor{p.Name + ".master", p.Master})
		}
	}
	return list
}

// coded says whether the slot is moments of eight bits, which are saved as the words that they have in memory.
func (s *optimizerTensor) coded() bool { return s.m.Type == tensor.M8 || s.m.Type == tensor.V8 }

const wordType = "U32" // in the file

// tensor is the slot as it is written.
func (s *optimizerTensor) tensor(b kernels.Backend) safetensors.Tensor {
	if !s.coded() {
		t := tensor.F32
		if s.m.Type == tensor.BF16 {
			t = tensor.BF16
		}
		return hf.Tensor(b, s.name, s.m, []int{s.m.Rows, s.m.Cols}, t)
	}
	words := s.m.Words()
	return safetensors.Tensor{Name: s.name, DType: wordType, Shape: []int{words.Rows, words.Cols}, Write: func(w io.Writer) error {
		var raw []byte
		for from, to := range kernels.Pieces(words.Rows, words.Cols) {
			n := 4 * (to - from) * words.Cols
			raw = slices.Grow(raw[:0], n)[:n]
			b.Read(raw, words.Slice(from, to))
			if _, err := w.Write(raw); err != nil {
				return err
			}
		}
		return nil
	}}
}

// read fills the slot from a file.
func (s *optimizerTensor) read(b kernels.Backend, f *safetensors.File) error {
	if s.coded() {
		return s.readCodes(b, f)
	}
	if err := safetensors.Holds(f, s.name, s.m.Len()); err != nil {
		return err
	}
	var v []float32
	for from, to := range kernels.Pieces(s.m.Rows, s.m.Cols) {
		n := (to - from) * s.m.Cols
		v = slices.Grow(v[:0], n)[:n]
		if err := safetensors.ReadFrom(f, s.name, from*s.m.Cols, v); err != nil {
			return err
		}
		kernels.Upload(b, s.m.Slice(from, to), v)
	}
	return nil
}

func (s *optimizerTensor) readCodes(b kernels.Backend, f *safetensors.File) error {
	words := s.m.Words()
	codes, _ := tensor.MomentWords(s.m.Cols)
	return safetensors.ReadRaw(f, s.name, wordType, []int{words.Rows, words.Cols}, func(raw []byte) error {
		for i := range words.Rows {
			row := raw[4*i*words.Cols:][:4*words.Cols]
			for j := codes; j < words.Cols; j++ {
				base := math.Float32frombits(binary.LittleEndian.Uint32(row[4*j:]))
				if !(base >= 0 && base <= math.MaxFloat32) {
					return fmt.Errorf("reading %s: tensor %q has the base %v at %v; resume from an earlier checkpoint", f.Path(s.name), s.name, base, []int{i, j})
				}
			}
		}
		b.Write(words, raw)
		return nil
	})
}
