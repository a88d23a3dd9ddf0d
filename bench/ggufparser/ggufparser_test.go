package ggufparser

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	parser "github.com/gpustack/gguf-parser-go"
)

// root is the folder of the program's module.
const root = "../.."

// TestExport: gguf-parser-go finds in exported files what config.json, the tokenizer and the headers of
// the weights say, in tensors that fill the file to its end, and the embedding's numbers in their place.
func TestExport(t *testing.T) {
	program := filepath.Join(t.TempDir(), "spell")
	build := exec.Command("go", "build", "-o", program, "./cmd/spell")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		folder, typ  string
		architecture string
	}{
		{"tensor/fixture/testdata/stories260K", "f32", "llama"}, {"tensor/fixture/testdata/tiny/llama31", "f32", "llama"},
		{"tensor/fixture/testdata/tiny/qwen2", "q8_0", "qwen2"}, {"tensor/fixture/testdata/tiny/qwen3", "bf16", "qwen3"},
		{"tensor/fixture/testdata/tiny/qwen3-moe", "f16", "qwen3moe"}, {"model/nano/world", "f32", ""},
	} {
		t.Run(c.folder+" as "+c.typ, func(t *testing.T) {
			folder, file := filepath.Join(root, c.folder), filepath.Join(t.TempDir(), "model.gguf")
			export := exec.Command(program, "export", "--quiet", "--model", folder, "--to", "gguf", "--type", c.typ,
				"--out", file)
			if out, err := export.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, err := parser.ParseGGUFFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkConfig(t, g, folder, c.architecture)
			checkTokens(t, g, filepath.Join(folder, "tokenizer.json"))
			elements := checkTensors(t, g, len(raw))
			tensors := weights(t, folder)
			sum := 0
			for _, w := range tensors {
				sum += w.elements
			}
			if extra := elements["rope_freqs.weight"]; sum+extra != total(elements) {
				t.Errorf("%d numbers beside %d divisors, %d in the folder", total(elements), extra, sum)
			}
			if w := tensors["model.embed_tokens.weight"]; c.typ == "f32" && w.dtype == "F32" {
				at, _ := g.TensorInfos.Get("token_embd.weight")
				begin := int(g.TensorDataStartOffset) + int(at.Offset)
				if !bytes.Equal(raw[begin:begin+len(w.data)], w.data) {
					t.Error("the embedding is another")
				}
			}
		})
	}
}

func total(elements map[string]int) (n int) {
	for _, e := range elements {
		n += e
	}
	return n
}

// checkConfig compares the metadata of the decoder with config.json.
func checkConfig(t *testing.T, g *parser.GGUFFile, folder, architecture string) {
	t.Helper()
	var c struct {
		Type    string  `json:"model_type"`
		Layers  uint64  `json:"num_hidden_layers"`
		Hidden  uint64  `json:"hidden_size"`
		FF      uint64  `json:"intermediate_size"`
		Heads   uint64  `json:"num_attention_heads"`
		KVHeads uint64  `json:"num_key_value_heads"`
		HeadDim uint32  `json:"head_dim"`
		Vocab   uint64  `json:"vocab_size"`
		Context uint64  `json:"max_position_embeddings"`
		Eps     float32 `json:"rms_norm_eps"`
		Experts uint32  `json:"num_experts"`
		TopK    uint32  `json:"num_experts_per_tok"`
	}
	readJSON(t, filepath.Join(folder, "config.json"), &c)
	if architecture == "" {
		architecture = c.Type
	}
	if c.HeadDim == 0 {
		c.HeadDim = uint32(c.Hidden / c.Heads)
	}
	a := g.Architecture()
	got := []uint64{a.BlockCount, a.EmbeddingLength, a.FeedForwardLength[0], a.AttentionHeadCount,
		a.AttentionHeadCountKV, a.VocabularyLength, a.MaximumContextLength, uint64(a.AttentionKeyLength),
		uint64(a.AttentionValueLength), uint64(a.RoPEDimensionCount), uint64(a.ExpertCount), uint64(a.ExpertUsedCount)}
	dim := uint64(c.HeadDim)
	want := []uint64{c.Layers, c.Hidden, c.FF, c.Heads, c.KVHeads, c.Vocab, c.Context, dim, dim, dim,
		uint64(c.Experts), uint64(c.TopK)}
	if a.Architecture != architecture || !slices.Equal(got, want) || a.AttentionLayerNormRMSEpsilon != c.Eps {
		t.Errorf("%s %v, epsilon %v; want %s %v, %v", a.Architecture, got, a.AttentionLayerNormRMSEpsilon, architecture,
			want, c.Eps)
	}
}

// checkTokens compares the vocabulary with a tokenizer.json of byte-level BPE, where there is one.
func checkTokens(t *testing.T, g *parser.GGUFFile, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return
	}
	var file struct {
		Model struct {
			Vocab  map[string]int `json:"vocab"`
			Merges []any          `json:"merges"`
		} `json:"model"`
		Added []struct {
			ID      int    `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
	}
	readJSON(t, path, &file)
	for _, a := range file.Added {
		file.Model.Vocab[a.Content] = a.ID
	}
	kv, ok := g.Header.MetadataKV.Get("tokenizer.ggml.tokens")
	if !ok {
		t.Fatal("no tokens")
	}
	list := kv.ValueArray()
	tok := g.Tokenizer()
	if tok.Model != "gpt2" || tok.TokensLength != list.Len || tok.MergesLength != uint64(len(file.Model.Merges)) {
		t.Errorf("%s of %d tokens and %d merges, not %d", tok.Model, tok.TokensLength, tok.MergesLength,
			len(file.Model.Merges))
	}
	for text, id := range file.Model.Vocab {
		if id < len(list.Array) && list.Array[id] != text {
			t.Fatalf("token %d is %q, not %q", id, list.Array[id], text)
		}
	}
}

// checkTensors wants aligned tensors that follow one another to the end of a file of n bytes, and
// returns the number of elements of each.
func checkTensors(t *testing.T, g *parser.GGUFFile, n int) map[string]int {
	t.Helper()
	elements, at := map[string]int{}, g.TensorDataStartOffset
	for _, info := range g.TensorInfos {
		begin := g.TensorDataStartOffset + int64(info.Offset)
		if begin%32 != 0 || begin < at || begin-at >= 32 {
			t.Errorf("%s begins at %d, and the one before it ends at %d", info.Name, begin, at)
		}
		at = begin + int64(info.Bytes())
		elements[info.Name] = int(info.Elements())
	}
	if rest := int64(n) - at; rest < 0 || rest >= 32 {
		t.Errorf("the last tensor ends at %d of %d", at, n)
	}
	return elements
}

// A weight is a tensor of a safetensors file.
type weight struct {
	dtype    string
	elements int
	data     []byte
}

// weights reads the safetensors files of a folder.
func weights(t *testing.T, folder string) map[string]weight {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.safetensors"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no weights", err)
	}
	all := map[string]weight{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 8 + int(binary.LittleEndian.Uint64(raw))
		var header map[string]struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw[8:n], &header); err != nil {
			t.Fatal(err)
		}
		for name, e := range header {
			if strings.HasPrefix(name, "__") {
				continue
			}
			w := weight{e.DType, 1, raw[n:][e.Offsets[0]:e.Offsets[1]]}
			for _, d := range e.Shape {
				w.elements *= d
			}
			all[name] = w
		}
	}
	return all
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
