package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"

	"spell/tensor/fixture"
)

var (
	loadMu sync.Mutex
	loaded = map[string]*Tokenizer{}
)

// published returns the tokenizer of a model family, loaded once.
func published(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	path := fixture.Path(tb, "tokenizers/"+name+"/tokenizer.json")
	loadMu.Lock()
	defer loadMu.Unlock()
	if loaded[name] == nil {
		t, err := Load(path)
		if err != nil {
			tb.Fatal(err)
		}
		loaded[name] = t
	}
	return loaded[name]
}

var families = []string{"gpt2", "llama3_1", "qwen3"}

// eachFamily runs a test with every published tokenizer. Only that of GPT-2 is in a clone.
func eachFamily(t *testing.T, test func(t *testing.T, name string, tok *Tokenizer)) {
	for _, name := range families {
		t.Run(name, func(t *testing.T) { test(t, name, published(t, name)) })
	}
}

// goldenIDs are texts and the ids that a reference gives them by family.
type goldenIDs struct {
	Texts []string             `json:"texts"`
	IDs   map[string][][]int32 `json:"ids"`
}

// golden reads a file of golden ids: golden_gpt2.json, which every clone has, or golden_ids.json,
// what Hugging Face's own tokenizers make of 200 texts.
func golden(tb testing.TB, file string) (g goldenIDs) {
	tb.Helper()
	if err := json.Unmarshal(fixture.Read(tb, "tokenizers/"+file), &g); err != nil {
		tb.Fatal(err)
	}
	return g
}

// goldenTexts are texts of many scripts and kinds.
func goldenTexts(tb testing.TB) []string {
	tb.Helper()
	return golden(tb, "golden_gpt2.json").Texts
}

func TestGoldenIDs(t *testing.T) {
	for _, c := range []struct {
		file, family string
		texts        int
	}{
		{"golden_gpt2.json", "gpt2", 102},
		{"golden_ids.json", "gpt2", 200},
		{"golden_ids.json", "llama3_1", 200},
		{"golden_ids.json", "qwen3", 200},
	} {
		t.Run(c.file+"/"+c.family, func(t *testing.T) {
			g, tok := golden(t, c.file), published(t, c.family)
			if len(g.Texts) != c.texts || len(g.IDs[c.family]) != c.texts {
				t.Fatalf("%d texts and %d lists of ids, want %d", len(g.Texts), len(g.IDs[c.family]), c.texts)
			}
			for i, text := range g.Texts {
				want := g.IDs[c.family][i]
				if got := tok.EncodeSpecial(text); !slices.Equal(got, want) {
					t.Errorf("text %d %.60q:\n got %v\nwant %v", i, text, got, want)
				}
				decoded := text
				if c.family == "qwen3" {
					decoded = norm.NFC.String(text)
				}
				if got := tok.Decode(want); got != decoded {
					t.Errorf("text %d decodes to %q, want %q", i, got, decoded)
				}
				if got := tok.Decode(tok.Encode(text)); got != decoded {
					t.Errorf("text %d comes back as %q, want %q", i, got, decoded)
				}
			}
		})
	}
}

// TestVectors checks against the vectors of llama.cpp. Qwen 2 and DeepSeek-R1-Distill-Qwen
// have the vocabulary of Qwen 3.
func TestVectors(t *testing.T) {
	for vector, name := range map[string]string{
		"gpt-2": "gpt2", "llama-bpe": "llama3_1", "qwen2": "qwen3", "deepseek-r1-qwen": "qwen3",
	} {
		t.Run(vector, func(t *testing.T) {
			base := "tokenizers/vectors/ggml-vocab-" + vector + ".gguf"
			input := fixture.Read(t, base+".inp")
			const separator = "\n__ggml_vocab_test__\n"
			texts := strings.Split(strings.TrimSuffix(string(input), separator), separator)
			lines := bufio.NewScanner(bytes.NewReader(fixture.Read(t, base+".out")))
			tok := published(t, name)
			for i, text := range texts {
				if !lines.Scan() {
					t.Fatalf("%d texts, %d lines of ids", len(texts), i)
				}
				var want []int32
				for _, field := range strings.Fields(lines.Text()) {
					id, err := strconv.Atoi(field)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, int32(id))
				}
				if got := tok.Encode(text); !slices.Equal(got, want) {
					t.Errorf("text %d %q:\n got %v\nwant %v", i, text, got, want)
				}
			}
		})
	}
}
