package gguf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/model"
	"spell/tensor/bounded"
	"spell/tensor/gguf"
)

// FuzzOpen: whatever a file holds, it is a model and a vocabulary whose every parameter can be asked
// for, or it is refused by its name; and what it merely claims is not allocated.
func FuzzOpen(f *testing.F) {
	c := model.Config{Family: "llama", Vocab: 8, Hidden: 8, FF: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4,
		NormEps: 1e-5, Context: 64, Rope: model.Rope{Theta: 10000}, BOS: -1, Tied: true}
	stretched, biased, mixed := c, c, c
	stretched.Rope = model.Rope{Theta: 10000, Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, Original: 64}
	biased.Family, biased.QKVBias, biased.Tied = "qwen2", true, false
	biased.Rope = model.Rope{Theta: 10000, Type: "yarn", Factor: 4, Original: 16, BetaFast: 32, BetaSlow: 1}
	mixed.Family, mixed.QKNorm = "qwen3_moe", true
	mixed.Mixture = model.Mixture{Experts: 2, TopK: 1, ExpertFF: 4, NormTopK: true, SparseStep: 1}
	pieces := Vocabulary{Kind: SentencePiece, Tokens: strings.Split("<unk> <s> </s> a b ab c d", " "),
		Types: []int{2, 3, 3, 1, 1, 1, 1, 1}, Scores: make([]float64, 8), Special: Special{1, 2, 0, -1},
		Templates: map[string]string{"": "{{ x }}", "tools": "{{ y }}"}}
	merged := Vocabulary{Kind: Bytes, Pre: "gpt-2", Tokens: pieces.Tokens, Merges: []string{"a b"},
		Special: Special{-1, 2, -1, -1}, Templates: map[string]string{}}
	path := filepath.Join(f.TempDir(), "model.gguf")
	for _, seed := range []struct {
		config     *model.Config
		vocabulary *Vocabulary
		typ        gguf.Type
	}{
		{&c, &pieces, gguf.F32}, {&stretched, &merged, gguf.BF16}, {&biased, &merged, gguf.F16},
		{&mixed, &pieces, gguf.Q8_0},
	} {
		ones := func(v []float32, _ model.Shape, _, _ int) error {
			for i := range v {
				v[i] = 1
			}
			return nil
		}
		if err := Write(path, seed.config, ones, seed.typ, seed.vocabulary.Pairs()); err != nil {
			f.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if m, err := Open(path); err != nil {
			f.Fatal(err)
		} else {
			m.Close()
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		named := func(err error) {
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Fatalf("%v does not name the file", err)
			}
		}
		bounded.Read(t, len(raw), func() {
			_, err := ReadVocabulary(path)
			named(err)
			m, err := Open(path)
			named(err)
			if err != nil {
				return
			}
			defer m.Close()
			for _, s := range model.Shapes(&m.Config) {
				m.TypeOf(s)
				_, _, err := m.read(nil, s, 0, 1)
				named(err)
			}
		})
	})
}
