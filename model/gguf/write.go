package gguf

import (
	"fmt"
	"io"

	"spell/model"
	"spell/tensor/gguf"
)

// Write writes the model c with the numbers of rows to a file at path, whole or not at all: matrices in
// type t, or in F16 if their rows are no whole blocks of it; norms and biases in F32. more are metadata
// values beside those that describe the decoder, such as a tokenizer's.
func Write(path string, c *model.Config, rows model.Rows, t gguf.Type, more []gguf.Pair) error {
	values, list, err := outputs(path, c, rows, t)
	if err != nil {
		return err
	}
	return gguf.Write(path, append(values, more...), list)
}

// Size returns how many bytes the tensors take that Write writes.
func Size(c *model.Config, t gguf.Type) (int, error) {
	_, list, err := outputs("a GGUF file", c, nil, t)
	n := 0
	for _, o := range list {
		size, _ := o.Type.Bytes(o.Shape)
		n += size
	}
	return n, err
}

// outputs returns metadata and tensors of a file.
func outputs(path string, c *model.Config, rows model.Rows, t gguf.Type) ([]gguf.Pair, []gguf.Output, error) {
	values, err := values(c)
	if err != nil {
		return nil, nil, fmt.Errorf("writing %s: %w", path, err)
	}
	values = append(values, gguf.Pair{Name: "general.type", Value: "model"},
		gguf.Pair{Name: "general.file_type", Value: fileTypes[t]})
	if t == gguf.Q8_0 {
		values = append(values, gguf.Pair{Name: "general.quantization_version", Value: 2})
	}
	var list []gguf.Output
	for _, s := range model.Shapes(c) {
		o := gguf.Output{Name: Name(s.Name), Type: t, Shape: shapeInFile(s)}
		switch {
		case o.Name == "":
			return nil, nil, fmt.Errorf("writing %s: GGUF files have no place for %s", path, s.Name)
		case !isMatrix(s):
			o.Type = gguf.F32
		case !t.Holds(s.Cols):
			o.Type = gguf.F16
		}
		o.Write = func(to io.Writer) error { return writeParam(to, c, rows, s, o.Type) }
		list = append(list, o)
	}
	if c.Rope.Type == "llama3" {
		o, err := divisors(c)
		if err != nil {
			return nil, nil, fmt.Errorf("writing %s: %w", path, err)
		}
		list = append(list, o)
	}
	return values, list, nil
}

// fileTypes are the numbers that llama.cpp gives files whose matrices are of one type.
var fileTypes = map[gguf.Type]int{gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7, gguf.BF16: 32}

// Types are the types that Write takes, by the names that llama.cpp gives files of them.
var Types = map[string]gguf.Type{"f32": gguf.F32, "f16": gguf.F16, "bf16": gguf.BF16, "q8_0": gguf.Q8_0}

// architecture returns llama.cpp's name of a family. Mistral is Llama there.
func architecture(c *model.Config) string {
	switch c.Family {
	case "mistral":
		return "llama"
	case mixtureFamily:
		return mixtureArchitecture
	}
	return c.Family
}

// values returns the metadata of a decoder.
func values(c *model.Config) ([]gguf.Pair, error) {
	arch := architecture(c)
	list := []gguf.Pair{{Name: "general.architecture", Value: arch}, {Name: "general.alignment", Value: 32}}
	add := func(name string, v any) { list = append(list, gguf.Pair{Name: arch + "." + name, Value: v}) }
	add("vocab_size", c.Vocab)
	add("context_length", c.Context)
	add("block_count", c.Layers)
	add("embedding_length", c.Hidden)
	add("feed_forward_length", c.FF)
	if c.Experts > 0 {
		if !c.NormTopK || c.SparseStep != 1 || len(c.DenseLayers) > 0 {
			return nil, fmt.Errorf("llama.cpp knows %s with norm_topk_prob and experts in all layers alone; "+
				"export to hf", c.Family)
		}
		add("expert_count", c.Experts)
		add("expert_used_count", c.TopK)
		add("expert_feed_forward_length", c.ExpertFF)
	}
	add("attention.head_count", c.Heads)
	add("attention.head_count_kv", c.KVHeads)
	add("attention.key_length", c.HeadDim)
	add("attention.value_length", c.HeadDim)
	add("attention.layer_norm_rms_epsilon", c.NormEps)
	add("rope.dimension_count", c.HeadDim)
	add("rope.freq_base", c.Rope.Theta)
	for l := range c.Layers {
		if c.WindowLayer(l) {
			return nil, fmt.Errorf("layer %d has a sliding window of %d, which llama.cpp has not for %s; export to hf",
				l, c.Window, arch)
		}
	}
	switch c.Rope.Type {
	case "", "default", "llama3": // whose divisors are a tensor
	case "linear":
		add("rope.scaling.type", "linear")
		add("rope.scaling.factor", c.Rope.Factor)
	case "yarn":
		if c.Rope.NoTruncate || c.Rope.MScale != 0 && c.Rope.MScaleAllDim != 0 {
			return nil, fmt.Errorf("llama.cpp takes no YaRN with truncate false or mscale from a file; export to hf")
		}
		if c.Rope.BetaFast != 32 || c.Rope.BetaSlow != 1 || c.Rope.AttentionFactor != 0 {
			return nil, fmt.Errorf("llama.cpp takes no YaRN with beta_fast %g, beta_slow %g and attention_factor %g "+
				"from a file; 32, 1 and none are what it has", c.Rope.BetaFast, c.Rope.BetaSlow, c.Rope.AttentionFactor)
		}
		add("rope.scaling.type", "yarn")
		add("rope.scaling.factor", c.Rope.Factor)
		add("rope.scaling.original_context_length", c.Rope.Original)
	default:
		return nil, fmt.Errorf("GGUF files have no rope_scaling %q", c.Rope.Type)
	}
	return list, nil
}

// divisors returns the tensor of the divisors of frequencies.
func divisors(c *model.Config) (gguf.Output, error) {
	v, err := ropeDivisors(c.Rope, c.HeadDim)
	if err != nil {
		return gguf.Output{}, err
	}
	return gguf.Output{Name: ropeFactors, Type: gguf.F32, Shape: []int{len(v)}, Write: func(w io.Writer) error {
		_, err := w.Write(gguf.F32.Encode(nil, v))
		return err
	}}, nil
}

// writeParam writes a parameter in type t, its rows in the order of the file.
func writeParam(to io.Writer, c *model.Config, numbers model.Rows, p model.Shape, t gguf.Type) error {
	turned := interleaved(architecture(c), p.Name)
	if turned && p.Kind == model.Bias {
		v := make([]float32, p.Cols)
		if err := numbers(v, p, 0, 1); err != nil {
			return err
		}
		inFile := make([]float32, p.Cols)
		for i := range v {
			inFile[rowInFile(i, c.HeadDim)] = v[i]
		}
		_, err := to.Write(t.Encode(nil, inFile))
		return err
	}
	// A head's rows are turned among themselves, so heads are what is written at once.
	rows := max(1, (1<<17)/p.Cols)
	if turned {
		rows = max(1, rows/c.HeadDim) * c.HeadDim
	}
	var raw []byte
	v, inFile := make([]float32, rows*p.Cols), make([]float32, rows*p.Cols)
	for from := 0; from < p.Rows; from += rows {
		n := min(rows, p.Rows-from)
		part := v[:n*p.Cols]
		if err := numbers(part, p, from, from+n); err != nil {
			return err
		}
		if turned {
			for i := range n {
				copy(inFile[rowInFile(i, c.HeadDim)*p.Cols:][:p.Cols], part[i*p.Cols:])
			}
			part = inFile[:n*p.Cols]
		}
		raw = t.Encode(raw[:0], part)
		if _, err := to.Write(raw); err != nil {
			return err
		}
	}
	return nil
}
