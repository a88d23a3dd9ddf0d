package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// dataDir finds the shared test data: $SPELL_DATA, or shared/data beside the checkout.
func dataDir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("SPELL_DATA"); dir != "" {
		return dir
	}
	for dir := ".."; len(dir) < 30; dir = filepath.Join("..", dir) {
		data := filepath.Join(dir, "shared", "data")
		if _, err := os.Stat(filepath.Join(data, "tokenizers")); err == nil {
			return data
		}
	}
	tb.Skip("the shared test data is not here: set SPELL_DATA to its folder")
	return ""
}

var (
	loadMu sync.Mutex
	loaded = map[string]*Tokenizer{}
)

// published returns the tokenizer of a model family, loaded once.
func published(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	path := filepath.Join(dataDir(tb), "tokenizers", name, "tokenizer.json")
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

// golden is what Hugging Face's own tokenizers make of 200 texts.
func golden(tb testing.TB) (g struct {
	Texts []string             `json:"texts"`
	IDs   map[string][][]int32 `json:"ids"`
}) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dataDir(tb), "tokenizers", "golden_ids.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestGoldenIDs(t *testing.T) {
	g := golden(t)
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			tok := published(t, name)
			if len(g.IDs[name]) != len(g.Texts) || len(g.Texts) != 200 {
				t.Fatalf("%d texts, %d lists of ids", len(g.Texts), len(g.IDs[name]))
			}
			for i, text := range g.Texts {
				want := g.IDs[name][i]
				if got := tok.EncodeSpecial(text); !slices.Equal(got, want) {
					t.Errorf("text %d %.60q:\n got %v\nwant %v", i, text, got, want)
				}
				decoded := text
				if name == "qwen3" {
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
			base := filepath.Join(dataDir(t), "tokenizers", "vectors", "ggml-vocab-"+vector+".gguf")
			input, err := os.ReadFile(base + ".inp")
			if err != nil {
				t.Fatal(err)
			}
			const separator = "\n__ggml_vocab_test__\n"
			texts := strings.Split(strings.TrimSuffix(string(input), separator), separator)
			output, err := os.Open(base + ".out")
			if err != nil {
				t.Fatal(err)
			}
			defer output.Close()
			tok := published(t, name)
			lines := bufio.NewScanner(output)
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
