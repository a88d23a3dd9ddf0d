// Package card writes model cards: the README.md of a model's folder as Hugging Face's pages show
// it, YAML between lines of dashes and then Markdown.
//
// A card depends on nothing but what it is about, so that equal runs write equal ones. A base is
// named, never its path.
package card

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"spell/model"
)

// Name is the name of the file.
const Name = "README.md"

// A Card is what one says. Empty fields are left out.
type Card struct {
	Title    string
	Made     string // a paragraph on how it came to be
	Tag      string // what it came by, in one word
	Base     Base
	Adapters *model.LoRA // the folder holds these alone, and not their base

	Facts    [][2]string // rows of a table: what, and how much of it
	Results  []string    // sentences
	Settings []string    // lines
	More     string      // Markdown
	License  []string    // lines of YAML; see License
}

// A Base is the model that another was made from. The zero Base is none.
type Base struct {
	Name     string // what it is called
	ID       string // by which Hugging Face's pages know it; empty: not known
	Embedded bool   // in this program
}

// cached matches the folder of a model in the cache of Hugging Face's programs.
var cached = regexp.MustCompile(`/models--([\w.-]+?)--([\w.-]+)/snapshots/[0-9a-f]+/?$`)

// Embedded returns the base of a name that is embedded in this program.
func Embedded(name string) Base {
	return Base{Name: fmt.Sprintf("spell's embedded %s base", name), Embedded: true}
}

// BaseAt returns the base whose folder or file is at path.
func BaseAt(path string) Base {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if m := cached.FindStringSubmatch(filepath.ToSlash(path)); m != nil {
		id := m[1] + "/" + m[2]
		return Base{Name: id, ID: id}
	}
	name := strings.TrimSuffix(filepath.Base(path), ".gguf")
	return Base{Name: strings.Join(strings.Fields(unmarked.Replace(name)), " ")}
}

// unmarked takes what would end a name in Markdown out of it.
var unmarked = strings.NewReplacer("`", "", "|", "")

// Text returns the card as a file.
func (c *Card) Text() []byte {
	var out bytes.Buffer
	c.head(&out)
	fmt.Fprintf(&out, "\n# %s\n\n%s\n", c.Title, c.Made)
	if len(c.Facts) > 0 {
		fmt.Fprint(&out, "\n| | |\n|---|---|\n")
		for _, f := range c.Facts {
			fmt.Fprintf(&out, "| %s | %s |\n", f[0], f[1])
		}
	}
	if len(c.Results) > 0 {
		fmt.Fprint(&out, "\n## Results\n\n")
		for _, r := range c.Results {
			fmt.Fprintf(&out, "- %s\n", strings.TrimSpace(r))
		}
	}
	if len(c.Settings) > 0 {
		fmt.Fprint(&out, "\n## Settings\n\nThose that differ from the defaults:\n\n")
		for _, s := range c.Settings {
			fmt.Fprintf(&out, "    %s\n", s)
		}
	}
	if c.More != "" {
		fmt.Fprintf(&out, "\n%s\n", strings.TrimSpace(c.More))
	}
	fmt.Fprintf(&out, "%s\n", use)
	c.example(&out)
	return out.Bytes()
}

// head writes what Hugging Face's pages sort models by.
func (c *Card) head(out *bytes.Buffer) {
	fmt.Fprintln(out, "---")
	if c.Base.ID != "" {
		fmt.Fprintln(out, "base_model:", c.Base.ID)
	}
	library, tags := "transformers", []string{"spell"}
	if c.Adapters != nil {
		library, tags = "peft", append(tags, "lora")
	}
	if c.Tag != "" {
		tags = append(tags, c.Tag)
	}
	fmt.Fprintf(out, "library_name: %s\npipeline_tag: text-generation\n", library)
	for _, line := range c.License {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out, "tags:")
	for _, t := range tags {
		fmt.Fprintln(out, "-", t)
	}
	fmt.Fprintln(out, "---")
}

// Adapters describes adapters in a line.
func Adapters(l *model.LoRA) string {
	scaled := ""
	if l.RSLoRA {
		scaled = ", rank-stabilized"
	}
	return fmt.Sprintf("LoRA of rank %d, alpha %g%s, on %s", l.Rank, l.Alpha, scaled, strings.Join(l.Targets, ", "))
}

// use begins the part that says how to load the folder, which ends a card.
const use = "\n## Use\n"

// example writes how the folder is loaded.
func (c *Card) example(out *bytes.Buffer) {
	const folder = `"path/to/this/folder"`
	switch {
	case c.Adapters == nil:
		fmt.Fprintf(out, "```python\nfrom transformers import pipeline\n\n"+
			"print(pipeline(\"text-generation\", %s)(\"…\"))\n```\n", folder)
	case c.Base.Embedded:
		fmt.Fprint(out, "```\nspell generate --model path/to/this/folder --prompt \"…\"\n```\n")
	default:
		base := c.Base.ID
		if base == "" {
			base = "path/to/" + c.Base.Name
		}
		fmt.Fprintf(out, "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"+
			"base = AutoModelForCausalLM.from_pretrained(%q)\nmodel = PeftModel.from_pretrained(base, %s)\n```\n", base,
			folder)
	}
}

// license matches the lines of a card's head that name a licence in plain words.
var license = regexp.MustCompile(`^license(_name|_link)?: *[\w./:-]+ *$`)

// License returns the lines of YAML in which a card names the licence of its model; none if it is
// nil.
func License(card []byte) (lines []string) {
	head, _ := split(card)
	for line := range strings.Lines(head) {
		if line = strings.TrimRight(line, "\r\n"); license.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Body returns what a card says below its title, without how to load the folder.
func Body(card []byte) string {
	_, body := split(card)
	body = strings.TrimSpace(body)
	if strings.HasPrefix(body, "# ") {
		_, body, _ = strings.Cut(body, "\n")
	}
	body, _, _ = strings.Cut(body, use)
	return strings.TrimSpace(body)
}

// split returns the YAML that begins a card, and the Markdown.
func split(card []byte) (head, body string) {
	text := strings.ReplaceAll(strings.TrimPrefix(string(card), "\ufeff"), "\r\n", "\n")
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return "", text
	}
	if head, body, ok = strings.Cut(rest, "\n---\n"); !ok {
		return "", text
	}
	return head, body
}
