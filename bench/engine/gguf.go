package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"

	"spell/model"
	modelgguf "spell/model/gguf"
	"spell/tensor"
	"spell/tensor/gguf"
)

// ggmlOf returns the type of matrices that stands beside a precision.
func ggmlOf(p model.Precision) gguf.Type {
	switch p.Weight {
	case tensor.BF16:
		return gguf.BF16
	case tensor.I8:
		return gguf.Q8_0
	}
	return gguf.F32
}

// ggufFile writes a GGUF file with random weights, unless one of that configuration is there. It has no
// tokenizer, only a number of tokens.
func ggufFile(path string, c *model.Config, name string, t gguf.Type) error {
	for _, s := range model.Shapes(c) {
		if matrix := s.Kind != model.Norm && s.Kind != model.Bias; matrix && !t.Holds(s.Cols) {
			return fmt.Errorf("%s has rows of %d numbers, which are no whole blocks of %v", s.Name, s.Cols, t)
		}
	}
	if m, err := modelgguf.Open(path); err == nil {
		same := m.Config
		same.InitRange, same.Rope.Type = c.InitRange, c.Rope.Type
		if m.Close(); reflect.DeepEqual(same, *c) {
			return nil
		}
	}
	return modelgguf.Write(path, c, random(), t, []gguf.Pair{{Name: "general.name", Value: name},
		{Name: "tokenizer.ggml.model", Value: "no_vocab"}})
}

// random returns the numbers of a fresh model: matrices in which some ten thousand repeat, norms of 1
// and biases of 0. They take no memory to speak of.
func random() model.Rows {
	var period []float32
	last := ""
	return func(v []float32, s model.Shape, from, _ int) error {
		if s.Name != last {
			period, last = values(s), s.Name
		}
		at := from * s.Cols % len(period)
		for n := 0; n < len(v); at = 0 {
			n += copy(v[n:], period[at:])
		}
		return nil
	}
}

// values returns what repeats in a parameter.
func values(s model.Shape) []float32 {
	switch s.Kind {
	case model.Norm:
		return []float32{1}
	case model.Bias:
		return []float32{0}
	}
	v := make([]float32, 1<<16+1) // no multiple of a row, so that few are alike
	r := rand.New(rand.NewPCG(uint64(s.Rows), uint64(s.Cols)))
	for i := range v {
		v[i] = float32(r.NormFloat64() / math.Sqrt(float64(s.Cols)))
	}
	return v
}
