package peft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// prefix begins the names of all tensors in the file of weights.
const prefix = "base_model.model."

// Load maps the adapters in dir beside weights that were loaded for inference, and fills them. It
// refuses by name a tensor that is missing, has no place in the model, or has another shape than
// adapter_config.json makes it.
func Load(b kernels.Backend, w *model.Weights, dir string, purpose model.Purpose) (*Config, error) {
	c, f, names, err := matched(dir, &w.Config)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	uniform, notUniform := c.LoRA(&w.Config)
	if notUniform != nil && purpose == model.Training {
		return nil, notUniform
	}
	if err := w.AdaptEach(b, c.of, purpose); err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	if notUniform == nil {
		w.LoRA = &uniform
	}
	var buf []float32
	for _, p := range w.Adapters() {
		for from, to := range kernels.RowChunks(p.Rows, p.Cols) {
			n := (to - from) * p.Cols
			buf = slices.Grow(buf[:0], n)[:n]
			if err := safetensors.ReadFrom(f, names[prefix+p.Name], from*p.Cols, buf); err != nil {
				return nil, err
			}
			model.SetRows(b, p, from, buf)
		}
	}
	return c, nil
}

// Fits returns an error unless the adapters in dir are those of a model with that configuration.
func Fits(dir string, m *model.Config) error {
	_, f, _, err := matched(dir, m)
	if err != nil {
		return err
	}
	return f.Close()
}

// matched opens the adapters in dir, which have a place each in a model with that configuration, and
// returns their tensors by PEFT's names.
func matched(dir string, m *model.Config) (c *Config, f *safetensors.File, names map[string]string, err error) {
	if c, err = ReadConfig(dir); err != nil {
		return nil, nil, nil, err
	}
	if f, err = open(dir); err != nil {
		return nil, nil, nil, err
	}
	if names, err = c.match(f, m); err != nil {
		f.Close()
		return nil, nil, nil, err
	}
	return c, f, names, nil
}

// Adapt maps the adapters of the configuration beside w without their values: what they take, for a plan.
func (c *Config) Adapt(b kernels.Backend, w *model.Weights) error {
	return w.AdaptEach(b, c.of, model.Inference)
}

// open opens the file of weights in dir.
func open(dir string) (*safetensors.File, error) {
	path := filepath.Join(dir, weightsName)
	f, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "adapter_model.bin")); err == nil {
			return nil, fmt.Errorf("%s holds adapter_model.bin, which is not read, being a program; save the adapters "+
				"as safetensors", dir)
		}
		return nil, fmt.Errorf("%s is missing; copy the folder again", path)
	}
	return f, err
}

// match returns the tensors of a file by PEFT's names, and an error unless they are those that the
// configuration gives a model.
func (c *Config) match(f *safetensors.File, m *model.Config) (map[string]string, error) {
	names, err := namesIn(f)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, s := range model.Shapes(m) {
		l, ok := c.of(s.Module())
		if !ok || !s.Adaptable() {
			continue
		}
		for _, a := range s.AdapterShapes(l.Rank) {
			wanted[prefix+a.Name] = true
			info, ok := f.Info(names[prefix+a.Name])
			if !ok {
				return nil, fmt.Errorf("%s holds no tensor %s, which its %s asks for; copy the folder again",
					f.Path(""), prefix+a.Name, configName)
			}
			if shape := []int{a.Rows, a.Cols}; !slices.Equal(info.Shape, shape) {
				return nil, fmt.Errorf("%s: tensor %s has shape %v, and %s and the model make it %v; give the model "+
					"that the adapters were trained on", f.Path(""), prefix+a.Name, info.Shape, configName, shape)
			}
		}
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("%s: target_modules names no matrix of the model that can have adapters: those are %s",
			c.path, strings.Join(model.AdapterTargets, ", "))
	}
	for _, name := range f.Names() {
		if !wanted[nameOf(name)] {
			return nil, misplaced(f, name, m.Family, m.Layers)
		}
	}
	return names, nil
}

// Verify checks that the folder of a run's adapters is whole: its configuration can be used, and its file of
// weights holds A and B of each matrix to the last byte. It returns their shapes; the model that they
// belong to is not read.
func Verify(dir string) ([]model.Shape, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	f, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var shapes []model.Shape
	for _, name := range f.Names() {
		module, isA := strings.CutSuffix(strings.TrimPrefix(name, prefix), ".lora_A.weight")
		if !isA {
			continue
		}
		l, ok := c.of(module)
		a, _ := f.Info(name)
		b, both := f.Info(prefix + module + ".lora_B.weight")
		if !ok || !both || len(a.Shape) != 2 || len(b.Shape) != 2 || a.Shape[0] != l.Rank || b.Shape[1] != l.Rank {
			return nil, fmt.Errorf("%s: tensor %s is not one of two of rank %d, as %s describes them", f.Path(name),
				name, l.Rank, configName)
		}
		s := model.Shape{Name: module + ".weight", Rows: b.Shape[0], Cols: a.Shape[1]}
		shapes = append(shapes, s.AdapterShapes(l.Rank)...)
	}
	if n := len(f.Names()); n != len(shapes) || n == 0 {
		return nil, fmt.Errorf("%s holds %d tensors, of which %d are adapters", f.Path(""), n, len(shapes))
	}
	return shapes, nil
}

// Save writes the adapters of w to dir, in f32, as PEFT does. base is the folder or the name of the model
// that they belong to, empty if it has none.
func Save(b kernels.Backend, w *model.Weights, dir, base string) error {
	if w.LoRA == nil {
		return fmt.Errorf("writing %s: the weights have no adapters of one kind", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := write(dir, base, w.LoRA); err != nil {
		return err
	}
	var list []safetensors.Tensor
	for _, p := range w.Adapters() {
		list = append(list, hf.Tensor(b, prefix+p.Name, p.Stored(), []int{p.Rows, p.Cols}, tensor.F32))
	}
	return safetensors.Write(filepath.Join(dir, weightsName), map[string]string{"format": "pt"}, list)
}
