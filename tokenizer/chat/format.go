package chat

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec is one conversion of a format: what % and str.format have in common.
type spec struct {
	align     byte // '<', '>', '^', '=' or 0
	fill      string
	sign      byte // '+', ' ' or 0
	zero      bool
	width     int64
	precision int64 // -1 for none
	verb      byte
}

// percent returns Python's format % values, with the conversions s r
// d i f F e E g G x X o c and %%.
func (m *machine) percent(format string, values value) string {
	m.look(len(format))
	w := writer{m: m}
	var items []value
	named, _ := values.(*dict)
	if t, ok := values.(tuple); ok {
		items = t
	} else {
		items = []value{values}
	}
	used := 0
	for {
		at := strings.IndexByte(format, '%')
		if at < 0 {
			break
		}
		w.text(format[:at])
		format = format[at+1:]
		if rest, ok := strings.CutPrefix(format, "%"); ok {
			w.text("%")
			format = rest
			continue
		}
		var v value
		if strings.HasPrefix(format, "(") {
			key, rest, ok := strings.Cut(format[1:], ")")
			if !ok || named == nil {
				m.fail("a format with names needs a mapping")
			}
			if v, ok = named.getText(key); !ok {
				m.fail("the format names %q, which the mapping does not hold", key)
			}
			format, used = rest, 1
		}
		s, rest := m.percentSpec(format)
		format = rest
		if v == nil {
			if used >= len(items) {
				m.fail("not enough arguments for the format string")
			}
			v = items[used]
			used++
		}
		w.text(m.convert(s, v))
	}
	w.text(format)
	if used < len(items) && !hasItems(values) {
		m.fail("not all arguments were converted by the format string")
	}
	return w.String()
}

// hasItems reports whether Python's % takes v for a mapping, of
// which a format need not use anything.
func hasItems(v value) bool {
	switch v.(type) {
	case *dict, list, interval, *undefined:
		return true
	}
	return false
}

func (m *machine) percentSpec(format string) (spec, string) {
	s := spec{align: '>', fill: " ", precision: -1}
	i := 0
	for ; i < len(format) && strings.IndexByte("-+ 0", format[i]) >= 0; i++ {
		switch c := format[i]; c {
		case '-':
			s.align = '<'
		case '0':
			s.zero = true
		default:
			s.sign = max(s.sign, c)
		}
	}
	s.width, i = m.digits(format, i)
	if i < len(format) && format[i] == '.' {
		s.precision, i = m.digits(format, i+1)
	}
	if i >= len(format) || strings.IndexByte("srdifFeEgGxXoc", format[i]) < 0 {
		m.fail("the conversion %%%.20s in a format is not supported", format)
	}
	s.verb = format[i]
	return s, format[i+1:]
}

func (m *machine) digits(s string, i int) (int64, int) {
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[start:i], 10, 32)
	if err != nil && i > start {
		m.fail("the number %.20s in a format is too large", s[start:i])
	}
	return n, i
}

// convert formats one value.
func (m *machine) convert(s spec, v value) string {
	if s.precision > maxDigits {
		m.fail("a precision of more than %d digits in a format is not supported", maxDigits)
	}
	body := ""
	switch s.verb {
	case 's', 'r':
		if body = m.text(v); s.verb == 'r' {
			body = m.repr(v)
		}
		if s.precision >= 0 {
			body = body[:runeOffset(body, s.precision)]
		}
		s.zero = false
	case 'c':
		var ok bool
		if body, ok = asText(v); !ok || utf8.RuneCountInString(body) != 1 {
			m.fail("the conversion %%c needs one character")
		}
		s.zero = false
	case 'd', 'i', 'x', 'X', 'o':
		body = m.convertInt(s, v)
	default:
		f, ok := asFloat(v)
		if !ok {
			m.failUndefined(v)
			m.fail("a format needs a number, not a value of type %s", typeName(v))
		}
		body = convertFloat(s, f)
	}
	sign := ""
	if s.verb != 's' && s.verb != 'r' && s.verb != 'c' {
		switch {
		case strings.HasPrefix(body, "-"):
			sign, body = "-", body[1:]
		case s.sign != 0:
			sign = string(rune(s.sign))
		}
	}
	return m.pad(s, sign, body)
}

func (m *machine) convertInt(s spec, v value) string {
	i, ok := asInt(v)
	if f, isFloat := v.(float64); isFloat && (s.verb == 'd' || s.verb == 'i') {
		i, ok = intOf(math.Trunc(f))
	}
	if !ok {
		m.failUndefined(v)
		m.fail("a format needs an integer, not a value of type %s", typeName(v))
	}
	base := 10
	switch s.verb {
	case 'x', 'X':
		base = 16
	case 'o':
		base = 8
	}
	text := strconv.FormatInt(i, base)
	if s.verb == 'X' {
		text = strings.ToUpper(text)
	}
	digits := strings.TrimPrefix(text, "-")
	if missing := int(s.precision) - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if i < 0 {
		return "-" + digits
	}
	return digits
}

func convertFloat(s spec, f float64) string {
	precision := int(s.precision)
	if precision < 0 {
		precision = 6
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		text := formatFloat(f)
		if s.verb < 'a' {
			return strings.ToUpper(text)
		}
		return text
	}
	switch s.verb {
	case 'f', 'F':
		return strconv.FormatFloat(f, 'f', precision, 64)
	case 'e', 'E':
		return strconv.FormatFloat(f, s.verb, precision, 64)
	}
	return formatGeneral(f, max(precision, 1), s.verb)
}

// formatGeneral returns C's %g: precision significant digits without
// trailing zeros, and an exponent if that is shorter.
func formatGeneral(f float64, precision int, verb byte) string {
	text := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	x, _ := strconv.Atoi(exponent)
	if x >= -4 && x < precision {
		text = strconv.FormatFloat(f, 'f', precision-1-x, 64)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text
	}
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	e := "e"
	if verb == 'G' {
		e = "E"
	}
	return mantissa + e + exponent
}

// pad fills a conversion up to its width.
func (m *machine) pad(s spec, sign, body string) string {
	missing := s.width - int64(utf8.RuneCountInString(sign)+utf8.RuneCountInString(body))
	w := writer{m: m}
	switch {
	case missing <= 0:
		w.text(sign + body)
	case s.zero && s.align != '<' || s.align == '=':
		fill := s.fill
		if s.zero {
			fill = "0"
		}
		w.text(sign)
		w.repeat(fill, missing)
		w.text(body)
	case s.align == '<':
		w.text(sign + body)
		w.repeat(s.fill, missing)
	case s.align == '^':
		w.repeat(s.fill, missing/2)
		w.text(sign + body)
		w.repeat(s.fill, missing-missing/2)
	default:
		w.repeat(s.fill, missing)
		w.text(sign + body)
	}
	return w.String()
}
