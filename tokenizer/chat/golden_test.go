package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is the time of all tests: that of testdata/jinja.json.
var clock = time.Date(2026, 3, 7, 5, 4, 9, 123456000, time.UTC)

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

func readJSONFile(tb testing.TB, path string, into any) {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		tb.Fatal(err)
	}
}

type published struct {
	Templates map[string]string                     `json:"templates"`
	Contexts  map[string]map[string]json.RawMessage `json:"contexts"`
	Cases     []struct{ Template, Context, Want, Error string }
}

func publishedTemplates(tb testing.TB) (p published) {
	tb.Helper()
	readJSONFile(tb, filepath.Join(dataDir(tb), "tokenizers", "chat_templates.json"), &p)
	return p
}

// TestPublished compares with what Jinja2 makes of the templates of thirteen model families in seven conversations.
func TestPublished(t *testing.T) {
	p := publishedTemplates(t)
	if len(p.Cases) != 91 || len(p.Templates) != 13 {
		t.Fatalf("%d cases of %d templates", len(p.Cases), len(p.Templates))
	}
	// The reference was made with a clock that tells this date in this form whatever the format.
	const date = "26 Jul 2024"
	now := time.Date(2024, 7, 26, 12, 0, 0, 0, time.UTC)
	for _, c := range p.Cases {
		tmpl, err := Parse(c.Template, p.Templates[c.Template])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(p.Templates[c.Template], `strftime_now('%B %d, %Y')`) {
			c.Want = strings.ReplaceAll(c.Want, date, "July 26, 2024")
		}
		got, err := tmpl.Render(Context{Vars: p.Contexts[c.Context], Now: now})
		switch {
		case c.Error != "":
			message := strings.TrimPrefix(c.Error, "TemplateError: ")
			if err == nil || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), c.Template) {
				t.Errorf("%s, %s: error %v, want one with %q", c.Template, c.Context, err, message)
			}
		case err != nil:
			t.Errorf("%s, %s: %v", c.Template, c.Context, err)
		case got != c.Want:
			t.Errorf("%s, %s:\n got %q\nwant %q", c.Template, c.Context, got, c.Want)
		}
	}
}

type jinjaCases struct {
	Vars  map[string]json.RawMessage
	Cases []struct {
		Template string
		Want     *string
		Error    string
	}
}

func readJinjaCases(tb testing.TB) (c jinjaCases) {
	tb.Helper()
	readJSONFile(tb, filepath.Join("testdata", "jinja.json"), &c)
	return c
}

// narrower are cases of testdata/jinja.json that Jinja2 renders and the subset refuses, with a piece of the error.
var narrower = map[string]string{
	"{% for x in l recursive %}{{ x }}{% endfor %}": "recursive loops are not supported",
	// Jinja2 gives undefined for slices of constants that have none, and an error for those of variables.
	"{{ 5[1:] }}":            "a value of type int has no slices",
	"{{ none[:2] }}":         "a value of type NoneType has no slices",
	"{{ '{:,}'.format(1) }}": `the format specification ","`,
}

// TestJinja compares construct by construct with Jinja2 itself, whose results testdata/jinja.json holds.
func TestJinja(t *testing.T) {
	all := readJinjaCases(t)
	for _, c := range all.Cases {
		var got string
		tmpl, err := Parse("case", c.Template)
		if err == nil {
			got, err = tmpl.Render(Context{Vars: all.Vars, Now: clock})
		}
		refusal, refused := narrower[c.Template]
		switch {
		case refused:
			if err == nil || !strings.Contains(err.Error(), refusal) {
				t.Errorf("%q: error %v, want one with %q", c.Template, err, refusal)
			}
		case c.Want == nil:
			if err == nil {
				t.Errorf("%q: got %q, want an error like %q", c.Template, got, c.Error)
			} else if !strings.Contains(err.Error(), " case: line ") {
				t.Errorf("%q: the error %q does not name the template and the line", c.Template, err)
			}
		case err != nil:
			t.Errorf("%q: %v, want %q", c.Template, err, *c.Want)
		case got != *c.Want:
			t.Errorf("%q:\n got %q\nwant %q", c.Template, got, *c.Want)
		}
	}
}
