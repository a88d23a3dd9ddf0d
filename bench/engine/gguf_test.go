package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spell/model"
	"spell/tensor"
)

// small is a shape with everything a file can hold.
var small = model.Config{Family: "qwen2", Vocab: 96, Hidden: 64, FF: 160, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 32,
	QKVBias: true, QKNorm: true, NormEps: 1e-6, Context: 256, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}

// A ggufReader reads a file as its format says,
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
type ggufReader struct {
	t *testing.T
	r *bufio.Reader
	n int64
}

func (g *ggufReader) get(v any) {
	g.t.Helper()
	if err := binary.Read(g.r, binary.LittleEndian, v); err != nil {
		g.t.Fatal(err)
	}
	g.n += int64(binary.Size(v))
}

func (g *ggufReader) u32() (v uint32) { g.get(&v); return v }
func (g *ggufReader) u64() (v uint64) { g.get(&v); return v }

func (g *ggufReader) text() string {
	b := make([]byte, g.u64())
	g.get(b)
	return string(b)
}

// An entry is a tensor as a file describes it.
type entry struct {
	dims []uint64
	typ  ggmlType
	at   uint64
}

// parse reads all but the tensors, and where they begin.
func parse(t *testing.T, r io.Reader) (keys map[string]any, tensors map[string]entry, data int64) {
	g := &ggufReader{t: t, r: bufio.NewReader(r)}
	magic := make([]byte, 4)
	g.get(magic)
	if version := g.u32(); string(magic) != "GGUF" || version != 3 {
		t.Fatalf("%q of version %d", magic, version)
	}
	count, metadata := g.u64(), g.u64()
	keys, tensors = map[string]any{}, map[string]entry{}
	for range metadata {
		name := g.text()
		switch typ := g.u32(); typ {
		case 4:
			keys[name] = g.u32()
		case 6:
			keys[name] = math.Float32frombits(g.u32())
		case 8:
			keys[name] = g.text()
		default:
			t.Fatalf("%s has type %d", name, typ)
		}
	}
	for range count {
		name, e := g.text(), entry{dims: make([]uint64, g.u32())}
		g.get(e.dims)
		e.typ, e.at = ggmlType(g.u32()), g.u64()
		tensors[name] = e
	}
	return keys, tensors, (g.n + ggufAlign - 1) / ggufAlign * ggufAlign
}

func TestGGUF(t *testing.T) {
	for _, typ := range []ggmlType{ggmlF32, ggmlBF16, ggmlQ8} {
		var file bytes.Buffer
		if err := writeGGUF(&file, &small, "small", typ); err != nil {
			t.Fatal(err)
		}
		keys, tensors, data := parse(t, bytes.NewReader(file.Bytes()))
		for name, want := range map[string]any{
			"general.architecture": "qwen2", "general.alignment": uint32(32), "tokenizer.ggml.model": "no_vocab",
			"qwen2.vocab_size": uint32(96), "qwen2.block_count": uint32(2), "qwen2.attention.head_count_kv": uint32(1),
			"qwen2.attention.layer_norm_rms_epsilon": float32(1e-6), "qwen2.rope.freq_base": float32(1e4),
		} {
			if keys[name] != want {
				t.Errorf("%s is %v, want %v", name, keys[name], want)
			}
		}
		for name, want := range map[string]entry{
			"token_embd.weight": {dims: []uint64{64, 96}, typ: typ}, "output.weight": {dims: []uint64{64, 96}, typ: typ},
			"output_norm.weight": {dims: []uint64{64}, typ: ggmlF32}, "blk.0.attn_norm.weight": {dims: []uint64{64}, typ: ggmlF32},
			"blk.1.attn_q.weight": {dims: []uint64{64, 64}, typ: typ}, "blk.1.attn_k.bias": {dims: []uint64{32}, typ: ggmlF32},
			"blk.0.attn_q_norm.weight": {dims: []uint64{32}, typ: ggmlF32}, "blk.1.attn_output.weight": {dims: []uint64{64, 64}, typ: typ},
			"blk.1.ffn_gate.weight": {dims: []uint64{64, 160}, typ: typ}, "blk.1.ffn_down.weight": {dims: []uint64{160, 64}, typ: typ},
			"blk.0.ffn_norm.weight": {dims: []uint64{64}, typ: ggmlF32},
		} {
			if got := tensors[name]; !slices.Equal(got.dims, want.dims) || got.typ != want.typ {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		if want := len(model.Shapes(&small)); len(tensors) != want {
			t.Errorf("%d tensors, want %d", len(tensors), want)
		}
		end := uint64(0) // tensors follow each other, aligned, to the end of the file
		var ends []uint64
		for name, e := range tensors {
			n := uint64(1)
			for _, d := range e.dims {
				n *= d
			}
			if e.at%ggufAlign != 0 || e.at != 0 && !slices.Contains(starts(tensors), e.at) {
				t.Errorf("%s begins at %d", name, e.at)
			}
			ends = append(ends, e.at+uint64(aligned(e.typ.bytes(int(n)))))
		}
		for _, at := range append(starts(tensors), uint64(file.Len())-uint64(data)) {
			if at != 0 && !slices.Contains(ends, at) {
				t.Errorf("nothing ends at %d", at)
			}
			end = max(end, at)
		}
		if end != slices.Max(ends) {
			t.Errorf("tensors end at %d of %d bytes", slices.Max(ends), end)
		}
		checkValues(t, file.Bytes()[data:], tensors)
	}
}

func starts(tensors map[string]entry) (list []uint64) {
	for _, e := range tensors {
		list = append(list, e.at)
	}
	return list
}

// checkValues decodes a matrix, whose numbers have the spread of a
// fresh model's, a norm and a bias.
func checkValues(t *testing.T, data []byte, tensors map[string]entry) {
	e := tensors["blk.1.ffn_down.weight"]
	v := make([]float32, 160*64)
	switch b := data[e.at:]; e.typ {
	case ggmlF32:
		tensor.Decode(v, tensor.F32, b)
	case ggmlBF16:
		tensor.Decode(v, tensor.BF16, b)
	case ggmlQ8:
		for i := range v {
			block := b[i/q8Run*(2+q8Run):]
			scale := make([]float32, 1)
			tensor.Decode(scale, tensor.F16, block)
			v[i] = scale[0] * float32(int8(block[2+i%q8Run]))
		}
	}
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	n := float64(len(v))
	if mean, std := sum/n, math.Sqrt(squares/n*160); math.Abs(mean) > .01 || math.Abs(std-1) > .05 {
		t.Errorf("type %d: mean %v, standard deviation %v/√160", e.typ, mean, std)
	}
	for name, want := range map[string]float32{"output_norm.weight": 1, "blk.0.attn_v.bias": 0} {
		one := make([]float32, tensors[name].dims[0])
		tensor.Decode(one, tensor.F32, data[tensors[name].at:])
		if slices.ContainsFunc(one, func(x float32) bool { return x != want }) {
			t.Errorf("%s is %v, want %v throughout", name, one, want)
		}
	}
}

func TestQ8(t *testing.T) {
	v := make([]float32, 2*q8Run)
	v[0], v[1], v[31] = 127, -127, 63.4
	b := ggmlQ8.encode(v)
	if len(b) != ggmlQ8.bytes(len(v)) || b[0] != 0 || b[1] != 0x3c ||
		int8(b[2]) != 127 || int8(b[3]) != -127 || b[33] != 63 {
		t.Errorf("encoded as % x, want a scale of 1 (00 3c), 7f, 81, …, 3f", b[:34])
	}
	if slices.ContainsFunc(b[34:], func(x byte) bool { return x != 0 }) {
		t.Errorf("zeros are encoded as % x, want zeros", b[34:])
	}
}

func TestGGUFRefuses(t *testing.T) {
	odd := small
	odd.Hidden = 72
	if err := writeGGUF(io.Discard, &odd, "odd", ggmlQ8); err == nil {
		t.Error("rows of 72 numbers became Q8_0")
	}
}

// TestGGUFFile: a whole file stays, one cut short is written again.
func TestGGUFFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.gguf")
	write := func() []byte {
		if err := ggufFile(path, &small, "small", ggmlBF16); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := write()
	marked := slices.Clone(whole)
	marked[len(marked)-1]++
	if err := os.WriteFile(path, marked, 0o666); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(write(), marked) {
		t.Error("a whole file was written again")
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(write(), whole) {
		t.Error("a file cut short stayed")
	}
}
