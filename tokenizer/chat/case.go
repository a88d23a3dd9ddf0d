package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// upper and lower map case by Unicode's full mappings, as Python does: "ß" has the upper case "SS".
func upper(m *machine, s string) string {
	m.charge(3 * int64(len(s)))
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(m *machine, s string) string {
	m.charge(3 * int64(len(s)))
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

// capitalize puts the first character in title case and the others in lower case.
func capitalize(m *machine, s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return titleRune(m, s[:n]) + lower(m, s[n:])
}

// titleRune returns the title case of one character by the full mapping: "ß" becomes "Ss".
func titleRune(m *machine, s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	if t := unicode.ToTitle(r); t != r {
		return string(t)
	}
	up := upper(m, s)
	_, n := utf8.DecodeRuneInString(up)
	return up[:n] + lower(m, up[n:])
}

// title returns Python's str.title: a letter after anything without case begins a word.
func title(m *machine, s string) string {
	m.charge(3 * int64(len(s)))
	var b strings.Builder
	within := false
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if within {
			b.WriteString(lower(m, s[:n]))
		} else {
			b.WriteString(titleRune(m, s[:n]))
		}
		within = hasCase(r)
		s = s[n:]
	}
	return b.String()
}

func hasCase(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

// isCased reports whether s has letters with case and the mapping,
// upper or lower, changes none of them.
func isCased(m *machine, s string, mapping func(*machine, string) string) bool {
	return strings.ContainsFunc(s, hasCase) && mapping(m, s) == s
}
