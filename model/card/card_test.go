package card

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"spell/model"
)

// TestText: the head is YAML that Hugging Face's pages read, and the body says how the folder is
// loaded.
func TestText(t *testing.T) {
	cache := BaseAt("/home/me/.cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B/snapshots/06a1b2c3")
	for _, c := range []struct {
		name          string
		card          Card
		library, base string
		tags          []string
		say           []string
	}{
		{"a model", Card{Title: "A", Made: "Made so.", Tag: "sft", Base: cache, License: []string{"license: apache-2.0"},
			Facts: [][2]string{{"steps", "3"}}, Results: []string{" 1 → 2"}, Settings: []string{"seed: 2"}},
			"transformers", "Qwen/Qwen2.5-0.5B", []string{"spell", "sft"},
			[]string{"# A\n\nMade so.\n", "| steps | 3 |\n", "- 1 → 2\n", "    seed: 2\n", "pipeline("}},
		{"adapters", Card{Title: "A", Adapters: &model.LoRA{}, Base: cache}, "peft", "Qwen/Qwen2.5-0.5B",
			[]string{"spell", "lora"}, []string{`from_pretrained("Qwen/Qwen2.5-0.5B")`, "PeftModel"}},
		{"adapters of a folder", Card{Adapters: &model.LoRA{}, Base: BaseAt(filepath.Join("some", "base.gguf"))}, "peft",
			"", []string{"spell", "lora"}, []string{`from_pretrained("path/to/base")`}},
		{"adapters of an embedded base", Card{Adapters: &model.LoRA{}, Base: Embedded("text")}, "peft", "",
			[]string{"spell", "lora"}, []string{"spell generate --model"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.card.Text()
			head, body := split(text)
			var got struct {
				Base    string   `yaml:"base_model"`
				Library string   `yaml:"library_name"`
				License string   `yaml:"license"`
				Tags    []string `yaml:"tags"`
			}
			if err := yaml.Unmarshal([]byte(head), &got); err != nil {
				t.Fatal(err)
			}
			if got.Library != c.library || got.Base != c.base || !slices.Equal(got.Tags, c.tags) ||
				(got.License != "") != (c.card.License != nil) {
				t.Errorf("the head is %+v", got)
			}
			for _, s := range c.say {
				if !strings.Contains(body, s) {
					t.Errorf("%s\nlacks %q", body, s)
				}
			}
			if !slices.Equal(License(text), c.card.License) {
				t.Errorf("the licence is %q", License(text))
			}
			if b := Body(text); strings.Contains(b, "# A") || strings.Contains(b, "## Use") {
				t.Errorf("the body is %s", b)
			}
		})
	}
}

// TestForeign: of cards of other programs, licences are taken in plain words alone, and nothing of
// a text without a head.
func TestForeign(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                      nil,
		"license: mit\n":                        nil,
		"---\nlicense: mit\nno end":             nil,
		"---\r\nlicense: mit\r\n---\r\n# A\r\n": {"license: mit"},
		"---\nlicense: other\nlicense_name: qwen\n---\n":                {"license: other", "license_name: qwen"},
		"---\nlicense: >\n  mit\nx:\n  license: gpl\n---\nlicense: a\n": nil,
	} {
		if got := License([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q has the licence %q, want %q", text, got, want)
		}
	}
}
