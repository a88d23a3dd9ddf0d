package chat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The benchmarks take one of the longer templates of the published ones.
const benchTemplate = "Qwen-Qwen3-0.6B"

func BenchmarkParse(b *testing.B) {
	source := publishedTemplates(b).Templates[benchTemplate]
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(benchTemplate, source); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRender renders one question on a long document, and a conversation of many turns.
func BenchmarkRender(b *testing.B) {
	tmpl, err := Parse(benchTemplate, publishedTemplates(b).Templates[benchTemplate])
	if err != nil {
		b.Fatal(err)
	}
	long := []Message{{Role: "user", Content: strings.Repeat("All work and no play. ", 50_000)}}
	var turns []Message
	for i := range 100 {
		turns = append(turns, Message{Role: "user", Content: fmt.Sprint("Question ", i)},
			Message{Role: "assistant", Content: fmt.Sprint("<think>\nhm\n</think>\n\nAnswer ", i)})
	}
	for name, messages := range map[string][]Message{"document": long, "turns": turns} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				context := Context{Messages: messages, AddGenerationPrompt: true,
					Vars: map[string]json.RawMessage{"enable_thinking": json.RawMessage("true")}}
				if _, err := tmpl.Render(context); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
