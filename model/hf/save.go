package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/tensor"
	"spell/tensor/atomicfile"
	"spell/tensor/safetensors"
)

// weightsFile is where Save writes weights.
const weightsFile = "model.safetensors"

// maxShard bounds the bytes of tensors in one file. What hosts of models and their tools write is of
// this size.
const maxShard = 5_000_000_000

// Save writes the model to dir as a Hugging Face directory, weights in type t: in one file, or in
// shards with an index if they take more than five gigabytes. The files that came with the weights go
// along; of config.json only what has changed is another. Each file is replaced whole or not at all,
// the weights last.
func Save(b kernels.Backend, w *model.Weights, dir string, t tensor.DType) error {
	return write(dir, &w.Config, w.Carried, Tensors(b, w, t), t, maxShard)
}

// Write is Save of a model that need not be loaded: the numbers of rows, each parameter in the type that
// typeOf has for it, and the files that are carried over.
func Write(dir string, c *model.Config, carried map[string][]byte, rows model.Rows,
	typeOf func(model.Shape) tensor.DType) error {
	var list []safetensors.Tensor
	shapes := model.Shapes(c)
	for _, s := range shapes {
		t := typeOf(s)
		for _, part := range s.Tensors() {
			list = append(list, safetensors.Tensor{Name: part.Name, DType: safetensors.DTypeName(t),
				Shape: places(s, part)[0].shape,
				Write: func(out io.Writer) error { return writeRows(out, rows, s, part, t) }})
		}
	}
	return write(dir, c, carried, list, typeOf(shapes[0]), maxShard)
}

// writeRows writes a tensor of a parameter in type t.
func writeRows(out io.Writer, rows model.Rows, s model.Shape, part model.Tensor, t tensor.DType) error {
	var v []float32
	for from, to := range kernels.RowChunks(part.Rows, s.Cols) {
		n := (to - from) * s.Cols
		v = slices.Grow(v[:0], n)[:n]
		if err := rows(v, s, part.Row+from, part.Row+to); err != nil {
			return err
		}
		if err := safetensors.FromSlice(s.Name, t, []int{n}, v).Write(out); err != nil {
			return err
		}
	}
	return nil
}

// write writes tensors, with a config.json that names type t.
func write(dir string, c *model.Config, carried map[string][]byte, list []safetensors.Tensor, t tensor.DType,
	shard int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	raw, err := configOf(c, carried, t)
	if err != nil {
		return err
	}
	files := maps.Clone(carried)
	if files == nil {
		files = map[string][]byte{}
	}
	files[configName] = append(raw, '\n')
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	shards := split(list, shard)
	if len(shards) == 1 {
		return safetensors.Write(filepath.Join(dir, weightsFile), metadata, shards[0])
	}
	index := index{WeightMap: map[string]string{}}
	for i, tensors := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		if err := safetensors.Write(filepath.Join(dir, name), metadata, tensors); err != nil {
			return err
		}
		for _, s := range tensors {
			index.WeightMap[s.Name] = name
			index.Metadata.TotalSize += bytesOf(s)
		}
	}
	if raw, err = json.MarshalIndent(index, "", "  "); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, weightsFile+".index.json"), append(raw, '\n')); err != nil {
		return err
	}
	err = os.Remove(filepath.Join(dir, weightsFile)) // of an earlier save: it would go before the shards
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// metadata is what loaders of PyTorch models look for in a header.
var metadata = map[string]string{"format": "pt"}

// index is the index of shards.
type index struct {
	Metadata struct {
		TotalSize int `json:"total_size"` // bytes of all tensors
	} `json:"metadata"`
	WeightMap map[string]string `json:"weight_map"` // the file of each tensor
}

// split deals tensors out to files of at most so many bytes, in order. A tensor that is
// larger has a file of its own.
func split(tensors []safetensors.Tensor, most int) [][]safetensors.Tensor {
	shards := [][]safetensors.Tensor{nil}
	size := 0
	for _, s := range tensors {
		n := bytesOf(s)
		if size > 0 && size+n > most {
			shards, size = append(shards, nil), 0
		}
		last := len(shards) - 1
		shards[last] = append(shards[last], s)
		size += n
	}
	return shards
}

// bytesOf returns the bytes that a tensor takes.
func bytesOf(s safetensors.Tensor) int {
	n := 2
	if s.DType == safetensors.DTypeName(tensor.F32) {
		n = 4
	}
	for _, d := range s.Shape {
		n *= d
	}
	return n
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
		m := p.Stored()
		for _, part := range p.Tensors() {
			shape := places(p.Shape, part)[0].shape
			list = append(list, Tensor(b, part.Name, m.Slice(part.Row, part.Row+part.Rows), shape, t))
		}
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
