package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// textFilter lifts a function on text to a filter that takes
// str(value), as most of Jinja2's text filters do.
func textFilter(name string, f func(*machine, string) string) function {
	return func(m *machine, self value, a args) value {
		a.bind(m, name, 0)
		return f(m, m.plain(self, name))
	}
}

// plain returns str(v), and fails if being marked safe would matter to the result.
func (m *machine) plain(v value, what string) string {
	if _, ok := v.(markup); ok {
		m.fail("%s on text marked safe or escaped is not supported: "+
			"the filter \"safe\" or \"escape\" must come after it", what)
	}
	return m.text(v)
}

// textOf returns v as a string, and fails on anything else.
func (m *machine) textOf(v value, what string) string {
	s, ok := asText(v)
	if !ok {
		m.failUndefined(v)
		m.fail("%s needs a string, not a value of type %s", what, typeName(v))
	}
	return s
}

// intOf returns v as an integer, and fails on anything else.
func (m *machine) intOf(v value, what string) int64 {
	i, ok := asInt(v)
	if !ok {
		m.failUndefined(v)
		m.fail("%s must be an integer, not a value of type %s", what, typeName(v))
	}
	return i
}

func trimFilter(m *machine, self value, a args) value {
	return m.strip(m.plain(self, "trim"), a.bind(m, "trim", 0, "chars")[0], true, true)
}

func replaceFilter(m *machine, self value, a args) value {
	p := a.bind(m, "replace", 2, "old", "new", "count")
	return m.replace(m.plain(self, "replace"), m.text(p[0]), m.text(p[1]), p[2])
}

func stringFilter(m *machine, self value, a args) value {
	a.bind(m, "string", 0)
	if s, ok := self.(markup); ok {
		return s
	}
	return m.text(self)
}

func safeFilter(m *machine, self value, a args) value {
	a.bind(m, "safe", 0)
	return markup(m.text(self))
}

func escapeFilter(m *machine, self value, a args) value {
	a.bind(m, "escape", 0)
	if s, ok := self.(markup); ok {
		return s
	}
	return markup(m.escape(m.text(self)))
}

// indentFilter indents all lines but the first and the empty ones.
func indentFilter(m *machine, self value, a args) value {
	p := a.bind(m, "indent", 0, "width", "first", "blank")
	s := m.plain(self, "indent")
	m.textOf(self, "indent")
	pad := writer{m: m}
	switch width := p[0].(type) {
	case nil:
		pad.text("    ")
	case string:
		pad.text(width)
	default:
		pad.repeat(" ", m.intOf(width, "the width of indent"))
	}
	first, blank := p[1] != nil && truth(p[1]), p[2] != nil && truth(p[2])
	w := writer{m: m}
	for i, line := range m.splitLines(s+"\n", false) {
		if i > 0 {
			w.text("\n")
		}
		if i == 0 && first || i > 0 && (blank || line != "") {
			w.text(pad.String())
		}
		w.text(line.(string))
	}
	return w.String()
}

func wordCount(m *machine, self value, a args) value {
	a.bind(m, "wordcount", 0)
	s := m.text(self)
	m.look(len(s))
	return int64(len(strings.FieldsFunc(s, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})))
}

// formatFilter returns string % values.
func formatFilter(m *machine, self value, a args) value {
	format := m.plain(self, "format")
	if len(a.names) == 0 {
		return m.percent(format, tuple(a.positional))
	}
	if len(a.positional) > 0 {
		m.fail("format takes either positional or named arguments")
	}
	d := newDict(len(a.names))
	for i, name := range a.names {
		d.setText(name, a.named[i])
	}
	return m.percent(format, d)
}

// titleWords is Jinja2's filter title. Unlike Python's method it
// begins words only after blanks, hyphens and opening brackets.
func titleWords(m *machine, s string) string {
	m.charge(2 * int64(len(s)))
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, wordBreak)
		if end < 0 {
			end = len(s)
		}
		if end > 0 {
			_, n := utf8.DecodeRuneInString(s)
			b.WriteString(upper(m, s[:n]))
			b.WriteString(lower(m, s[n:end]))
		}
		s = s[end:]
		next := strings.IndexFunc(s, func(r rune) bool { return !wordBreak(r) })
		if next < 0 {
			next = len(s)
		}
		b.WriteString(s[:next])
		s = s[next:]
	}
	return b.String()
}

func wordBreak(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) }
