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
	W            tensor.Mat // Precision.Weight; norms, biases and routers are Acc if that is I8, adapters are Act
	Grad, Master tensor.Mat // Precision.Acc; zero if not trained
	M, V         tensor.Mat // as Precision.Moments says; zero if not trained

	Adapter *Adapter // what is added to the matrix; nil if nothing is
}

// A Block is one layer's parameters, of the sizes that blockParams lists; biases and q/k norms are
// nil in families without. A layer has a dense MLP or a mixture of experts, and the parameters of
// the other are nil. Those of all experts are stacked, expert after expert.
type Block struct {
	AttnNorm, Q, K, V, O    *Param
	QBias, KBias, VBias     *Param
	QNorm, KNorm            *Param
	MLPNorm, Gate, Up, Down *Param

	OBias, GateBias, UpBias, DownBias *Param

	Router                           *Param
	ExpertGate, ExpertUp, ExpertDown *Param
}

// Weights are a model's parameters in a backend's memory.
type Weights struct {
	Config
	Precision
	Embed, Norm, Head *Param // Head is Embed if tied
	Blocks            []Block
	Params            []*Param          // all, in the order of Shapes
	Carried           map[string][]byte // other files of a folder they came from, for folders they are saved to
	Notes             []string          // sentences about what the files that were loaded have and the model has not

	LoRA     *LoRA    // of all adapters; nil if there are none, or they differ from each other
	adapters []*Param // A and B of every matrix that has an adapter

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
	err := w.alloc(b, "weights", w.Params, func(q *Param) []field { return []field{{&q.W, p.weight(q.Kind)}} })
	if err == nil && purpose == Training {
		err = w.allocTraining(b, w.Params, w.Weight)
	}
	if err != nil {
		w.Free()
		return nil, err
	}
	w.wire()
	return w, nil
}

// allocTraining maps what training parameters of type t takes: gradients in one arena, what the
// optimizer keeps in another.
func (w *Weights) allocTraining(b kernels.Backend, list []*Param, t tensor.DType) error {
	err := w.alloc(b, "gradients", list, func(q *Param) []field { return []field{{&q.Grad, w.Acc}} })
	if err != nil {
		return err
	}
	first, second := w.MomentTypes()
	in := b.Alloc
	if host, ok := b.(kernels.HostAllocator); ok && w.Offload {
		in = host.AllocHost
	}
	return w.allocIn(in, "optimizer", list, func(q *Param) []field {
		f := []field{{&q.M, first}, {&q.V, second}}
		if t != w.Acc {
			return append(f, field{&q.Master, w.Acc})
		}
		q.Master = q.W
		return f
	})
}

// NewLearner maps weights to be trained: all of them or, if lora is not nil, frozen ones with adapters.
func NewLearner(b kernels.Backend, c Config, p Precision, lora *LoRA) (*Weights, error) {
	if lora == nil {
		return NewWeights(b, c, p, Training)
	}
	w, err := NewWeights(b, c, p, Inference)
	if err == nil {
		if err = w.Adapt(b, *lora, Training); err != nil {
			w.Free()
		}
	}
	return w, err
}

// A field is a matrix of a parameter, of the parameter's shape, and the type to map it in.
type field struct {
	at *tensor.Mat
	t  tensor.DType
}

// alloc maps fields of every parameter in a list in one arena.
func (w *Weights) alloc(b kernels.Backend, name string, list []*Param, fields func(*Param) []field) error {
	return w.allocIn(b.Alloc, name, list, fields)
}

// allocIn is alloc in an arena that in maps.
func (w *Weights) allocIn(in func(string, int) (*tensor.Arena, error), name string, list []*Param,
	fields func(*Param) []field) error {

	size := 0
	for _, q := range list {
		for _, f := range fields(q) {
			size += tensor.Bytes(f.t, q.Rows, q.Cols)
		}
	}
	a, err := in(name, size)
	if err != nil {
		return err
	}
	w.arenas = append(w.arenas, a)
	for _, q := range list {
		for _, f := range fields(q) {
			*f.at = a.New(f.t, q.Rows, q.Cols)
		}
	}
	return nil
}

// Int8 maps a copy of w with int8 weights, to generate with while w is trained. Adapters are not
// copied: weights that have some are frozen, and can be int8 themselves.
func (w *Weights) Int8(b kernels.Backend) (*Weights, error) {
	if len(w.adapters) > 0 {
		return nil, fmt.Errorf("weights with adapters are not copied in int8; load them so, with --base int8")
	}
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

// Trained reports whether the weights, or their adapters, have gradients and moments.
func (w *Weights) Trained() bool { return len(w.Trainable()) > 0 }

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
	if hasMaster(p) {
		kernels.Upload(b, p.Master.Slice(from, to), values)
	}
}
