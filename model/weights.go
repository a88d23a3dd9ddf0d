package model

import (
	"fmt"
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor"
	"spell/tensor/rng"
)

// A Kind groups parameters that are initialised and decayed alike.
type Kind uint8

// The kinds of parameters. Residual matrices write into the residual stream.
const (
	Embedding Kind = iota
	Matrix
	Residual
	Bias
	Norm
)

// A Shape is a parameter's Hugging Face name, its size (norms and biases are one row) and kind.
type Shape struct {
	Name       string
	Rows, Cols int
	Kind       Kind
}

// Shapes lists the parameters of a configuration in the order in which they are stored.
func Shapes(c *Config) []Shape {
	s := []Shape{{"model.embed_tokens.weight", c.Vocab, c.Hidden, Embedding}}
	for l := range c.Layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		s = append(s,
			Shape{p + "input_layernorm.weight", 1, c.Hidden, Norm},
			Shape{p + "self_attn.q_proj.weight", c.QDim(), c.Hidden, Matrix},
			Shape{p + "self_attn.k_proj.weight", c.KVDim(), c.Hidden, Matrix},
			Shape{p + "self_attn.v_proj.weight", c.KVDim(), c.Hidden, Matrix},
			Shape{p + "self_attn.o_proj.weight", c.Hidden, c.QDim(), Residual},
			Shape{p + "post_attention_layernorm.weight", 1, c.Hidden, Norm},
			Shape{p + "mlp.gate_proj.weight", c.FF, c.Hidden, Matrix},
			Shape{p + "mlp.up_proj.weight", c.FF, c.Hidden, Matrix},
			Shape{p + "mlp.down_proj.weight", c.Hidden, c.FF, Residual})
		if c.QKVBias {
			s = append(s,
				Shape{p + "self_attn.q_proj.bias", 1, c.QDim(), Bias},
				Shape{p + "self_attn.k_proj.bias", 1, c.KVDim(), Bias},
				Shape{p + "self_attn.v_proj.bias", 1, c.KVDim(), Bias})
		}
		if c.QKNorm {
			s = append(s,
				Shape{p + "self_attn.q_norm.weight", 1, c.HeadDim, Norm},
				Shape{p + "self_attn.k_norm.weight", 1, c.HeadDim, Norm})
		}
	}
	s = append(s, Shape{"model.norm.weight", 1, c.Hidden, Norm})
	if !c.Tied {
		s = append(s, Shape{"lm_head.weight", c.Vocab, c.Hidden, Matrix})
	}
	return s
}

// A Param is one parameter: what products read, and, when it is trained, its gradient, the
// master copy the optimizer works on (W itself unless W is bf16) and the two moments.
type Param struct {
	Shape
	W            tensor.Mat // Precision.Weight, or Acc beside I8
	Grad, Master tensor.Mat // Precision.Acc; zero when not trained
	M, V         tensor.Mat // as Precision.Moments says; zero when not trained
}

// A Block is one layer's parameters; biases and q/k norms are nil where the family has none.
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
	Embed, Norm, Head *Param // Head is Embed where tied
	Blocks            []Block
	Params            []*Param // all, in the order of Shapes

	Rotary kernels.Rotary
	arenas []*tensor.Arena
}

// NewWeights maps the parameters of c, and what training them takes if train. Their values are
// zero; the caller initialises or loads them. Int8 weights cannot be trained.
func NewWeights(b kernels.Backend, c Config, p Precision, train bool) (*Weights, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if train && p.Weight == tensor.I8 {
		return nil, fmt.Errorf("int8 weights cannot be trained: an update is smaller than their steps")
	}
	w := &Weights{Config: c, Precision: p}
	w.Rotary, _ = c.Rope.Rotary(c.HeadDim) // Validate has tried it
	shapes := Shapes(&c)
	// The parameters lie in one arena, what the optimizer keeps in another, gradients in a third.
	take := func(name string, types func(Kind) []tensor.DType, each func(i int, m []tensor.Mat)) error {
		size := 0
		for _, s := range shapes {
			for _, t := range types(s.Kind) {
				size += tensor.Bytes(t, s.Rows, s.Cols)
			}
		}
		a, err := b.Alloc(name, size)
		if err != nil {
			return err
		}
		w.arenas = append(w.arenas, a)
		for i, s := range shapes {
			var m []tensor.Mat
			for _, t := range types(s.Kind) {
				m = append(m, a.New(t, s.Rows, s.Cols))
			}
			each(i, m)
		}
		return nil
	}
	w.Params = make([]*Param, len(shapes))
	list := func(t ...tensor.DType) func(Kind) []tensor.DType { return func(Kind) []tensor.DType { return t } }
	err := take("weights", func(k Kind) []tensor.DType { return []tensor.DType{p.weight(k)} },
		func(i int, m []tensor.Mat) { w.Params[i] = &Param{Shape: shapes[i], W: m[0]} })
	if err == nil && train {
		err = take("gradients", list(p.Acc), func(i int, m []tensor.Mat) { w.Params[i].Grad = m[0] })
	}
	if err == nil && train {
		first, second := p.moments()
		types := []tensor.DType{first, second}
		if p.Weight != p.Acc {
			types = append(types, p.Acc)
		}
		err = take("optimizer", list(types...), func(i int, m []tensor.Mat) {
			q := w.Params[i]
			q.M, q.V, q.Master = m[0], m[1], q.W
			if len(m) == 3 {
				q.Master = m[2]
			}
		})
	}
	if err != nil {
		w.Free()
		return nil, err
	}
	w.wire()
	return w, nil
}

// Int8 maps a copy of w with int8 weights, to generate with while w is trained.
func (w *Weights) Int8(b kernels.Backend) (*Weights, error) {
	q, err := NewWeights(b, w.Config, Int8, false)
	if err != nil {
		return nil, err
	}
	q.Follow(b, w)
	return q, nil
}

// Follow makes q, from Int8, the copy of w that it was before w changed.
func (q *Weights) Follow(b kernels.Backend, w *Weights) {
	for i, p := range q.Params {
		if p.W.Type == tensor.I8 {
			b.Quantize(p.W, w.Params[i].W)
		} else {
			b.Copy(p.W, w.Params[i].W)
		}
	}
}

// wire points the fields at the parameters by name.
func (w *Weights) wire() {
	byName := make(map[string]*Param, len(w.Params))
	for _, p := range w.Params {
		byName[p.Name] = p
	}
	w.Embed, w.Norm, w.Head = byName["model.embed_tokens.weight"], byName["model.norm.weight"], byName["lm_head.weight"]
	if w.Tied {
		w.Head = w.Embed
	}
	w.Blocks = make([]Block, w.Layers)
	for l := range w.Blocks {
		at := func(name string) *Param { return byName[fmt.Sprintf("model.layers.%d.%s", l, name)] }
		w.Blocks[l] = Block{
			AttnNorm: at("input_layernorm.weight"),
			Q:        at("self_attn.q_proj.weight"), K: at("self_attn.k_proj.weight"),
			V: at("self_attn.v_proj.weight"), O: at("self_attn.o_proj.weight"),
			QBias: at("self_attn.q_proj.bias"), KBias: at("self_attn.k_proj.bias"), VBias: at("self_attn.v_proj.bias"),
			QNorm: at("self_attn.q_norm.weight"), KNorm: at("self_attn.k_norm.weight"),
			MLPNorm: at("post_attention_layernorm.weight"),
			Gate:    at("mlp.gate_proj.weight"), Up: at("mlp.up_proj.weight"), Down: at("mlp.down_proj.weight"),
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

// Trained says whether the weights have gradients and moments.
func (w *Weights) Trained() bool { return !w.Params[0].Grad.IsZero() }

// Set writes values, in the host's order of rows, to a parameter and its master copy.
func Set[T tensor.Float](b kernels.Backend, p *Param, values []T) { SetRows(b, p, 0, values) }

// SetRows is Set of the rows from one on that values hold.
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

// An Init gives the standard deviations of fresh weights: of the embedding itself, of the
// other matrices times sqrt(fan-in). Norms start at 1, biases at 0.
//
// A small decoder needs a large embedding and small residual matrices, or its layers drown the
// identity of the tokens before there is anything to copy.
type Init struct {
	Embedding float64 `json:"embedding" doc:"standard deviation of embeddings"`
	Matrix    float64 `json:"matrix" doc:"of matrices, times the root of their inputs"`
	Residual  float64 `json:"residual" doc:"factor on those that write to the residual stream"`
}

// Initialize fills fresh weights from the seed.
func (w *Weights) Initialize(b kernels.Backend, seed uint64, in Init) {
	var v []float32
	for i, p := range w.Params {
		r := rng.At(seed, rng.Init, uint64(i), 0, 0)
		mean, std := 0.0, 0.0
		switch p.Kind {
		case Embedding:
			std = in.Embedding
		case Matrix:
			std = in.Matrix / math.Sqrt(float64(p.Cols))
		case Residual:
			std = in.Residual / math.Sqrt(float64(p.Cols))
		case Norm:
			mean = 1
		}
		for from, to := range kernels.Pieces(p.Rows, p.Cols) {
			n := (to - from) * p.Cols
			v = slices.Grow(v[:0], n)[:n]
			for j := range v {
				v[j] = float32(mean)
				if std > 0 {
					v[j] = float32(std * r.Normal())
				}
			}
			SetRows(b, p, from, v)
		}
	}
}
