package chat

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer builds a string and charges for it as it grows.
type writer struct {
	m *machine
	strings.Builder
}

func (w *writer) text(s string) {
	w.m.charge(int64(len(s)))
	w.WriteString(s)
}

// repeat writes s n times.
func (w *writer) repeat(s string, n int64) {
	if n > 0 {
		w.m.chargeTimes(len(s), n)
		w.WriteString(strings.Repeat(s, int(n)))
	}
}

// text returns Python's str(v).
func (m *machine) text(v value) string {
	if s, ok := asText(v); ok {
		return s
	}
	if _, ok := v.(*undefined); ok {
		return ""
	}
	return m.repr(v)
}

// repr returns Python's repr(v).
func (m *machine) repr(v value) string {
	w := &writer{m: m}
	w.repr(v)
	return w.String()
}

func (w *writer) repr(v value) {
	w.m.enter()
	defer w.m.leave()
	switch v := v.(type) {
	case none:
		w.text("None")
	case bool:
		w.text(pythonBool(v))
	case int64:
		w.text(strconv.FormatInt(v, 10))
	case float64:
		w.text(formatFloat(v))
	case string:
		w.quote(v)
	case markup:
		w.text("Markup(")
		w.quote(string(v))
		w.text(")")
	case *undefined:
		w.text("Undefined")
	case list:
		w.items("[", v, "]")
	case tuple:
		if len(v) == 1 {
			w.items("(", v, ",)")
		} else {
			w.items("(", v, ")")
		}
	case *dict:
		w.text("{")
		for i, key := range v.keys {
			if i > 0 {
				w.text(", ")
			}
			w.repr(key)
			w.text(": ")
			w.repr(v.values[i])
		}
		w.text("}")
	case *view:
		w.items(v.kind+"([", v.items, "])")
	case interval:
		w.text("range(" + strconv.FormatInt(v.start, 10) + ", " + strconv.FormatInt(v.stop, 10))
		if v.step != 1 {
			w.text(", " + strconv.FormatInt(v.step, 10))
		}
		w.text(")")
	default:
		w.m.fail("a value of type %s as text is not supported", typeName(v))
	}
}

func (w *writer) items(open string, items []value, end string) {
	w.text(open)
	for i, item := range items {
		if i > 0 {
			w.text(", ")
		}
		w.repr(item)
	}
	w.text(end)
}

// quote writes a string literal as Python shows it.
func (w *writer) quote(s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	w.m.charge(int64(len(s)) + 2)
	w.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			w.WriteRune('\\')
			w.WriteRune(r)
		case unicode.IsPrint(r):
			w.WriteRune(r)
		default:
			w.m.charge(10)
			w.WriteString(escapeRune(r))
		}
	}
	w.WriteRune(quote)
}

func escapeRune(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	hex := strconv.FormatInt(int64(r), 16)
	switch {
	case r < 0x100:
		return `\x` + strings.Repeat("0", 2-len(hex)) + hex
	case r < 0x10000:
		return `\u` + strings.Repeat("0", 4-len(hex)) + hex
	}
	return `\U` + strings.Repeat("0", 8-len(hex)) + hex
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// formatFloat returns Python's repr of a float: the shortest digits that read back, with an
// exponent below 1e-4 and from 1e16 on.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
