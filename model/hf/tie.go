package hf

import (
	"bytes"
	"fmt"
	"slices"

	"spell/tensor/mapped"
	"spell/tensor/safetensors"
)

// The parameters at the two ends of a decoder, which are one if they are tied.
const (
	headName      = "lm_head.weight"
	embeddingName = "model.embed_tokens.weight"
)

// tie settles whether head is the embedding. A checkpoint without one is tied if config.json does not
// say, unless it names a class without one. One whose head differs from the embedding is not, whatever
// config.json says, as in version 5 of transformers.
func (m *Model) tie(f *configFile, head string) error {
	_, there := m.files.Info(head)
	class := f.Architectures.headless()
	switch {
	case !there && class != "" && !or(f.Tied, false):
		return fmt.Errorf("%s: config.json is that of a %s, and the weights hold no lm_head.weight: it does not "+
			"predict tokens; name a model of a class …ForCausalLM", m.dir, class)
	case !there && !or(f.Tied, true):
		return fmt.Errorf("%s: config.json sets tie_word_embeddings to false, and the weights hold no lm_head.weight; "+
			"set it to true or restore the tensor", m.dir)
	case !there:
		m.Config.Tied = true
	case m.Config.Tied:
		same, err := m.same(head, m.names.of(embeddingName))
		if err != nil || same {
			return err
		}
		m.Config.Tied = false
		m.Notes = append(m.Notes, fmt.Sprintf("%s: the head differs from the embedding and counts, although "+
			"tie_word_embeddings says that they are one; set it to false", m.dir))
	}
	return nil
}

// same reports whether two tensors hold the same numbers. One that is not there, or is of another shape,
// is another.
func (m *Model) same(a, b string) (bool, error) {
	x, _ := m.files.Info(a)
	y, _ := m.files.Info(b)
	if !slices.Equal(x.Shape, y.Shape) {
		return false, nil
	}
	if x.DType == y.DType {
		equal := false
		err := mapped.Guard(func() error {
			equal = bytes.Equal(m.files.Bytes(a), m.files.Bytes(b))
			return nil
		})
		if err != nil {
			return false, fmt.Errorf("reading %s: %w", m.files.Path(a), err)
		}
		return equal, nil
	}
	const most = 1 << 16 // numbers at a time
	v, w := make([]float64, min(most, x.Elements)), make([]float64, min(most, x.Elements))
	for at := 0; at < x.Elements; at += most {
		n := min(most, x.Elements-at)
		if err := safetensors.ReadFrom(m.files, a, at, v[:n]); err != nil {
			return false, err
		}
		if err := safetensors.ReadFrom(m.files, b, at, w[:n]); err != nil {
			return false, err
		}
		if !slices.Equal(v[:n], w[:n]) {
			return false, nil
		}
	}
	return true, nil
}
