package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"

	"spell/model"
	"spell/tensor"
)

// A ggmlType is the type of a tensor in a GGUF file.
type ggmlType uint32

// The types that our precisions have a counterpart for. A block of
// Q8_0 is a scale in f16 and 32 integers.
const (
	ggmlF32  ggmlType = 0
	ggmlQ8   ggmlType = 8
	ggmlBF16 ggmlType = 30
)

const q8Run = 32

// ggmlOf is the type of matrices that stands beside a precision.
func ggmlOf(p model.Precision) ggmlType {
	switch p.Weight {
	case tensor.BF16:
		return ggmlBF16
	case tensor.I8:
		return ggmlQ8
	}
	return ggmlF32
}

// bytes is the size of n elements.
func (t ggmlType) bytes(n int) int {
	switch t {
	case ggmlBF16:
		return 2 * n
	case ggmlQ8:
		return n / q8Run * (2 + q8Run)
	}
	return 4 * n
}

// encode writes a multiple of q8Run numbers.
func (t ggmlType) encode(v []float32) []byte {
	switch t {
	case ggmlBF16, ggmlF32:
		d := tensor.F32
		if t == ggmlBF16 {
			d = tensor.BF16
		}
		b := make([]byte, t.bytes(len(v)))
		tensor.Encode(b, d, v)
		return b
	}
	var b []byte
	for ; len(v) > 0; v = v[q8Run:] {
		top := 0.0
		for _, x := range v[:q8Run] {
			top = max(top, math.Abs(float64(x)))
		}
		half := make([]byte, 2)
		tensor.Encode(half, tensor.F16, []float32{float32(top / 127)})
		b = append(b, half...)
		for _, x := range v[:q8Run] {
			q := 0.0
			if top > 0 {
				q = math.Round(float64(x) * 127 / top)
			}
			b = append(b, byte(int8(q)))
		}
	}
	return b
}

// ggufAlign is what offsets of tensors are multiples of.
const ggufAlign = 32

// A ggufTensor is one of the file: its name there, and what the
// parameter is of which it takes the place.
type ggufTensor struct {
	name string
	model.Shape
	typ ggmlType
}

// ggufTensors lists the tensors of a model whose matrices have type t; norms and biases are f32.
func ggufTensors(c *model.Config, t ggmlType) ([]ggufTensor, error) {
	var list []ggufTensor
	for _, s := range model.Shapes(c) {
		e := ggufTensor{ggufName(s.Name), s, t}
		if e.name == "" {
			return nil, fmt.Errorf("GGUF files of this program have no place for %s", s.Name)
		}
		if s.Kind == model.Norm || s.Kind == model.Bias {
			e.typ = ggmlF32
		}
		if e.typ == ggmlQ8 && s.Cols%q8Run != 0 {
			return nil, fmt.Errorf("%s has rows of %d numbers; Q8_0 takes multiples of %d", s.Name, s.Cols, q8Run)
		}
		list = append(list, e)
	}
	return list, nil
}

// ggufName is llama.cpp's name of a parameter, "" where it has none.
func ggufName(name string) string {
	name = strings.NewReplacer(
		"model.embed_tokens.", "token_embd.", "model.norm.", "output_norm.", "lm_head.", "output.",
		"model.layers.", "blk.", "input_layernorm.", "attn_norm.", "post_attention_layernorm.", "ffn_norm.",
		"self_attn.q_proj.", "attn_q.", "self_attn.k_proj.", "attn_k.", "self_attn.v_proj.", "attn_v.",
		"self_attn.o_proj.", "attn_output.", "self_attn.q_norm.", "attn_q_norm.", "self_attn.k_norm.", "attn_k_norm.",
		"mlp.gate_proj.", "ffn_gate.", "mlp.up_proj.", "ffn_up.", "mlp.down_proj.", "ffn_down.").Replace(name)
	if strings.Contains(name, "proj") || strings.HasPrefix(name, "model.") {
		return ""
	}
	return name
}

// A ggufHead collects what comes before the tensors.
type ggufHead struct {
	bytes.Buffer
	keys uint64
}

func (h *ggufHead) put(v any) {
	if s, ok := v.(string); ok {
		h.put(uint64(len(s)))
		h.WriteString(s)
		return
	}
	binary.Write(h, binary.LittleEndian, v) // a Buffer takes everything
}

// key adds metadata: a string, a uint32 or a float32.
func (h *ggufHead) key(name string, v any) {
	h.put(name)
	switch v.(type) {
	case uint32:
		h.put(uint32(4))
	case float32:
		h.put(uint32(6))
	case string:
		h.put(uint32(8))
	}
	h.put(v)
	h.keys++
}

// metadata describes the model as llama.cpp reads it. There is no
// tokenizer, only a number of tokens.
func (h *ggufHead) metadata(c *model.Config, name string) {
	h.key("general.architecture", c.Family)
	h.key("general.name", name)
	h.key("general.alignment", uint32(ggufAlign))
	for _, k := range []struct {
		name string
		v    any
	}{
		{"vocab_size", uint32(c.Vocab)}, {"context_length", uint32(c.Context)}, {"block_count", uint32(c.Layers)},
		{"embedding_length", uint32(c.Hidden)}, {"feed_forward_length", uint32(c.FF)},
		{"attention.head_count", uint32(c.Heads)}, {"attention.head_count_kv", uint32(c.KVHeads)},
		{"attention.key_length", uint32(c.HeadDim)}, {"attention.value_length", uint32(c.HeadDim)},
		{"attention.layer_norm_rms_epsilon", float32(c.NormEps)},
		{"rope.dimension_count", uint32(c.HeadDim)}, {"rope.freq_base", float32(c.Rope.Theta)},
	} {
		h.key(c.Family+"."+k.name, k.v)
	}
	h.key("tokenizer.ggml.model", "no_vocab")
}

// writeGGUF writes a file of version 3 with random weights: matrices of type t, in which a few ten
// thousand numbers repeat, norms of 1 and biases of 0. It takes no memory to speak of.
func writeGGUF(to io.Writer, c *model.Config, name string, t ggmlType) error {
	list, err := ggufTensors(c, t)
	if err != nil {
		return err
	}
	var meta, head ggufHead
	meta.metadata(c, name)
	at := 0
	for _, e := range list {
		meta.put(e.name)
		dims := []uint64{uint64(e.Cols), uint64(e.Rows)} // from the innermost
		if e.Kind == model.Norm || e.Kind == model.Bias {
			dims = dims[:1]
		}
		meta.put(uint32(len(dims)))
		meta.put(dims)
		meta.put(uint32(e.typ))
		meta.put(uint64(at))
		at += aligned(e.typ.bytes(e.Rows * e.Cols))
	}
	head.WriteString("GGUF")
	head.put(uint32(3))
	head.put(uint64(len(list)))
	head.put(meta.keys)
	head.Write(meta.Bytes())
	head.Write(make([]byte, aligned(head.Len())-head.Len()))
	if _, err := head.WriteTo(to); err != nil {
		return err
	}
	for _, e := range list {
		n := e.typ.bytes(e.Rows * e.Cols)
		period := e.typ.encode(values(e.Shape))
		for left := n; left > 0; {
			k, err := to.Write(period[:min(left, len(period))])
			if err != nil {
				return err
			}
			left -= k
		}
		if _, err := to.Write(make([]byte, aligned(n)-n)); err != nil {
			return err
		}
	}
	return nil
}

func aligned(n int) int { return (n + ggufAlign - 1) / ggufAlign * ggufAlign }

// values are the numbers that repeat in a parameter.
func values(e model.Shape) []float32 {
	if e.Kind == model.Norm || e.Kind == model.Bias {
		v := make([]float32, q8Run)
		for i := range v {
			if e.Kind == model.Norm {
				v[i] = 1
			}
		}
		return v
	}
	v := make([]float32, 2049*q8Run) // no power of two, so that few rows are alike
	r := rand.New(rand.NewPCG(uint64(e.Rows), uint64(e.Cols)))
	for i := range v {
		v[i] = float32(r.NormFloat64() / math.Sqrt(float64(e.Cols)))
	}
	return v
}

// ggufFile makes the file, unless it is there with the size that it will have.
func ggufFile(path string, c *model.Config, name string, t ggmlType) (err error) {
	var size counter
	if err := writeGGUF(&size, c, name, t); err != nil {
		return err
	}
	if s, err := os.Stat(path); err == nil && s.Size() == int64(size) {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	if err := writeGGUF(b, c, name, t); err != nil {
		return err
	}
	return b.Flush()
}

// A counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
