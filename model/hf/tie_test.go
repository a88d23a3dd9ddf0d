package hf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
)

// TestTie settles the head by what config.json says and what the weights hold.
func TestTie(t *testing.T) {
	b := opentest.CPU(t, 1)
	const score = "LlamaForSequenceClassification"
	for _, c := range []struct {
		word  string // of config.json
		head  string // that the weights hold
		class string // of config.json
		tied  bool
		note  bool
		err   []string
	}{
		{"true", "none", "", true, false, nil},
		{"true", "other", "", false, true, nil},
		{"true", "same", "", true, false, nil},
		{"true", "larger", "", false, false, []string{"lm_head.weight has shape [41 24]"}},
		{"true", "none", score, true, false, nil},
		{"false", "other", "", false, false, nil},
		{"false", "same", "", false, false, nil},
		{"false", "none", "", false, false, []string{"tie_word_embeddings", "lm_head.weight"}},
		{"false", "none", score, false, false, []string{"that of a " + score, "it does not predict tokens"}},
		{"null", "other", "", false, false, nil},
		{"null", "none", "", true, false, nil},
		{"null", "none", score, false, false, []string{"that of a " + score}},
		{"null", "other", score, false, false, nil},
	} {
		t.Run(fmt.Sprintf("%s/head=%s/%s", c.word, c.head, c.class), func(t *testing.T) {
			dir, parts := saved(t, b, "llama", false)
			switch embedding := parts[embeddingName]; c.head {
			case "none":
				delete(parts, headName)
			case "same":
				parts[headName] = embedding
			case "larger":
				parts[headName] = &part{[]int{41, 24}, append(slices.Clone(embedding.v), make([]float32, 24)...)}
			}
			parts.write(t, dir)
			path := filepath.Join(dir, "config.json")
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			said := bytes.Replace(raw, []byte(`"tie_word_embeddings": false`),
				[]byte(`"tie_word_embeddings": `+c.word), 1)
			if c.class != "" {
				said = bytes.Replace(said, []byte("LlamaForCausalLM"), []byte(c.class), 1)
			}
			if err := os.WriteFile(path, said, 0o666); err != nil {
				t.Fatal(err)
			}
			if c.err != nil {
				refused(t, b, dir, c.err...)
				return
			}
			w, err := Load(b, dir, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Free()
			if w.Tied != c.tied || (w.Head == w.Embed) != c.tied {
				t.Errorf("tied is %v, want %v", w.Tied, c.tied)
			}
			if note := strings.Contains(strings.Join(w.Notes, "\n"), "differs from the embedding"); note != c.note {
				t.Errorf("notes are %q", w.Notes)
			}
		})
	}
}
