package model

import (
	"fmt"

	"spell/kernels"
	"spell/tensor"
)

// Rows sets v to rows [from, to) of a parameter. It is what a file is written from: weights in memory, or
// another file.
type Rows func(v []float32, s Shape, from, to int) error

// Rows returns the most precise values of the weights, their master copies if they have some. It is for
// one goroutine.
func (w *Weights) Rows(b kernels.Backend) Rows {
	params := make(map[string]*Param, len(w.Params))
	for _, p := range w.Params {
		params[p.Name] = p
	}
	return func(v []float32, s Shape, from, to int) error {
		p, ok := params[s.Name]
		if !ok {
			return fmt.Errorf("the weights have no parameter %s", s.Name)
		}
		m := p.Stored()
		kernels.Download(b, v, m.Slice(from, to))
		return nil
	}
}

// Rows returns what read reads. It is for one goroutine.
func (read RowReader) Rows() Rows {
	var raw []byte
	return func(v []float32, s Shape, from, to int) error {
		var t tensor.DType
		var err error
		if raw, t, err = read(raw[:0], s, from, to); err != nil {
			return err
		}
		tensor.Decode(v, t, raw)
		return nil
	}
}
