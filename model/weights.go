package model

import (
	"fmt"

	"spell/kernels"
	"spell/tensor"
)

// A Param is one parameter, as matrices of its Shape: what products read and, if it is trained, its
// gradient, the master copy that the optimizer works on (W itself unless W is bf16) and two
// moments.
type Param struct {
	Shape
	W            tensor.Mat // Precision.Weight; norms and biases are Acc if that is I8
	Grad, Master tensor.Mat // Precision.Acc; zero if not trained
	M, V         tensor.Mat // as Precision.Moments says; zero if not trained
}

// A Block is one layer's parameters, of the sizes that blockParams lists; biases and q/k norms are
// nil in families without.
type Block struct {
	AttnNorm, Q, K, V, O    *Param
	QBias, KBias, VBias     *Param
	QNorm, KNorm            *Param
	MLPNorm, Gate, Up, Down *Param
}

// Weights are a model's parameters in a backend's memory.
type Weights struct {
	Config
	Precision
	Embed, Norm, Head *Param // Head is Embed if tied
	Blocks            []Block
	Params            []*Param // all, in the order of Shapes

	Rotary kernels.Rotary
	arenas []*tensor.Arena
}

// A Purpose says what weights are mapped for.
type Purpose uint8

// The purposes. Training adds gradients, moments and, if Precision.Weight is not Acc, master
// copies.
const (
	Inference Purpose = iota
	Training
)

// NewWeights maps the parameters of c for a purpose. Their values are zero; the caller initialises
// or loads them. Int8 weights cannot be trained.
func NewWeights(b kernels.Backend, c Config, p Precision, purpose Purpose) (*Weights, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if purpose == Training && p.Weight == tensor.I8 {
		return nil, fmt.Errorf("int8 weights cannot be trained: an update is smaller than their steps")
	}
	w := &Weights{Config: c, Precision: p}
	w.Rotary, _ = c.Rope.Rotary(c.HeadDim) // Validate has tried it
	for _, s := range Shapes(&c) {
		w.Params = append(w.Params, &Param{Shape: s})
	}
	err := w.alloc(b, "weights", func(q *Param) []field { return []field{{&q.W, p.weight(q.Kind)}} })
	if err == nil && purpose == Training {
		err = w.allocTraining(b)
	}
	if err != nil {
		w.Free()
		return nil, err
	}
	w.wire()
	return w, nil
}

// allocTraining maps what training takes: gradients in one arena, what the optimizer keeps in
// another.
func (w *Weights) allocTraining(b kernels.Backend) error {
	err := w.alloc(b, "gradients", func(q *Param) []field { return []field{{&q.Grad, w.Acc}} })
	if err != nil {
		return err
	}
	first, second := w.MomentTypes()
	return w.alloc(b, "optimizer", func(q *Param) []field {
		f := []field{{&q.M, first}, {&q.V, second}}
		if w.Weight != w.Acc {
			return append(f, field{&q.Master, w.Acc})
		}
		q.Master = q.W
		return f
	})
}

// A field is a matrix of a parameter, of the parameter's shape, and the type to map it in.
type field struct {
	at *tensor.Mat
	t  tensor.DType
}

// alloc maps fields of every parameter in one arena.
func (w *Weights) alloc(b kernels.Backend, name string, fields func(*Param) []field) error {
	size := 0
	for _, q := range w.Params {
		for _, f := range fields(q) {
			size += tensor.Bytes(f.t, q.Rows, q.Cols)
		}
	}
	a, err := b.Alloc(name, size)
	if err != nil {
		return err
	}
	w.arenas = append(w.arenas, a)
	for _, q := range w.Params {
		for _, f := range fields(q) {
			*f.at = a.New(f.t, q.Rows, q.Cols)
		}
	}
	return nil
}

// Int8 maps a copy of w with int8 weights, to generate with while w is trained.
func (w *Weights) Int8(b kernels.Backend) (*Weights, error) {
	q, err := NewWeights(b, w.Config, Int8, Inference)
	if err != nil {
		return nil, err
	}
	q.CopyFrom(b, w)
	return q, nil
}

// CopyFrom quantizes w again into q, which came from w.Int8.
func (q *Weights) CopyFrom(b kernels.Backend, w *Weights) {
	for i, p := range q.Params {
		if p.W.Type == tensor.I8 {
			b.Quantize(p.W, w.Params[i].W)
		} else {
			b.Copy(p.W, w.Params[i].W)
		}
	}
}

// Free unmaps the parameters.
func (w *Weights) Free() {
	for _, a := range w.arenas {
		a.Free()
	}
	w.arenas = nil
}

// Trained reports whether the weights have gradients and moments.
func (w *Weights) Trained() bool { return !w.Params[0].Grad.IsZero() }

// Set writes values, row after row, to a parameter and its master copy.
func Set[T tensor.Float](b kernels.Backend, p *Param, values []T) { SetRows(b, p, 0, values) }

// SetRows writes values, whole rows, to the rows of a parameter from index from on.
func SetRows[T tensor.Float](b kernels.Backend, p *Param, from int, values []T) {
	to := from + len(values)/p.Cols
	if p.W.Type == tensor.I8 {
		kernels.UploadInt8(b, p.W.Slice(from, to), values)
		return
	}
	kernels.Upload(b, p.W.Slice(from, to), values)
	if !p.Master.IsZero() && p.Master != p.W {
		kernels.Upload(b, p.Master.Slice(from, to), values)
	}
}
