package chat

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatMethod is Python's str.format: fields {}, {0}, {name}, their
// attributes and items, the conversions !s and !r, and format specifications
// of fill, align, sign, 0, width, precision and type, without nested fields.
func formatMethod(m *machine, self value, a args) value {
	format := m.plain(self, "format")
	m.look(len(format))
	w := writer{m: m}
	next := 0
	for {
		at := strings.IndexAny(format, "{}")
		if at < 0 {
			w.text(format)
			return w.String()
		}
		w.text(format[:at])
		brace := format[at]
		format = format[at+1:]
		if strings.HasPrefix(format, string(brace)) {
			w.text(string(brace))
			format = format[1:]
			continue
		}
		field, rest, ok := strings.Cut(format, "}")
		switch {
		case brace == '}':
			m.fail("a single '}' in a format string")
		case !ok:
			m.fail("a single '{' in a format string")
		case strings.Contains(field, "{"):
			m.fail("fields within fields of a format string are not supported")
		}
		format = rest
		w.text(m.field(field, a, &next))
	}
}

// field formats one field. next counts the fields that are numbered
// by their order, and is negative after an explicit number.
func (m *machine) field(field string, a args, next *int) string {
	path, specification, _ := strings.Cut(field, ":")
	path, conversion, converted := strings.Cut(path, "!")
	v := m.fieldValue(path, a, next)
	if converted {
		switch conversion {
		case "s":
			v = m.text(v)
		case "r":
			v = m.repr(v)
		default:
			m.fail("the conversion !%.20s in a format is not supported", conversion)
		}
	}
	if specification == "" {
		return m.text(v)
	}
	return m.convert(m.fieldSpec(specification, v), v)
}

func (m *machine) fieldValue(path string, a args, next *int) value {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	name, rest := path[:end], path[end:]
	var v value
	i, err := strconv.Atoi(name)
	switch {
	case name == "" && *next < 0, name != "" && err == nil && *next > 0:
		m.fail("a format string cannot number some fields and leave others without number")
	case name == "":
		i, err = *next, nil
		*next++
	case err == nil:
		*next = -1
	}
	if err == nil {
		if i < 0 || i >= len(a.positional) {
			m.fail("the format string has a field %d and the call no such argument", i)
		}
		v = a.positional[i]
	} else {
		for j, n := range a.names {
			if n == name {
				v = a.named[j]
			}
		}
		if v == nil {
			m.fail("the format string has a field %q and the call no such argument", name)
		}
	}
	for rest != "" {
		m.step(1)
		if key, after, ok := strings.Cut(rest[1:], "]"); rest[0] == '[' && ok {
			if i, err := strconv.ParseInt(key, 10, 64); err == nil {
				v = m.itemOrAttribute(v, i)
			} else {
				v = m.itemOrAttribute(v, key)
			}
			rest = after
			continue
		} else if rest[0] != '.' {
			m.fail("the field %.40q of a format string is malformed", path)
		}
		name, rest = rest[1:], ""
		if end := strings.IndexAny(name, ".["); end >= 0 {
			name, rest = name[:end], name[end:]
		}
		v = (&attributeExpr{m.line, constant{v}, name}).eval(m)
	}
	return v
}

func (m *machine) fieldSpec(text string, v value) spec {
	s := spec{fill: " ", precision: -1}
	_, n := utf8.DecodeRuneInString(text)
	isAlign := func(i int) bool { return i < len(text) && strings.IndexByte("<>=^", text[i]) >= 0 }
	i := 0
	if isAlign(n) {
		s.fill, s.align, i = text[:n], text[n], n+1
	} else if isAlign(0) {
		s.align, i = text[0], 1
	}
	if i < len(text) && strings.IndexByte("+- ", text[i]) >= 0 {
		if text[i] != '-' {
			s.sign = text[i]
		}
		i++
	}
	if i < len(text) && text[i] == '0' {
		if s.align == 0 {
			s.fill, s.align = "0", '='
		}
		i++
	}
	s.width, i = m.digits(text, i)
	if i < len(text) && text[i] == '.' {
		s.precision, i = m.digits(text, i+1)
	}
	_, isText := asText(v)
	switch rest := text[i:]; {
	case len(rest) == 1 && strings.Contains("sdfFeEgGxXo", rest) && (rest == "s") == isText:
		s.verb = rest[0]
	case rest == "" && isText:
		s.verb = 's'
	case rest == "" && (typeName(v) == "int" || typeName(v) == "bool"):
		s.verb = 'd'
	default:
		m.failUndefined(v)
		m.fail("the format specification %.40q for a value of type %s is not supported", text, typeName(v))
	}
	_, isFloat := v.(float64)
	if isFloat && strings.IndexByte("dxXo", s.verb) >= 0 || s.verb == 'd' && s.precision >= 0 {
		m.fail("the format specification %.40q does not fit a value of type %s", text, typeName(v))
	}
	if s.align == 0 {
		s.align = '>'
		if isText {
			s.align = '<'
		}
	}
	if isText && s.align == '=' {
		m.fail("the format specification %.40q does not fit a string", text)
	}
	return s
}
