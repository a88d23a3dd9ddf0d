package chat

import (
	"strings"
	"testing"
	"time"
)

// smallLimits keep the tests short. TestDefaultLimits meets the real ones.
var smallLimits = limits{steps: 1e6, memory: 16 << 20, output: 4 << 20, depth: MaxDepth}

// TestDefaultLimits checks that the bounds on work and on memory end a rendering within seconds.
func TestDefaultLimits(t *testing.T) {
	for template, want := range map[string]string{
		"{% set r = range(1000)|list %}{% for i in r %}{% for i in r %}{% for i in r %}{% endfor %}{% endfor %}{% endfor %}": "does not end within 20000000 steps",
		"{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}":                  "more than 536870912 bytes of intermediate values",
		"{% set x = 'x' * 1000000 %}{% for i in range(100) %}{{ x }}{% endfor %}":                                            "longer than 67108864 bytes",
		"{% macro m() %}{{ [[[m()]]] }}{% endmacro %}{{ m() }}":                                                              "nests more than 5000 evaluations",
	} {
		tmpl, err := Parse("t", template)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := tmpl.Render(Context{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %v", template, took)
		}
	}
}

// TestBounds runs templates that mean harm: each must stop with a
// sentence, soon and within its budget.
func TestBounds(t *testing.T) {
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	loops := func(n int, body string) string {
		return "{% set r = range(1000)|list %}" + nest("{% for i in r %}", body, "{% endfor %}", n)
	}
	doubling := func(start, change string) string {
		return "{% set ns = namespace(x=" + start + ") %}" +
			"{% for i in range(100) %}{% set ns.x = " + change + " %}{% endfor %}"
	}
	for name, c := range map[string]struct{ template, want string }{
		"long source":       {strings.Repeat("x", MaxSource+1), "longer than"},
		"parentheses":       {"{{ " + nest("(", "1", ")", 100_000) + " }}", "nests more than"},
		"lists":             {"{{ " + nest("[", "", "]", 100_000) + " }}", "nests more than"},
		"dicts":             {"{{ " + nest("{1:", "1", "}", 100_000) + " }}", "nests more than"},
		"nots":              {"{{ " + nest("not ", "1", "", 100_000) + " }}", "nests more than"},
		"signs":             {"{{ " + nest("-", "1", "", 100_000) + " }}", "nests more than"},
		"subscripts":        {"{{ " + nest("a[", "1", "]", 100_000) + " }}", "nests more than"},
		"calls":             {"{{ " + nest("f(", "1", ")", 100_000) + " }}", "nests more than"},
		"else ifs":          {"{{ " + nest("1 if 0 else ", "1", "", 50_000) + " }}", "nests more than"},
		"ifs":               {nest("{% if 1 %}", "", "{% endif %}", 20_000), "nests more than"},
		"targets":           {"{% set " + nest("(", "a", ")", 100_000) + " = 1 %}", "nests more than"},
		"chain of sums":     {"{{ 1" + strings.Repeat("+1", 100_000) + " }}", "chains more than"},
		"chain of filters":  {"{{ 1" + strings.Repeat("|abs", 100_000) + " }}", "chains more than"},
		"chain of keys":     {"{{ a" + strings.Repeat(".b", 100_000) + " }}", "chains more than"},
		"nested chains":     {"{{ " + nest("(", "1", strings.Repeat("+1", 1500)+")", 150) + " }}", "nests more than 5000 evaluations"},
		"nested loops":      {loops(3, ""), "does not end within"},
		"busy loops":        {loops(3, "{% set x = i * 2 %}"), "does not end within"},
		"output":            {loops(2, "{{ 'x' * 1000 }}"), "is longer than"},
		"captured output":   {"{% set x %}" + loops(2, strings.Repeat("x", 1000)) + "{% endset %}", "intermediate"},
		"doubled string":    {doubling("'ab'", "ns.x + ns.x"), "intermediate"},
		"doubled by ~":      {doubling("'ab'", "ns.x ~ ns.x"), "intermediate"},
		"doubled list":      {doubling("[1]", "ns.x + ns.x"), "intermediate"},
		"shared list":       {doubling("[1]", "[ns.x, ns.x]") + "{{ ns.x }}", "does not end within"},
		"shared as JSON":    {doubling("[1]", "[ns.x, ns.x]") + "{{ ns.x|tojson }}", "does not end within"},
		"shared compared":   {doubling("[1]", "[ns.x, ns.x]") + "{{ ns.x == ns.x }}", "does not end within"},
		"shared ordered":    {doubling("[1]", "[ns.x, ns.x]") + "{{ ns.x < ns.x }}", "does not end within"},
		"shared as key":     {doubling("(1,)", "(ns.x, ns.x)") + "{{ {ns.x: 1} }}", "intermediate"},
		"deep list":         {"{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "nests more than"},
		"deep JSON":         {"{% set ns = namespace(x=1) %}{% for i in range(10000) %}{% set ns.x = {1: ns.x} %}{% endfor %}{{ ns.x|tojson }}", "nests more than"},
		"itself":            {"{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}", "not supported"},
		"recursion":         {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nests more than"},
		"fork":              {"{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(100) }}", "does not end within"},
		"huge power":        {"{{ 7 ** 7 ** 7 }}", "64 bits"},
		"huge range":        {"{{ range(100001) }}", "too big"},
		"huger range":       {"{{ range(-9223372036854775807, 9223372036854775807) }}", "too big"},
		"huge string":       {"{{ 'x' * 9223372036854775807 }}", "intermediate"},
		"huge list":         {"{{ [1] * 9223372036854775807 }}", "intermediate"},
		"huge indent":       {"{{ 'a\nb' | indent(9223372036854775807) }}", "intermediate"},
		"huge JSON indent":  {"{{ [[1]] | tojson(indent=9223372036854775807) }}", "intermediate"},
		"huge width":        {"{{ '%2147483647s' % 'x' }}", "intermediate"},
		"huger width":       {"{{ '%99999999999999999999s' % 'x' }}", "too large"},
		"huge braces":       {"{{ '{:2147483647}'.format('x') }}", "intermediate"},
		"huge precision":    {"{{ '%.2147483647f' % 1.5 }}", "precision"},
		"huge join":         {"{{ ([('x' * 100000)] * 10000) | join }}", "intermediate"},
		"huge replacement":  {"{{ ('x' * 100000).replace('x', 'y' * 100000) }}", "intermediate"},
		"huge empty match":  {"{{ ('x' * 100000).replace('', 'y' * 100000) }}", "intermediate"},
		"lengths":           {loops(2, "{{ big|length if big else '' }}{% set big = 'x' * 1000000 %}{{ big|length }}"), "intermediate"},
		"scans":             {"{% set big = 'x' * 5000000 %}" + loops(2, "{% if big|length %}{% endif %}"), "does not end within"},
		"finds":             {"{% set big = 'x' * 5000000 %}" + loops(2, "{% if 'y' in big %}{% endif %}"), "does not end within"},
		"sorted":            {"{% set big = ['x' * 10000] * 1000 %}" + loops(2, "{% set y = big|sort %}"), ""},
		"characters":        {"{% set big = 'x' * 5000000 %}{{ big|list|length }}", "intermediate"},
		"pieces":            {"{% set big = ',' * 5000000 %}{{ big.split(',')|length }}", "intermediate"},
		"lines":             {"{% set big = '\n' * 5000000 %}{{ big.splitlines()|length }}", "intermediate"},
		"words":             {"{% set big = 'x ' * 2500000 %}{{ big.split()|length }}", "intermediate"},
		"strip set":         {"{% set big = 'x' * 500000 %}{{ big.strip('y' * 500000 ~ 'x') }}", "intermediate"},
		"unhashed products": {"{{ (range(10000)|list * 10)|unique|list|length }}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			tmpl, err := Parse("t", c.template)
			if err == nil {
				_, err = tmpl.render(Context{}, smallLimits)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %.200v, want one with %q", err, c.want)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestExtremeSlices checks that no bound of a slice, however large, reaches beyond the value.
func TestExtremeSlices(t *testing.T) {
	const least, most = "(-9223372036854775807-1)", "9223372036854775807"
	for expr, want := range map[string]string{
		"[1,2,3][" + least + ":" + most + "]":    "[1, 2, 3]",
		"[1,2,3][" + most + ":" + least + ":-1]": "[3, 2, 1]",
		"[1,2,3][::" + most + "]":                "[1]",
		"[1,2,3][::" + least + "]":               "[3]",
		"'aé日'[::" + least + "]":                 "日",
		"'aé日'[" + least + "]":                   "",
		"[1][" + most + "]":                      "",
		"''[::-1]":                               "",
	} {
		tmpl, err := Parse("t", "{{ "+expr+" }}")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Render(Context{}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", expr, got, err, want)
		}
	}
}
