package hf

import (
	"context"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// A Model is an open Hugging Face model folder: its configuration and where its tensors lie.
type Model struct {
	Config model.Config
	Notes  []string // a sentence on each thing that is passed over or is not where it should be

	dir   string
	files *safetensors.Model
	names names

	places map[string][]place // of the tensors of each parameter, in the order of its rows
}

// Open reads the configuration in dir and the headers of its weights, and finds the tensor of each
// parameter. It refuses by name a tensor that is missing, has another shape than config.json makes
// it, or lies inside a block where the model has no such parameter. It reads no tensor but the head of
// a model that config.json ties.
func Open(dir string) (*Model, error) {
	c, fields, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	files, err := safetensors.OpenModel(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, Notes: files.Notes(), dir: dir, files: files}
	if err := m.match(fields); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Close unmaps the weights.
func (m *Model) Close() error { return m.files.Close() }

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
	if w.Carried, err = readCarried(m.dir); err != nil {
		w.Free()
		return nil, err
	}
	return w, nil
}

// Rows returns the numbers of the shards.
func (m *Model) Rows() model.Rows { return model.RowReader(m.read).Rows() }

// Carried returns the files beside the weights that a model made of this one gets, by name.
func (m *Model) Carried() (map[string][]byte, error) { return readCarried(m.dir) }

// TypeOf returns the type that a parameter has in its shard, BF16 for FP8; exact tells that this type
// holds its numbers to the bit.
func (m *Model) TypeOf(s model.Shape) (t tensor.DType, exact bool) {
	info, _ := m.files.Info(m.places[s.Name][0].name)
	for _, t := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
		if info.DType == safetensors.DTypeName(t) {
			return t, true
		}
	}
	return tensor.BF16, false
}

// read is a model.RowReader.
func (m *Model) read(raw []byte, s model.Shape, from, to int) ([]byte, tensor.DType, error) {
	begin, typ := len(raw), tensor.F32
	n := s.Rows / len(m.places[s.Name])
	for e := from / n; e*n < to; e++ {
		before := len(raw)
		var t tensor.DType
		var err error
		if raw, t, err = m.readPart(raw, m.places[s.Name][e], s.Cols, max(0, from-e*n), min(n, to-e*n)); err != nil {
			return raw[:begin], typ, err
		}
		if before > begin && t != typ { // experts of several types
			raw = slices.Concat(raw[:begin], widened(raw[begin:before], typ), widened(raw[before:], t))
			t = tensor.F32
		}
		typ = t
	}
	return raw, typ, nil
}

// readPart reads rows [from, to) of what a place holds.
func (m *Model) readPart(raw []byte, at place, cols, from, to int) ([]byte, tensor.DType, error) {
	if info, _ := m.files.Info(at.name); info.DType == fp8 {
		return m.readFP8(raw, at.name, cols, from, to)
	}
	return safetensors.Append(raw, m.files, at.name, at.first+from*cols, (to-from)*cols)
}

// widened returns little-endian elements as F32.
func widened(raw []byte, t tensor.DType) []byte {
	v := make([]float32, len(raw)/t.Size())
	tensor.Decode(v, t, raw)
	out := make([]byte, 4*len(v))
	tensor.Encode(out, tensor.F32, v)
	return out
}

// Stored returns the precision that takes the weights as they are and computes in f32: the bits of
// F32, in half its memory if all of them are bf16.
func (m *Model) Stored() model.Precision {
	p := model.F32
	if !slices.ContainsFunc(model.Shapes(&m.Config), func(s model.Shape) bool {
		return slices.ContainsFunc(m.places[s.Name], func(at place) bool {
			info, _ := m.files.Info(at.name)
			return info.DType != safetensors.DTypeName(tensor.BF16)
		})
	}) {
		p.Weight = tensor.BF16
	}
	return p
}

// Load reads the model in dir into the memory of b, as Open and Model.Load do.
func Load(b kernels.Backend, dir string, p model.Precision, purpose model.Purpose) (*model.Weights, error) {
	return LoadContext(context.Background(), b, dir, p, purpose)
}

// LoadContext is Load until the context ends; then its error is the context's.
func LoadContext(ctx context.Context, b kernels.Backend, dir string, p model.Precision, purpose model.Purpose) (
	*model.Weights, error) {
	m, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.Load(ctx, b, p, purpose)
}

// Fill reads the weights into w, which was mapped for them, until the context ends.
func (m *Model) Fill(ctx context.Context, b kernels.Backend, w *model.Weights) error {
	return w.Fill(ctx, b, m.read)
}

// Verify checks that the model in dir is whole, as Open does. It returns the configuration.
func Verify(dir string) (model.Config, error) {
	m, err := Open(dir)
	if err != nil {
		return model.Config{}, err
	}
	return m.Config, m.Close()
}

// match finds the tensor of each parameter, checks its shape, and says what else there is.
func (m *Model) match(f *configFile) error {
	m.names, m.places = namesIn(m.files.Names()), map[string][]place{}
	head := m.names.of(headName)
	if err := m.tie(f, head); err != nil {
		return err
	}
	wanted := map[string]bool{head: true} // a tied checkpoint may repeat the embedding
	for _, s := range model.Shapes(&m.Config) {
		for _, t := range s.Tensors() {
			at, err := m.find(s, t)
			if err != nil {
				return err
			}
			if info, _ := m.files.Info(at.name); !slices.Equal(info.Shape, at.shape) {
				return m.misshapen(at, info)
			}
			m.places[s.Name] = append(m.places[s.Name], at)
			wanted[at.name] = true
			scale, err := m.checkScale(at)
			if err != nil {
				return err
			}
			wanted[scale] = true
		}
	}
	return m.leftovers(wanted)
}
