package train

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// An optimizerTensor is a matrix of the optimizer as a checkpoint holds it.
type optimizerTensor struct {
	name       string
	rows, cols int
	inMemory   tensor.DType
	mat        func(p *model.Param) tensor.Mat // the matrix of its parameter
}

// optimizerTensors lists the matrices that the optimizer keeps for one parameter. Master copies of adapters
// are not among them: their own file has them.
func optimizerTensors(s model.Shape, p model.Precision) []optimizerTensor {
	first, second := p.MomentTypes()
	list := []optimizerTensor{
		{s.Name + ".exp_avg", s.Rows, s.Cols, first, func(p *model.Param) tensor.Mat { return p.M }},
		{s.Name + ".exp_avg_sq", s.Rows, s.Cols, second, func(p *model.Param) tensor.Mat { return p.V }},
	}
	if p.Weight != p.Acc && s.Kind != model.AdapterA && s.Kind != model.AdapterB {
		list = append(list, optimizerTensor{s.Name + ".master", s.Rows, s.Cols, p.Acc,
			func(p *model.Param) tensor.Mat { return p.Master }})
	}
	return list
}

// coded reports whether the tensor is moments of eight bits, which are saved as the words that they
// have in memory.
func (o *optimizerTensor) coded() bool { return o.inMemory == tensor.M8 || o.inMemory == tensor.V8 }

// stored returns the type, in the spelling of the format, and the shape that the tensor has in a
// file.
func (o *optimizerTensor) stored() (dtype string, shape []int) {
	switch {
	case o.coded():
		codes, bases := tensor.MomentWords(o.cols)
		return "U32", []int{o.rows, codes + bases}
	case o.inMemory == tensor.BF16:
		return safetensors.DTypeName(tensor.BF16), []int{o.rows, o.cols}
	}
	return safetensors.DTypeName(tensor.F32), []int{o.rows, o.cols}
}

// writeOptimizer makes the folder dir and writes the optimizer's matrices into it.
func (t *Trainer) writeOptimizer(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var list []safetensors.Tensor
	for _, p := range t.Weights.Trainable() {
		for _, o := range optimizerTensors(p.Shape, t.Weights.Precision) {
			list = append(list, o.tensor(t.Backend, o.mat(p)))
		}
	}
	return safetensors.Write(filepath.Join(dir, optimizerFile), nil, list)
}

// readOptimizer fills the optimizer's matrices from path.
func (t *Trainer) readOptimizer(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range t.Weights.Trainable() {
		for _, o := range optimizerTensors(p.Shape, t.Weights.Precision) {
			if err := o.read(t.Backend, f, o.mat(p)); err != nil {
				return err
			}
		}
	}
	return nil
}

// tensor returns m as it is written.
func (o *optimizerTensor) tensor(b kernels.Backend, m tensor.Mat) safetensors.Tensor {
	dtype, shape := o.stored()
	if !o.coded() {
		t := tensor.F32
		if o.inMemory == tensor.BF16 {
			t = tensor.BF16
		}
		return hf.Tensor(b, o.name, m, shape, t)
	}
	words := m.Words()
	return safetensors.Tensor{Name: o.name, DType: dtype, Shape: shape, Write: func(w io.Writer) error {
		var raw []byte
		for from, to := range kernels.RowChunks(words.Rows, words.Cols) {
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

// read fills m from a file.
func (o *optimizerTensor) read(b kernels.Backend, f *safetensors.File, m tensor.Mat) error {
	if o.coded() {
		return o.readCodes(b, f, m)
	}
	if err := safetensors.Holds(f, o.name, m.Len()); err != nil {
		return err
	}
	var v []float32
	for from, to := range kernels.RowChunks(m.Rows, m.Cols) {
		n := (to - from) * m.Cols
		v = slices.Grow(v[:0], n)[:n]
		if err := safetensors.ReadFrom(f, o.name, from*m.Cols, v); err != nil {
			return err
		}
		kernels.Upload(b, m.Slice(from, to), v)
	}
	return nil
}

// readCodes fills m, of eight bits per moment, from the words in a file. Codes are all valid; the
// bases of their runs, which follow them in a row, must be finite and not negative.
func (o *optimizerTensor) readCodes(b kernels.Backend, f *safetensors.File, m tensor.Mat) error {
	words := m.Words()
	codes, _ := tensor.MomentWords(m.Cols)
	dtype, shape := o.stored()
	return safetensors.ReadRaw(f, o.name, dtype, shape, func(raw []byte) error {
		for i := range words.Rows {
			row := raw[4*i*words.Cols:][:4*words.Cols]
			for j := codes; j < words.Cols; j++ {
				base := math.Float32frombits(binary.LittleEndian.Uint32(row[4*j:]))
				if !(base >= 0 && base <= math.MaxFloat32) {
					return fmt.Errorf("reading %s: tensor %q has the base %v at %v; resume from an earlier checkpoint",
						f.Path(o.name), o.name, base, []int{i, j})
				}
			}
		}
		b.Write(words, raw)
		return nil
	})
}

// ownOptimizer reports whether the folder at dir has the file of an optimizer where checkpoints have it.
func ownOptimizer(dir string) bool {
	return exists(filepath.Join(dir, trainingDir, optimizerFile)) || exists(filepath.Join(dir, optimizerFile))
}
