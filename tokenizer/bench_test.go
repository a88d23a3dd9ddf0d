package tokenizer

import (
	"os"
	"slices"
	"strings"
	"testing"

	"spell/tensor/fixture"
)

func BenchmarkLoad(b *testing.B) {
	for _, name := range families {
		b.Run(name, func(b *testing.B) {
			path := fixture.Path(b, "tokenizers/"+name+"/tokenizer.json")
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
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
	data := fixture.Read(b, "docs/classics/war-and-peace.txt")
	var chinese strings.Builder
	for _, text := range golden(b, "golden_ids.json").Texts {
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
	ids := tok.Encode(strings.Join(golden(b, "golden_ids.json").Texts, "\n"))
	b.SetBytes(int64(len(tok.Decode(ids))))
	b.ReportAllocs()
	for b.Loop() {
		tok.Decode(ids)
	}
}

func BenchmarkTrain(b *testing.B) {
	text := string(fixture.Read(b, "tokenizers/golden_gpt2.json"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Train(slices.Values([]string{text}), TrainOptions{VocabSize: 4096, Pattern: GPT2}); err != nil {
			b.Fatal(err)
		}
	}
}
