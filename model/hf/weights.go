package hf

import (
	"context"
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

// weightsFile is where Save writes weights; Load also reads shards.
const weightsFile = "model.safetensors"

// Load reads the model in dir into the memory of b. It refuses by name a tensor that is missing,
// does not belong to the model, or has another shape than config.json makes it.
func Load(b kernels.Backend, dir string, p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	return LoadContext(context.Background(), b, dir, p, purpose)
}

// LoadContext is Load until the context ends; then its error is the context's.
func LoadContext(ctx context.Context, b kernels.Backend, dir string, p model.Precision, purpose model.Purpose) (
	*model.Weights, error) {
	files, c, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return load(ctx, b, files, dir, c, p, purpose)
}

// Verify checks that the model in dir is whole: config.json can be used, the headers of the weights
// fit the sizes of their files, and there is each tensor that config.json asks for, in its shape.
// It does not read the tensors. It returns the configuration.
func Verify(dir string) (model.Config, error) {
	files, c, err := open(dir)
	if err != nil {
		return c, err
	}
	defer files.Close()
	return c, match(files, dir, &c)
}

// open reads the configuration in dir and the headers of its weights.
func open(dir string) (*safetensors.Model, model.Config, error) {
	c, untied, err := readConfig(dir)
	if err != nil {
		return nil, c, err
	}
	files, err := safetensors.OpenModel(dir)
	if err != nil {
		return nil, c, err
	}
	if _, ok := files.Info("lm_head.weight"); !ok && untied {
		files.Close()
		return nil, c, fmt.Errorf("%s: config.json sets tie_word_embeddings to false, and the weights hold no "+
			"lm_head.weight; set it to true or restore the tensor", dir)
	}
	return files, c, nil
}

// Stored returns the precision that takes the weights in dir as they are and computes in f32: the
// bits of F32, in half its memory if all of them are bf16.
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

// load reads weights that are open into the memory of b.
func load(ctx context.Context, b kernels.Backend, files safetensors.Source, dir string, c model.Config,
	p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	if err := match(files, dir, &c); err != nil {
		return nil, err
	}
	w, err := model.NewWeights(b, c, p, purpose)
	if err != nil {
		return nil, err
	}
	var buf []float32
	for _, q := range w.Params {
		for from, to := range kernels.RowChunks(q.Rows, q.Cols) {
			n := (to - from) * q.Cols
			buf = slices.Grow(buf[:0], n)[:n]
			err := ctx.Err()
			if err == nil {
				err = safetensors.ReadFrom(files, q.Name, from*q.Cols, buf)
			}
			if err != nil {
				w.Free()
				return nil, err
			}
			model.SetRows(b, q, from, buf)
		}
	}
	return w, nil
}

// match returns an error unless the tensors that are there are those the configuration wants, by
// name and shape. It settles a tied head if config.json does not: a checkpoint without lm_head is
// tied.
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
		if shape := stored(s); !slices.Equal(info.Shape, shape) {
			return fmt.Errorf("%s: tensor %s has shape %v, and config.json makes it %v",
				files.Path(s.Name), s.Name, info.Shape, shape)
		}
	}
	for _, name := range files.Names() {
		if !wanted[name] && !strings.HasSuffix(name, "rotary_emb.inv_freq") {
			return fmt.Errorf("%s: tensor %s has no place in a %s model as config.json describes it",
				files.Path(name), name, c.Family)
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
	names := map[tensor.DType]string{tensor.BF16: "bfloat16", tensor.F32: "float32", tensor.F16: "float16"}
	raw, err := MarshalConfig(&w.Config, names[t])
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, "config.json"), append(raw, '\n')); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, weightsFile), map[string]string{"format": "pt"}, Tensors(b, w, t))
}

// stored returns the shape that a parameter has in a file: norms and biases are vectors there.
func stored(s model.Shape) []int {
	if s.Kind == model.Norm || s.Kind == model.Bias {
		return []int{s.Cols}
	}
	return []int{s.Rows, s.Cols}
}

// Tensors lists the parameters as tensors to be written in type t: their master copies if they have
// one.
func Tensors(b kernels.Backend, w *model.Weights, t tensor.DType) []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, p := range w.Params {
		m := p.W
		if !p.Master.IsZero() {
			m = p.Master
		}
		list = append(list, Tensor(b, p.Name, m, stored(p.Shape), t))
	}
	return list
}

// Tensor returns a matrix in a backend's memory as a tensor to be written in type t under that name
// and shape. It is read when its turn comes.
func Tensor(b kernels.Backend, name string, m tensor.Mat, shape []int, t tensor.DType) safetensors.Tensor {
	write := func(out io.Writer) error {
		var v []float32
		for from, to := range kernels.RowChunks(m.Rows, m.Cols) {
			n := (to - from) * m.Cols
			v = slices.Grow(v[:0], n)[:n]
			kernels.Download(b, v, m.Slice(from, to))
			if err := safetensors.FromSlice(name, t, []int{n}, v).Write(out); err != nil {
				return err
			}
		}
		return nil
	}
	return safetensors.Tensor{Name: name, DType: safetensors.DTypeName(t), Shape: shape, Write: write}
}
