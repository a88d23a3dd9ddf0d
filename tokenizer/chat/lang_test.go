package chat

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRefused names what the subset leaves out: in Parse if the source shows it, else in Render.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ template, parse, render string }{
		{"{% call f() %}{% endcall %}", `line 1: the statement "call" is not supported`, ""},
		{"\n\n{% include 'x' %}", `line 3: the statement "include" is not supported`, ""},
		{"{% block b %}{% endblock %}", `the statement "block" is not supported`, ""},
		{"{% frobnicate %}", `unknown statement "frobnicate"`, ""},
		{"x\n{{ 1 | frobnicate }}", "", `line 2: the filter "frobnicate" is not supported`},
		{"{{ [1] | map('frobnicate') }}", "", `the filter "frobnicate" is not supported`},
		{"{{ [1] | select('frobnicate') }}", "", `the test "frobnicate" is not supported`},
		{"{{ [1] | rejectattr('a', 'frobnicate') }}", "", `the test "frobnicate" is not supported`},
		{"{{ 1 is frobnicate }}", "", `the test "frobnicate" is not supported`},
		{"{{ f(*a) }}", `"*" before an argument is not supported`, ""},
		{"{{ f(**a) }}", `"**" before an argument is not supported`, ""},
		{"{% macro m() %}{{ varargs }}{% endmacro %}", `"varargs" in a macro is not supported`, ""},
		{"{{ 9223372036854775808 }}", "at most 64 bits", ""},
		{"{{ '\\ud800' }}", "not a character", ""},
		{"{{ '\\N{DASH}' }}", `escape \N`, ""},
		{"{{ x[1, 2] }}", "subscripts with commas are not supported", ""},
		{"{{ 9223372036854775807 + 1 }}", "", "more than 64 bits"},
		{"{{ -9223372036854775807 - 2 }}", "", "more than 64 bits"},
		{"{{ 4294967296 * 4294967296 }}", "", "more than 64 bits"},
		{"{{ 10 ** 19 }}", "", "more than 64 bits"},
		{"{{ (-8) ** 0.5 }}", "", "complex"},
		{"{{ [1].append(2) }}", "", "the sandbox keeps values unchanged"},
		{"{{ {}.update({}) }}", "", "the sandbox keeps values unchanged"},
		{"{{ 'a'.zfill(3) }}", "", `the attribute "zfill" of a value of type str is not supported`},
		{"\n{{ cycler(1) }}", "", `line 2: the global "cycler" is not supported`},
		{"{{ range }}", "", "a value of type function as text is not supported"},
		{"{{ [1] | map('string') }}", "", "a value of type generator as text is not supported"},
		{"{{ namespace(a=1) }}", "", "a value of type Namespace as text is not supported"},
		{"{{ ('a' | safe) | upper }}", "", "marked safe"},
		{"{{ ('a' | e).strip() }}", "", "marked safe"},
		{"{{ {}.keys() == {}.keys() }}", "", "comparing two values of type dict_keys is not supported"},
		{"{{ 1.5 | round(-1) }}", "", "negative precision"},
		{"{{ 'a' | tojson(ensure_ascii=true) }}", "", "ensure_ascii"},
		{"{{ strftime_now('%Q') }}", "", "the code %Q in a time format is not supported"},
		{"{{ strftime_now('%') }}", "", "ends in a percent sign"},
		{"a\nb{{ raise_exception('no\ngood') }}", "", "line 2: no\ngood"},
	} {
		tmpl, err := Parse("some/file", c.template)
		want := c.parse
		if err == nil && want == "" {
			want = c.render
			_, err = tmpl.Render(Context{Now: clock})
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "some/file: line ") {
			t.Errorf("%q: error %v, want one with %q", c.template, err, want)
		}
	}
}

func TestContext(t *testing.T) {
	tmpl, err := Parse("t", "{{ bos_token }}"+
		"{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ m.x }}{% endfor %}"+
		"{% if add_generation_prompt %}<assistant>{% endif %}"+
		"{{ tools is none }}{{ documents is none }}{{ q }}{{ tools|tojson }}")
	if err != nil {
		t.Fatal(err)
	}
	tmpl.tokens = map[string]value{"bos_token": "<s>"}
	got, err := tmpl.Render(Context{
		Messages: []Message{
			{Role: "system", Content: "S"},
			{JSON: json.RawMessage(`{"role":"user","content":"U","x":[1]}`)},
		},
		AddGenerationPrompt: true,
		Vars:                map[string]json.RawMessage{"q": json.RawMessage(`{"z":1,"a":2.0,"z":3}`)},
	})
	if want := "<s><system>S<user>U[1]<assistant>TrueTrue{'z': 3, 'a': 2.0}null"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, c := range []struct {
		context Context
		want    string
	}{
		{Context{Tools: json.RawMessage(`[`)}, "the tools: "},
		{Context{Tools: json.RawMessage(`[1] 2`)}, "more text after the JSON value"},
		{Context{Messages: []Message{{JSON: json.RawMessage(`{"a":}`)}}}, "message 0: "},
		{Context{Vars: map[string]json.RawMessage{"n": json.RawMessage(`18446744073709551616`)}}, `the variable "n": the integer 18446744073709551616`},
		{Context{Vars: map[string]json.RawMessage{"n": json.RawMessage(strings.Repeat("[", 300) + strings.Repeat("]", 300))}}, "nests more than"},
		{Context{Vars: map[string]json.RawMessage{"n": nil}}, `the variable "n": `},
	} {
		if _, err := tmpl.Render(c.context); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	clockless, err := Parse("t", "{{ strftime_now('%Y') }}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clockless.Render(Context{}); err == nil {
		t.Error("a date without a clock")
	}
	if got, err := clockless.Render(Context{Now: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}); got != "2031" {
		t.Errorf("got %q, error %v; want 2031", got, err)
	}
}

func TestConcurrentRender(t *testing.T) {
	tmpl, err := Parse("t",
		"{% set ns = namespace(n=0) %}"+
			"{% for m in messages %}{% set ns.n = ns.n + m.content|length %}{% endfor %}{{ ns.n }}")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := tmpl.Render(Context{Messages: []Message{{Content: "日本"}, {Content: "abc"}}})
				if got != "5" || err != nil {
					t.Errorf("got %q, error %v; want 5", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestOpensThinking(t *testing.T) {
	for prompt, want := range map[string]bool{
		"": false, "<|Assistant|><think>\n": true, "<think>": true, "a <think> \n\n": true,
		"<think>\n\n</think>\n\n": false, "<think>\nsome": false, "</think>": false, "think>": false,
	} {
		if got := OpensThinking(prompt); got != want {
			t.Errorf("%q opens thinking: %v, want %v", prompt, got, want)
		}
	}
}
