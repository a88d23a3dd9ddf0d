package hf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/tensor"
	"spell/tensor/atomicfile"
	"spell/tensor/safetensors"
)

// Load reads the model in dir into the memory of b.
func Load(b kernels.Backend, dir string, p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	c, untied, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	files, err := safetensors.OpenModel(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	if _, ok := files.Info("lm_head.weight"); !ok && untied {
		return nil, fmt.Errorf("%s: config.json sets tie_word_embeddings to false, and the weights hold no lm_head.weight; set it to true or restore the tensor", dir)
	}
	return load(b, files, dir, c, p, purpose)
}

// Stored is the precision that takes the weights in dir as they are and computes in f32: the bits of F32,
// in half its memory where all of them are bf16.
func Stored(dir string) (model.Precision, error) {
	files, err := safetensors.OpenModel(dir)
	if err != nil {
		return model.Precision{}, err
	}
	defer files.Close()
	p := model.F32
	if !slices.ContainsFunc(files.Names(), func(name string) bool {
		info, _ := files.Info(name)
		return info.DType != safetensors.DTypeName(tensor.BF16)
	}) {
		p.Weight = tensor.BF16
	}
	return p, nil
}

func load(b kernels.Backend, files safetensors.Source, dir string, c model.Config, p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	if err := match(files, dir, &c); err != nil {
		return nil, err
	}
	w, err := model.NewWeights(b, c, p, purpose)
	if err != nil {
		return nil, err
	}
	var buf []float32
	for _, q := range w.Params {
		for from, to := range kernels.Pieces(q.Rows, q.Cols) {
			n := (to - from) * q.Cols
			buf = slices.Grow(buf[:0], n)[:n]
			if err := safetensors.ReadFrom(files, q.Name, from*q.Cols, buf); err != nil {
				w.Free()
				return nil, err
			}
			model.SetRows(b, q, from, buf)
		}
	}
	return w, nil
}

// match compares the tensors that are there with those the configuration wants, by name and
// shape, and settles a tied head where config.json does not: a checkpoint without lm_head is tied.
func match(files safetensors.Source, dir string, c *model.Config) error {
	if _, ok := files.Info("lm_head.weight"); !ok {
		c.Tied = true
	}
	wanted := map[string]bool{"lm_head.weight": true} // a tied checkpoint may repeat the embedding
	for _, s := range model.Shapes(c) {
		wanted[s.Name] = true
		info, ok := files.Info(s.Name)
		if !ok {
			return fmt.Errorf("%s: the weights hold no tensor %s, which its config.json asks for", dir, s.Name)
		}
		shape := []int{s.Rows, s.Cols}
		if s.Kind == model.Norm || s.Kind == model.Bias {
			shape = shape[1:]
		}
		if !slices.Equal(info.Shape, shape) {
			return fmt.Errorf("%s: tensor %s has shape %v, and config.json makes it %v", files.Path(s.Name), s.Name, info.Shape, shape)
		}
	}
	for _, name := range files.Names() {
		if !wanted[name] && !strings.HasSuffix(name, "rotary_emb.inv_freq") {
			return fmt.Errorf("%s: tensor %s has no place in a %s model as config.json describes it", files.Path(name), name, c.Family)
		}
	}
	return nil
}

// Save writes the model to dir as a Hugging Face directory, weights in type t. Each file is
// replaced whole or not at all, the weights last.
func Save(b kernels.Backend, w *model.Weights, dir string, t tensor.DType) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	raw, err := MarshalConfig(&w.Config, map[tensor.DType]string{tensor.BF16: "bfloat16", tensor.F32: "float32", tensor.F16: "float16"}[t])
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, "config.json"), append(raw, '\n')); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, "model.safetensors"), map[string]string{"format": "pt"}, Tensors(b, w, t))
}

// Tensors lists the parameters as tensors to be written in type t: their master copies where
// they have one.
func Tensors(b kernels.Backend, w *model.Weights, t tensor.DType) []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, p := range w.Params {
		shape := []int{p.Rows, p.Cols}
		if p.Kind == model.Norm || p.Kind == model.Bias {
			shape = shape[1:]
		}
		m := p.W
		if !p.Master.IsZero() {
			m = p.Master
		}
		list = append(list, Tensor(b, p.Name, m, shape, t))
	}
	return list
}

// Tensor is a matrix in a backend's memory as a tensor to be written in type t, read when its
// turn comes.
func Tensor(b kernels.Backend, name string, m tensor.Mat, shape []int, t tensor.DType) safetensors.Tensor {
	return safetensors.Tensor{Name: name, DType: safetensors.DTypeName(t), Shape: shape, Write: func(out io.Writer) error {
		var v []float32
		for from, to := range kernels.Pieces(m.Rows, m.Cols) {
			n := (to - from) * m.Cols
			v = slices.Grow(v[:0], n)[:n]
			kernels.Download(b, v, m.Slice(from, to))
			if err := safetensors.FromSlice(name, t, []int{n}, v).Write(out); err != nil {
				return err
			}
		}
		return nil
	}}
}
