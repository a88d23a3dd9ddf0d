package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func readText(tb testing.TB, path ...string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{dataDir(tb)}, path...)...))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range families {
		path := filepath.Join(dataDir(b), "tokenizers", name, "tokenizer.json")
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	classics, err := filepath.Glob(filepath.Join(dataDir(b), "docs", "classics", "*.txt"))
	if err != nil || len(classics) == 0 {
		b.Fatal("no classics among the shared documents")
	}
	data, err := os.ReadFile(slices.MaxFunc(classics, func(x, y string) int { return strings.Compare(x, y) }))
	if err != nil {
		b.Fatal(err)
	}
	var chinese strings.Builder
	for _, text := range golden(b).Texts {
		if strings.Count(text, "的") > 2 {
			chinese.WriteString(text)
		}
	}
	texts := map[string]string{
		"english": string(data[:min(len(data), 1<<20)]),
		"chinese": chinese.String(),
		"letter":  strings.Repeat("a", 1<<20),
	}
	for _, name := range families {
		tok := published(b, name)
		for _, kind := range []string{"english", "chinese", "letter"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				text := texts[kind]
				ids := tok.Encode(text)
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					ids = tok.Append(ids[:0], text)
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	tok := published(b, "qwen3")
	ids := tok.Encode(strings.Join(golden(b).Texts, "\n"))
	b.SetBytes(int64(len(tok.Decode(ids))))
	b.ReportAllocs()
	for b.Loop() {
		tok.Decode(ids)
	}
}

func BenchmarkTrain(b *testing.B) {
	text := readText(b, "tokenizers", "golden_ids.json")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Train(slices.Values([]string{text}), TrainOptions{VocabSize: 4096, Pattern: GPT2}); err != nil {
			b.Fatal(err)
		}
	}
}
