package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textMethods holds those of Python's str. Positions count code points.
var textMethods map[string]function

func init() {
	textMethods = map[string]function{
		"strip": stripMethod("strip", true, true), "lstrip": stripMethod("lstrip", true, false),
		"rstrip": stripMethod("rstrip", false, true),
		"upper":  textFilter("str.upper", upper), "lower": textFilter("str.lower", lower),
		"title": textFilter("str.title", title), "capitalize": textFilter("str.capitalize", capitalize),
		"split": splitMethod("split", false), "rsplit": splitMethod("rsplit", true),
		"splitlines": func(m *machine, self value, a args) value {
			p := a.bind(m, "splitlines", 0, "keepends")
			return list(m.splitLines(m.plain(self, "splitlines"), p[0] != nil && truth(p[0])))
		},
		"startswith": affixMethod("startswith", strings.HasPrefix), "endswith": affixMethod("endswith", strings.HasSuffix),
		"removeprefix": cutMethod("removeprefix", strings.TrimPrefix), "removesuffix": cutMethod("removesuffix", strings.TrimSuffix),
		"partition":  partitionMethod("partition", strings.Index, false),
		"rpartition": partitionMethod("rpartition", strings.LastIndex, true),
		"replace": func(m *machine, self value, a args) value {
			p := a.bind(m, "replace", 2, "old", "new", "count")
			return m.replace(m.plain(self, "replace"), m.textOf(p[0], "replace"), m.textOf(p[1], "replace"), p[2])
		},
		"find": findMethod("find", strings.Index, false), "rfind": findMethod("rfind", strings.LastIndex, false),
		"index": findMethod("index", strings.Index, true), "rindex": findMethod("rindex", strings.LastIndex, true),
		"count": func(m *machine, self value, a args) value {
			s, sub := m.plain(self, "count"), m.textOf(a.bind(m, "str.count", 1, "sub")[0], "str.count")
			m.look(len(s))
			return int64(strings.Count(s, sub))
		},
		"join": func(m *machine, self value, a args) value {
			w, glue := writer{m: m}, m.plain(self, "join")
			for i, item := range m.iterate(a.bind(m, "str.join", 1, "iterable")[0]) {
				if i > 0 {
					w.text(glue)
				}
				w.text(m.textOf(item, "str.join"))
			}
			return w.String()
		},
		"format":  formatMethod,
		"isdigit": allMethod("isdigit", unicode.IsDigit), "isdecimal": allMethod("isdecimal", unicode.IsDigit),
		"isnumeric": allMethod("isnumeric", unicode.IsNumber), "isalpha": allMethod("isalpha", unicode.IsLetter),
		"isalnum": allMethod("isalnum", func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isspace": allMethod("isspace", isSpace),
		"isupper": func(m *machine, self value, a args) value { return isCased(m, m.plain(self, "isupper"), upper) },
		"islower": func(m *machine, self value, a args) value { return isCased(m, m.plain(self, "islower"), lower) },
	}
	methods["str"] = textMethods
}

func allMethod(name string, is func(rune) bool) function {
	return func(m *machine, self value, a args) value {
		a.bind(m, name, 0)
		s := m.plain(self, name)
		m.look(len(s))
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !is(r) })
	}
}

func stripMethod(name string, left, right bool) function {
	return func(m *machine, self value, a args) value {
		return m.strip(m.plain(self, name), a.bind(m, name, 0, "chars")[0], left, right)
	}
}

// strip cuts white space, or all of the given characters, from the ends.
func (m *machine) strip(s string, chars value, left, right bool) string {
	m.look(len(s))
	cut := isSpace
	if chars != nil && chars != (none{}) {
		set := m.textOf(chars, "the set of characters to strip")
		m.chargeTimes(len(s)+1, int64(len(set)/64+1))
		cut = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

func (m *machine) replace(s, from, to string, count value) string {
	limit := -1
	if count != nil && count != (none{}) {
		limit = int(max(m.intOf(count, "the count of replace"), -1))
	}
	m.look(len(s))
	n := strings.Count(s, from)
	if limit >= 0 {
		n = min(n, limit)
	}
	if n == 0 {
		return s
	}
	m.chargeTimes(len(to), int64(n))
	m.charge(int64(len(s)))
	return strings.Replace(s, from, to, limit)
}

func splitMethod(name string, fromRight bool) function {
	return func(m *machine, self value, a args) value {
		p := a.bind(m, name, 0, "sep", "maxsplit")
		s := m.plain(self, name)
		limit := int64(-1)
		if p[1] != nil {
			limit = m.intOf(p[1], "the maxsplit of "+name)
		}
		m.look(len(s))
		if p[0] == nil || p[0] == (none{}) {
			return m.splitBlanks(s, limit, fromRight)
		}
		sep := m.textOf(p[0], name)
		if sep == "" {
			m.fail("the separator of %s is empty", name)
		}
		n := int64(strings.Count(s, sep))
		if limit < 0 || limit > n {
			limit = n
		}
		m.chargeElements(int(limit) + 1)
		out := make(list, limit+1)
		if !fromRight {
			for i := range out[:limit] {
				piece, rest, _ := strings.Cut(s, sep)
				out[i], s = piece, rest
			}
			out[limit] = s
			return out
		}
		for i := limit; i > 0; i-- {
			at := strings.LastIndex(s, sep)
			out[i], s = s[at+len(sep):], s[:at]
		}
		out[0] = s
		return out
	}
}

// splitBlanks splits at runs of white space. A limit leaves the rest of the text as it is.
func (m *machine) splitBlanks(s string, limit int64, fromRight bool) list {
	out := list{}
	trim, find := strings.TrimLeftFunc, strings.IndexFunc
	if fromRight {
		trim, find = strings.TrimRightFunc, strings.LastIndexFunc
	}
	for s = trim(s, isSpace); s != ""; s = trim(s, isSpace) {
		m.chargeElements(1)
		at := find(s, isSpace)
		switch {
		case limit == 0 || at < 0:
			out = append(out, s)
			s = ""
		case fromRight:
			_, n := utf8.DecodeRuneInString(s[at:])
			out = append(out, s[at+n:])
			s = s[:at]
		default:
			out = append(out, s[:at])
			s = s[at:]
		}
		limit--
	}
	if fromRight {
		slices.Reverse(out)
	}
	return out
}

// splitLines splits at every line boundary that Unicode names.
func (m *machine) splitLines(s string, keepEnds bool) []value {
	m.look(len(s))
	var out []value
	for s != "" {
		m.chargeElements(1)
		at := strings.IndexFunc(s, isLineEnd)
		if at < 0 {
			return append(out, s)
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == '\r' && strings.HasPrefix(s[at+1:], "\n") {
			n++
		}
		if keepEnds {
			out = append(out, s[:at+n])
		} else {
			out = append(out, s[:at])
		}
		s = s[at+n:]
	}
	return out
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

func affixMethod(name string, has func(s, affix string) bool) function {
	return func(m *machine, self value, a args) value {
		s, affix := m.plain(self, name), a.bind(m, name, 1, "affix")[0]
		several, ok := affix.(tuple)
		if !ok {
			several = tuple{affix}
		}
		for _, one := range several {
			m.step(1)
			if has(s, m.textOf(one, name)) {
				return true
			}
		}
		return false
	}
}

func cutMethod(name string, trim func(s, affix string) string) function {
	return func(m *machine, self value, a args) value {
		return trim(m.plain(self, name), m.textOf(a.bind(m, name, 1, "affix")[0], name))
	}
}

func partitionMethod(name string, find func(s, sep string) int, last bool) function {
	return func(m *machine, self value, a args) value {
		s, sep := m.plain(self, name), m.textOf(a.bind(m, name, 1, "sep")[0], name)
		if sep == "" {
			m.fail("the separator of %s is empty", name)
		}
		m.look(len(s))
		m.chargeElements(3)
		at := find(s, sep)
		switch {
		case at >= 0:
			return tuple{s[:at], sep, s[at+len(sep):]}
		case last:
			return tuple{"", "", s}
		}
		return tuple{s, "", ""}
	}
}

// findMethod returns the position of a piece of text. If there is
// none it returns -1, or fails with must.
func findMethod(name string, find func(s, sub string) int, must bool) function {
	return func(m *machine, self value, a args) value {
		s, sub := m.plain(self, name), m.textOf(a.bind(m, "str."+name, 1, "sub")[0], name)
		m.look(len(s))
		at := find(s, sub)
		if at < 0 && must {
			m.fail("the text %.40q is not in the string", sub)
		}
		if at < 0 {
			return int64(-1)
		}
		return int64(utf8.RuneCountInString(s[:at]))
	}
}
