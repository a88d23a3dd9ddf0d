// Package hidden makes vectors of texts by a language model: the mean of its last hidden states over their
// tokens.
package hidden

import (
	"context"
	"errors"
	"math"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/tokenizer"
)

// Batch is how many tokens a pass takes, and window how many of a text the model reads at once, at most.
const (
	Batch  = 2048
	window = 1024
)

// A Model makes vectors. It is for one goroutine.
type Model struct {
	d     *model.Decoder
	tok   *tokenizer.Tokenizer
	begin []int32 // what goes before every text
	size  int     // tokens of a text that are read at once
}

// New returns what makes vectors by weights and their tokenizer. The weights are its caller's.
func New(b kernels.Backend, w *model.Weights, tok *tokenizer.Tokenizer) (*Model, error) {
	m := &Model{tok: tok, begin: tok.Begin()}
	if m.size = min(w.Context, window) - len(m.begin); m.size < 1 {
		return nil, errors.New("the context of the model has no room for a text")
	}
	var err error
	m.d, err = model.NewScorer(b, w, forest.Limits{Batch: Batch})
	return m, err
}

// Free unmaps the scratch.
func (m *Model) Free() error { return m.d.Free() }

// Dims returns the length of a vector.
func (m *Model) Dims() int { return m.d.W.Hidden }

// Means sets out to the vectors of texts, one behind another: the mean over all tokens but those before a
// text. A text that is longer than the model reads at once is read in windows of even size. What comes of a
// text does not depend on the others.
func (m *Model) Means(ctx context.Context, texts []string, out []float32) error {
	var sequences [][]int32
	var of []int // which text a sequence is of
	counts := make([]int, len(texts))
	for i, ids := range m.tok.EncodeAll(texts) {
		counts[i] = len(ids)
		for n := (len(ids) + m.size - 1) / m.size; n > 0; n-- {
			size := (len(ids) + n - 1) / n
			sequence := append(append([]int32{}, m.begin...), ids[:size]...)
			sequences, of, ids = append(sequences, sequence), append(of, i), ids[size:]
		}
	}
	dims := m.Dims()
	sums := make([]float64, len(texts)*dims)
	err := m.d.Hidden(ctx, sequences, func(i int, rows []float32) {
		sum := sums[of[i]*dims:][:dims]
		for k, x := range rows[len(m.begin)*dims:] {
			sum[k%dims] += float64(x)
		}
	})
	if err != nil {
		return err
	}
	for k, x := range sums {
		out[k] = float32(x / float64(max(1, counts[k/dims])))
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return errors.New("the hidden states of the model are not finite; use another model, or --precision f32")
		}
	}
	return nil
}
