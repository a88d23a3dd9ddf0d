package model

import "fmt"

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
	table := []param{{Shape{"model.embed_tokens.weight", c.Vocab, c.Hidden, Embedding},
		func(w *Weights) **Param { return &w.Embed }}}
	for l := range c.Layers {
		for _, p := range blockParams(c) {
			p.Name = fmt.Sprintf("model.layers.%d.%s", l, p.Name)
			table = append(table, param{p.Shape, func(w *Weights) **Param { return p.field(&w.Blocks[l]) }})
		}
	}
	table = append(table, param{Shape{"model.norm.weight", 1, c.Hidden, Norm},
		func(w *Weights) **Param { return &w.Norm }})
	if !c.Tied {
		table = append(table, param{Shape{"lm_head.weight", c.Vocab, c.Hidden, Matrix},
			func(w *Weights) **Param { return &w.Head }})
	}
	return table
}

// A blockParam is a row of the table of a block's parameters. The name follows that of the block.
type blockParam struct {
	Shape
	field func(*Block) **Param
}

// blockParams returns the table of the parameters of one block.
func blockParams(c *Config) []blockParam {
	h, q, kv, dim, ff := c.Hidden, c.QDim(), c.KVDim(), c.HeadDim, c.FF
	table := []blockParam{
		{Shape{"input_layernorm.weight", 1, h, Norm}, func(b *Block) **Param { return &b.AttnNorm }},
		{Shape{"self_attn.q_proj.weight", q, h, Matrix}, func(b *Block) **Param { return &b.Q }},
		{Shape{"self_attn.k_proj.weight", kv, h, Matrix}, func(b *Block) **Param { return &b.K }},
		{Shape{"self_attn.v_proj.weight", kv, h, Matrix}, func(b *Block) **Param { return &b.V }},
		{Shape{"self_attn.o_proj.weight", h, q, Residual}, func(b *Block) **Param { return &b.O }},
		{Shape{"post_attention_layernorm.weight", 1, h, Norm}, func(b *Block) **Param { return &b.MLPNorm }},
		{Shape{"mlp.gate_proj.weight", ff, h, Matrix}, func(b *Block) **Param { return &b.Gate }},
		{Shape{"mlp.up_proj.weight", ff, h, Matrix}, func(b *Block) **Param { return &b.Up }},
		{Shape{"mlp.down_proj.weight", h, ff, Residual}, func(b *Block) **Param { return &b.Down }},
	}
	if c.QKVBias {
		table = append(table,
			blockParam{Shape{"self_attn.q_proj.bias", 1, q, Bias}, func(b *Block) **Param { return &b.QBias }},
			blockParam{Shape{"self_attn.k_proj.bias", 1, kv, Bias}, func(b *Block) **Param { return &b.KBias }},
			blockParam{Shape{"self_attn.v_proj.bias", 1, kv, Bias}, func(b *Block) **Param { return &b.VBias }})
	}
	if c.QKNorm {
		table = append(table,
			blockParam{Shape{"self_attn.q_norm.weight", 1, dim, Norm}, func(b *Block) **Param { return &b.QNorm }},
			blockParam{Shape{"self_attn.k_norm.weight", 1, dim, Norm}, func(b *Block) **Param { return &b.KNorm }})
	}
	return table
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
