package chat

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonWriter writes as Python's json.dumps does with ensure_ascii=False.
type jsonWriter struct {
	writer
	indented   bool
	indent     string
	comma      string
	colon      string
	sortedKeys bool
}

// tojson is transformers' filter of that name, without the HTML escapes of Jinja2's own.
func tojson(m *machine, self value, a args) value {
	p := a.bind(m, "tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys")
	w := jsonWriter{writer: writer{m: m}, comma: ", ", colon: ": "}
	if p[0] != nil && truth(p[0]) {
		m.fail("tojson with ensure_ascii is not supported")
	}
	switch indent := p[1].(type) {
	case nil, none:
	case string:
		w.indented, w.indent = true, indent
	default:
		n, ok := asInt(indent)
		if !ok {
			m.fail("the indent of tojson must be a number or a string, not a value of type %s", typeName(indent))
		}
		var pad writer
		pad.m = m
		pad.repeat(" ", n)
		w.indented, w.indent = true, pad.String()
	}
	if w.indented {
		w.comma = ","
	}
	if p[2] != nil && p[2] != (none{}) {
		w.separators(m.iterate(p[2]))
	}
	w.sortedKeys = p[3] != nil && truth(p[3])
	w.value(self, 0)
	return w.String()
}

func (w *jsonWriter) separators(pair []value) {
	if len(pair) == 2 {
		comma, ok := asText(pair[0])
		colon, ok2 := asText(pair[1])
		if ok && ok2 {
			w.comma, w.colon = comma, colon
			return
		}
	}
	w.m.fail("the separators of tojson must be two strings")
}

func (w *jsonWriter) value(v value, depth int64) {
	w.m.enter()
	defer w.m.leave()
	switch v := v.(type) {
	case string:
		w.string(v)
	case markup:
		w.string(string(v))
	case list:
		w.array(v, depth)
	case tuple:
		w.array(v, depth)
	case *dict:
		w.object(v, depth)
	default:
		text, ok := jsonScalar(v)
		if !ok {
			w.m.fail("a value of type %s is not JSON serializable", typeName(v))
		}
		w.text(text)
	}
}

// jsonScalar writes null, booleans and numbers.
func jsonScalar(v value) (string, bool) {
	switch v := v.(type) {
	case none:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		switch s := formatFloat(v); s {
		case "nan":
			return "NaN", true
		case "inf":
			return "Infinity", true
		case "-inf":
			return "-Infinity", true
		default:
			return s, true
		}
	}
	return "", false
}

func (w *jsonWriter) newline(depth int64) {
	if w.indented {
		w.text("\n")
		w.repeat(w.indent, depth)
	}
}

func (w *jsonWriter) array(items []value, depth int64) {
	w.text("[")
	for i, item := range items {
		if i > 0 {
			w.text(w.comma)
		}
		w.newline(depth + 1)
		w.value(item, depth+1)
	}
	if len(items) > 0 {
		w.newline(depth)
	}
	w.text("]")
}

func (w *jsonWriter) object(d *dict, depth int64) {
	w.text("{")
	pairs := d.pairs()
	if w.sortedKeys {
		w.m.sort(pairs, func(pair value) value { return pair.(tuple)[0] }, false)
	}
	for i, pair := range pairs {
		if i > 0 {
			w.text(w.comma)
		}
		w.newline(depth + 1)
		key := pair.(tuple)[0]
		text, ok := asText(key)
		if !ok {
			if text, ok = jsonScalar(key); !ok {
				w.m.fail("a key of type %s is not JSON serializable", typeName(key))
			}
		}
		w.string(text)
		w.text(w.colon)
		w.value(pair.(tuple)[1], depth+1)
	}
	if len(pairs) > 0 {
		w.newline(depth)
	}
	w.text("}")
}

// string writes a JSON string. Of all characters only quotes, backslashes and controls are escaped.
func (w *jsonWriter) string(s string) {
	w.m.charge(int64(len(s)) + 2)
	w.WriteByte('"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' || c >= utf8.RuneSelf {
			continue
		}
		w.WriteString(s[start:i])
		start = i + 1
		if at := strings.IndexByte("\"\\\n\r\t\f\b", c); at >= 0 {
			w.WriteByte('\\')
			w.WriteByte(`"\nrtfb`[at])
		} else {
			const hex = "0123456789abcdef"
			w.WriteString(`\u00`)
			w.WriteByte(hex[c>>4])
			w.WriteByte(hex[c&15])
		}
	}
	w.WriteString(s[start:])
	w.WriteByte('"')
}
