package chat

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"spell/tensor/fixture"
)

// FuzzParse parses any source and renders what parses within small
// bounds. Neither may panic, and the text keeps to its bound.
func FuzzParse(f *testing.F) {
	for _, c := range readJinjaCases(f).Cases {
		f.Add(c.Template)
	}
	templates := map[string]string{}
	var own rendered
	readTestdata(f, "templates.json", &own)
	maps.Copy(templates, own.Templates)
	if _, ok := fixture.Find("tokenizers/chat_templates.json"); ok {
		maps.Copy(templates, publishedTemplates(f).Templates)
	}
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		f.Add(templates[name])
	}
	context := Context{
		Messages: []Message{
			{Role: "system", Content: " é\n"},
			{Role: "user", Content: "Hi <think>x</think>"},
			{JSON: json.RawMessage(`{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,null,true]}}}]}`)},
		},
		Tools: json.RawMessage(`[{"type":"function","function":{"name":"f"}}]`),
		Vars: map[string]json.RawMessage{
			"a": json.RawMessage("1"), "f": json.RawMessage("2.5"), "s": json.RawMessage(`"Héllo"`), "l": json.RawMessage("[3,1,2]"),
			"d": json.RawMessage(`{"k":"v","items":5,"n":null}`), "u": json.RawMessage(`[{"name":"bo","age":3}]`),
		},
		Now: clock,
	}
	small := limits{steps: 100_000, memory: 1 << 20, output: 1 << 16, depth: 1000}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse("fuzz", source)
		if err != nil {
			return
		}
		first, err := tmpl.render(context, small)
		if int64(len(first)) > small.output {
			t.Errorf("%d bytes of output", len(first))
		}
		second, err2 := tmpl.render(context, small)
		if first != second || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("two renderings differ: %q, %v and %q, %v", first, err, second, err2)
		}
	})
}
