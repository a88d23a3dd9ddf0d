package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spell/tensor/fixture"
)

// clock is the time of all tests: that of the references in testdata.
var clock = time.Date(2026, 3, 7, 5, 4, 9, 123456000, time.UTC)

func unmarshal(tb testing.TB, data []byte, into any) {
	tb.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		tb.Fatal(err)
	}
}

func readTestdata(tb testing.TB, name string, into any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	unmarshal(tb, data, into)
}

// rendered are templates, conversations, and what Jinja2 makes of each with each.
type rendered struct {
	Templates map[string]string                     `json:"templates"`
	Contexts  map[string]map[string]json.RawMessage `json:"contexts"`
	Cases     []struct{ Template, Context, Want, Error string }
}

// publishedTemplates are those of thirteen model families, whose licences keep them out of a clone.
func publishedTemplates(tb testing.TB) (p rendered) {
	tb.Helper()
	unmarshal(tb, fixture.Read(tb, "tokenizers/chat_templates.json"), &p)
	return p
}

func (r rendered) compare(t *testing.T, now time.Time) {
	for _, c := range r.Cases {
		tmpl, err := Parse(c.Template, r.Templates[c.Template])
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Render(Context{Vars: r.Contexts[c.Context], Now: now})
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

// TestTemplates renders whole templates, with tools, dates, macros
// and refusals, written for this test.
func TestTemplates(t *testing.T) {
	var r rendered
	readTestdata(t, "templates.json", &r)
	if len(r.Cases) != 27 || len(r.Templates) != 3 {
		t.Fatalf("%d cases of %d templates, want 27 of 3", len(r.Cases), len(r.Templates))
	}
	r.compare(t, clock)
}

// TestPublished compares with what Jinja2 makes of the templates of
// thirteen model families in seven conversations.
func TestPublished(t *testing.T) {
	p := publishedTemplates(t)
	if len(p.Cases) != 91 || len(p.Templates) != 13 {
		t.Fatalf("%d cases of %d templates", len(p.Cases), len(p.Templates))
	}
	// The reference was made with a clock that tells this date in this form whatever the format.
	const date = "26 Jul 2024"
	for i, c := range p.Cases {
		if strings.Contains(p.Templates[c.Template], `strftime_now('%B %d, %Y')`) {
			p.Cases[i].Want = strings.ReplaceAll(c.Want, date, "July 26, 2024")
		}
	}
	p.compare(t, time.Date(2024, 7, 26, 12, 0, 0, 0, time.UTC))
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
	readTestdata(tb, "jinja.json", &c)
	return c
}

// narrower are cases of testdata/jinja.json that Jinja2 renders and
// the subset refuses, with a piece of the error.
var narrower = map[string]string{
	"{% for x in l recursive %}{{ x }}{% endfor %}": "recursive loops are not supported",
	// Jinja2 returns undefined for slices of constants that have none,
	// and an error for those of variables.
	"{{ 5[1:] }}":            "a value of type int has no slices",
	"{{ none[:2] }}":         "a value of type NoneType has no slices",
	"{{ '{:,}'.format(1) }}": `the format specification ","`,
}

// TestJinja compares construct by construct with Jinja2 itself,
// whose results testdata/jinja.json holds.
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
