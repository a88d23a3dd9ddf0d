// Package gguf reads models from GGUF files, and writes them, as llama.cpp has them: metadata of its
// names for what Hugging Face has in config.json, and tensors of its names, some with their rows in
// another order.
package gguf

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/tensor"
	"spell/tensor/gguf"
)

// A Model is an open GGUF file that holds a decoder.
type Model struct {
	Config model.Config
	Notes  []string // sentences about what is passed over

	file         *gguf.File
	architecture string
}

// Open reads the metadata of the file at path and finds the tensor of each parameter. It refuses by
// name a tensor that is missing, has another shape than the metadata makes it, or lies inside a block
// where the model has no such parameter. It does not read the tensors.
func Open(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Model{file: f}
	if err = whole(f); err == nil {
		m.Config, err = config(f)
	}
	if err == nil {
		m.architecture, _ = f.Text("general.architecture")
		err = m.match()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// whole refuses a part of a model that was split into several files, as llama.cpp's gguf-split
// does. The first part alone holds the metadata.
func whole(f *gguf.File) error {
	path, parts := f.Path(), 1
	if _, ok := f.Value("split.count"); ok {
		var err error
		if parts, err = f.Whole("split.count"); err != nil {
			return err
		}
	}
	name := splitName.FindStringSubmatch(path)
	named := name != nil && name[2] != "00001"
	if parts <= 1 && !named {
		return nil
	}
	first := "the first of them"
	if named {
		first = name[1] + "-00001-of-" + name[2] + ".gguf"
	}
	return fmt.Errorf("%s is one part of a model that is split into several files, and models are read from one; "+
		"join them by llama.cpp's llama-gguf-split --merge, with %s and the file to make", path, first)
}

// splitName matches the names that gguf-split gives parts.
var splitName = regexp.MustCompile(`^(.*)-[0-9]{5}-of-([0-9]{5})\.gguf$`)

// File returns the open file, for its other metadata.
func (m *Model) File() *gguf.File { return m.file }

// Close unmaps the file.
func (m *Model) Close() error { return m.file.Close() }

// match checks the tensors.
func (m *Model) match() error {
	path := m.file.Path()
	wanted := map[string]bool{ropeFactors: true}
	for _, s := range model.Shapes(&m.Config) {
		name := Name(s.Name)
		t, ok := m.file.Tensor(name)
		if !ok {
			return fmt.Errorf("reading %s: there is no tensor %q, which its metadata asks for; download it again", path,
				name)
		}
		if shape := shapeInFile(s); !slices.Equal(t.Shape, shape) {
			return fmt.Errorf("reading %s: tensor %q has shape %v, and the metadata makes it %v; download it again",
				path, name, t.Shape, shape)
		}
		wanted[name] = true
	}
	var passed []string
	for _, name := range m.file.Names() {
		switch {
		case wanted[name]:
		case strings.HasPrefix(name, "blk."):
			return fmt.Errorf("reading %s: tensor %q has no place in a %s model of %d blocks as the metadata "+
				"describes it; download it again", path, name, m.architecture, m.Config.Layers)
		default:
			passed = append(passed, name)
		}
	}
	if len(passed) > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("%s: passed over, because the decoder has no such parameters: %s", path,
			strings.Join(passed, ", ")))
	}
	return nil
}

// Load reads the weights into the memory of b until the context ends; then its error is the context's.
func (m *Model) Load(ctx context.Context, b kernels.Backend, p model.Precision, purpose model.Purpose) (
	*model.Weights, error) {
	w, err := model.NewWeights(b, m.Config, p, purpose)
	if err != nil {
		return nil, err
	}
	if err := w.Fill(ctx, b, m.read); err != nil {
		w.Free()
		return nil, err
	}
	w.Notes = m.Notes
	return w, nil
}

// Fill reads the weights into w, which was mapped for them, until the context ends.
func (m *Model) Fill(ctx context.Context, b kernels.Backend, w *model.Weights) error {
	return w.Fill(ctx, b, m.read)
}

// Stored returns the precision that takes the weights as they are and computes in f32: the bits of
// F32, in half its memory if all matrices are bf16.
func (m *Model) Stored() model.Precision {
	p := model.F32
	if !slices.ContainsFunc(model.Shapes(&m.Config), func(s model.Shape) bool {
		t, _ := m.file.Tensor(Name(s.Name))
		return t.Type != gguf.BF16
	}) {
		p.Weight = tensor.BF16
	}
	return p
}

// Rows returns the numbers of the file.
func (m *Model) Rows() model.Rows { return model.RowReader(m.read).Rows() }

// Carried returns no files: a GGUF file has none beside it.
func (m *Model) Carried() (map[string][]byte, error) { return nil, nil }

// TypeOf returns the type that a parameter has in the file, BF16 for quantized ones; exact tells that
// this type holds their numbers to the bit. Norms, biases and routers are F32 in all files; their type is that of
// the embedding if it holds them, which it does if they came from a model of that type.
func (m *Model) TypeOf(s model.Shape) (t tensor.DType, exact bool) {
	t, exact = m.typeIn(Name(s.Name))
	if isMatrix(s) || t != tensor.F32 {
		return t, exact
	}
	v, rounded := make([]float32, s.Rows*s.Cols), make([]float32, s.Rows*s.Cols)
	matrices, _ := m.typeIn(Name(model.Shapes(&m.Config)[0].Name))
	if m.Rows()(v, s, 0, s.Rows) != nil {
		return t, true
	}
	raw := make([]byte, len(v)*matrices.Size())
	tensor.Encode(raw, matrices, v)
	tensor.Decode(rounded, matrices, raw)
	if slices.Equal(v, rounded) {
		return matrices, true
	}
	return t, true
}

// typeIn returns the type of a tensor in the file, BF16 and false if it is quantized.
func (m *Model) typeIn(name string) (tensor.DType, bool) {
	info, _ := m.file.Tensor(name)
	t, ok := map[gguf.Type]tensor.DType{gguf.F32: tensor.F32, gguf.F16: tensor.F16, gguf.BF16: tensor.BF16}[info.Type]
	if !ok {
		return tensor.BF16, false
	}
	return t, true
}

// read is a model.RowReader.
func (m *Model) read(raw []byte, s model.Shape, from, to int) ([]byte, tensor.DType, error) {
	name := Name(s.Name)
	if !interleaved(m.architecture, s.Name) {
		return m.file.Append(raw, name, from*s.Cols, (to-from)*s.Cols)
	}
	if s.Kind == model.Bias {
		return m.readBias(raw, name, s)
	}
	typ := tensor.F32
	for i := from; i < to; i++ {
		var err error
		if raw, typ, err = m.file.Append(raw, name, rowInFile(i, m.Config.HeadDim)*s.Cols, s.Cols); err != nil {
			return raw, typ, err
		}
	}
	return raw, typ, nil
}

// readBias reads an interleaved bias.
func (m *Model) readBias(raw []byte, name string, s model.Shape) ([]byte, tensor.DType, error) {
	inFile, typ, err := m.file.Append(nil, name, 0, s.Cols)
	if err != nil {
		return raw, typ, err
	}
	size := typ.Size()
	for i := range s.Cols {
		raw = append(raw, inFile[rowInFile(i, m.Config.HeadDim)*size:][:size]...)
	}
	return raw, typ, nil
}

// decoded returns little-endian elements as numbers.
func decoded(raw []byte, t tensor.DType) []float32 {
	v := make([]float32, len(raw)/t.Size())
	tensor.Decode(v, t, raw)
	return v
}
