package model

import (
	"fmt"
	"strings"
)

// A Kind groups parameters that are initialised and decayed alike.
type Kind uint8

// The kinds of parameters. Residual matrices write into the residual stream; a Router chooses
// experts; A and B are those of LoRA.
const (
	Embedding Kind = iota
	Matrix
	Residual
	Bias
	Norm
	Router
	AdapterA
	AdapterB
)

// A Shape is a parameter's Hugging Face name, its size (norms and biases are one row) and kind.
type Shape struct {
	Name       string
	Rows, Cols int
	Kind       Kind
	Experts    int // whose matrices the rows stack; 0 if the parameter is one matrix
}

// A Tensor is a tensor of a Hugging Face model: some rows of a parameter.
type Tensor struct {
	Name      string
	Row, Rows int // the first row of the parameter and their number
}

// Tensors lists the tensors that a Hugging Face model has for the parameter, in the order of its
// rows: one for each expert, else one.
func (s *Shape) Tensors() []Tensor {
	if s.Experts == 0 {
		return []Tensor{{s.Name, 0, s.Rows}}
	}
	list, n := make([]Tensor, s.Experts), s.Rows/s.Experts
	for e := range list {
		name := strings.Replace(s.Name, ".experts.", fmt.Sprintf(".experts.%d.", e), 1)
		list[e] = Tensor{name, e * n, n}
	}
	return list
}

// Shapes lists the parameters of a configuration in the order in which they are stored.
func Shapes(c *Config) []Shape {
	var shapes []Shape
	for _, p := range params(c) {
		shapes = append(shapes, p.Shape)
	}
	return shapes
}

// A param is a row of the table of parameters: what a parameter is and where it goes.
type param struct {
	Shape
	field func(*Weights) **Param
}

// params returns the table of a configuration's parameters, in the order in which they are stored.
func params(c *Config) []param {
	table := []param{{shape("model.embed_tokens.weight", c.Vocab, c.Hidden, Embedding),
		func(w *Weights) **Param { return &w.Embed }}}
	for l := range c.Layers {
		for _, p := range blockParams(c, l) {
			p.Name = fmt.Sprintf("model.layers.%d.%s", l, p.Name)
			table = append(table, param{p.Shape, func(w *Weights) **Param { return p.field(&w.Blocks[l]) }})
		}
	}
	table = append(table, param{shape("model.norm.weight", 1, c.Hidden, Norm),
		func(w *Weights) **Param { return &w.Norm }})
	if !c.Tied {
		table = append(table, param{shape("lm_head.weight", c.Vocab, c.Hidden, Matrix),
			func(w *Weights) **Param { return &w.Head }})
	}
	return table
}

// A blockParam is a row of the table of a block's parameters. The name follows that of the block.
type blockParam struct {
	Shape
	field func(*Block) **Param
}

// blockParams returns the table of the parameters of block l.
func blockParams(c *Config, l int) []blockParam {
	h, q, kv, dim := c.Hidden, c.QDim(), c.KVDim(), c.HeadDim
	table := []blockParam{
		{shape("input_layernorm.weight", 1, h, Norm), func(b *Block) **Param { return &b.AttnNorm }},
		{shape("self_attn.q_proj.weight", q, h, Matrix), func(b *Block) **Param { return &b.Q }},
		{shape("self_attn.k_proj.weight", kv, h, Matrix), func(b *Block) **Param { return &b.K }},
		{shape("self_attn.v_proj.weight", kv, h, Matrix), func(b *Block) **Param { return &b.V }},
		{shape("self_attn.o_proj.weight", h, q, Residual), func(b *Block) **Param { return &b.O }},
		{shape("post_attention_layernorm.weight", 1, h, Norm), func(b *Block) **Param { return &b.MLPNorm }},
	}
	if c.MoELayer(l) {
		table = append(table, expertParams(c)...)
	} else {
		table = append(table, mlpParams(c)...)
	}
	if c.QKVBias {
		table = append(table,
			blockParam{shape("self_attn.q_proj.bias", 1, q, Bias), func(b *Block) **Param { return &b.QBias }},
			blockParam{shape("self_attn.k_proj.bias", 1, kv, Bias), func(b *Block) **Param { return &b.KBias }},
			blockParam{shape("self_attn.v_proj.bias", 1, kv, Bias), func(b *Block) **Param { return &b.VBias }})
	}
	if c.QKNorm {
		table = append(table,
			blockParam{shape("self_attn.q_norm.weight", 1, dim, Norm), func(b *Block) **Param { return &b.QNorm }},
			blockParam{shape("self_attn.k_norm.weight", 1, dim, Norm), func(b *Block) **Param { return &b.KNorm }})
	}
	if c.OBias {
		table = append(table,
			blockParam{shape("self_attn.o_proj.bias", 1, h, Bias), func(b *Block) **Param { return &b.OBias }})
	}
	if c.MLPBias && !c.MoELayer(l) {
		ff := c.FF
		table = append(table,
			blockParam{shape("mlp.gate_proj.bias", 1, ff, Bias), func(b *Block) **Param { return &b.GateBias }},
			blockParam{shape("mlp.up_proj.bias", 1, ff, Bias), func(b *Block) **Param { return &b.UpBias }},
			blockParam{shape("mlp.down_proj.bias", 1, h, Bias), func(b *Block) **Param { return &b.DownBias }})
	}
	return table
}

// mlpParams returns the table of the parameters of a dense MLP.
func mlpParams(c *Config) []blockParam {
	h, ff := c.Hidden, c.FF
	return []blockParam{
		{shape("mlp.gate_proj.weight", ff, h, Matrix), func(b *Block) **Param { return &b.Gate }},
		{shape("mlp.up_proj.weight", ff, h, Matrix), func(b *Block) **Param { return &b.Up }},
		{shape("mlp.down_proj.weight", h, ff, Residual), func(b *Block) **Param { return &b.Down }},
	}
}

// expertParams returns the table of the parameters of a mixture of experts.
func expertParams(c *Config) []blockParam {
	h, n, ff := c.Hidden, c.Experts, c.ExpertFF
	stack := func(name string, rows, cols int, k Kind) Shape {
		return Shape{"mlp.experts." + name, n * rows, cols, k, n}
	}
	return []blockParam{
		{shape("mlp.gate.weight", n, h, Router), func(b *Block) **Param { return &b.Router }},
		{stack("gate_proj.weight", ff, h, Matrix), func(b *Block) **Param { return &b.ExpertGate }},
		{stack("up_proj.weight", ff, h, Matrix), func(b *Block) **Param { return &b.ExpertUp }},
		{stack("down_proj.weight", h, ff, Residual), func(b *Block) **Param { return &b.ExpertDown }},
	}
}

// shape returns the Shape of a parameter that is one matrix.
func shape(name string, rows, cols int, k Kind) Shape {
	return Shape{Name: name, Rows: rows, Cols: cols, Kind: k}
}

// wire points the fields of w at its parameters.
func (w *Weights) wire() {
	w.Blocks = make([]Block, w.Layers)
	for i, p := range params(&w.Config) {
		*p.field(w) = w.Params[i]
	}
	if w.Tied {
		w.Head = w.Embed
	}
}
