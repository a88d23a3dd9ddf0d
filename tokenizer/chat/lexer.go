package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind says what a token is.
type kind uint8

const (
	tokEOF kind = iota
	tokData
	tokPrintBegin // {{
	tokPrintEnd   // }}
	tokBlockBegin // {%
	tokBlockEnd   // %}
	tokName
	tokString
	tokInt
	tokFloat
	tokOperator
)

type token struct {
	kind kind
	text string // a string's value, any other token's spelling
	line int
}

// lexer cuts a template into tokens. Outside of tags it applies the whitespace
// rules of Jinja2 with lstrip_blocks and trim_blocks. Blanks between the start of a
// line and a block or comment tag vanish, and so does one newline right after such
// a tag. A minus sign strips all whitespace on its side, a plus sign keeps it.
type lexer struct {
	src    string
	pos    int
	line   int
	tokens []token
}

// lex reads the whole source, with newlines made \n and a single trailing one dropped.
func lex(source string) []token {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(source, "\n"), line: 1}
	for l.pos < len(l.src) {
		l.text()
	}
	l.emit(tokEOF, "")
	return l.tokens
}

func (l *lexer) emit(k kind, text string) { l.tokens = append(l.tokens, token{k, text, l.line}) }

// advance moves over n bytes and counts their lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.src[l.pos:l.pos+n], "\n")
	l.pos += n
}

func (l *lexer) rest() string { return l.src[l.pos:] }

// text reads the text up to the next tag, and that tag.
func (l *lexer) text() {
	rest := l.rest()
	at := findTag(rest)
	if at < 0 {
		l.emit(tokData, rest)
		l.advance(len(rest))
		return
	}
	begin, sign := rest[at:at+2], signOf(rest[at+2:])
	l.data(rest[:at], sign, begin != "{{")
	l.advance(at)
	width := 2
	if sign != 0 {
		width = 3
	}
	switch begin {
	case "{#":
		l.comment(width)
	case "{{":
		l.emit(tokPrintBegin, begin)
		l.advance(width)
		l.tag(tokPrintEnd)
	default:
		if l.raw(width) {
			return
		}
		l.emit(tokBlockBegin, begin)
		l.advance(width)
		l.tag(tokBlockEnd)
	}
}

// findTag returns the offset of the first {{, {% or {#, or -1.
func findTag(s string) int {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '{')
		if i < 0 || at+i+1 >= len(s) {
			return -1
		}
		at += i
		switch s[at+1] {
		case '{', '%', '#':
			return at
		}
		at++
	}
}

func signOf(s string) byte {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[0]
	}
	return 0
}

// data emits the text before a tag, less what the tag's sign and lstrip_blocks (block) take from
// its end. It must run before advance: the byte before the text shows whether that begins a line.
func (l *lexer) data(text string, sign byte, block bool) {
	switch {
	case sign == '-':
		text = strings.TrimRightFunc(text, isSpace)
	case sign == 0 && block:
		start := strings.LastIndexByte(text, '\n') + 1
		if start > 0 || l.pos == 0 || l.src[l.pos-1] == '\n' {
			if strings.TrimLeftFunc(text[start:], isSpace) == "" {
				text = text[:start]
			}
		}
	}
	if text != "" {
		l.emit(tokData, text)
	}
}

// tagEnd returns the length of the end of a tag at the start of s, or 0. It counts the mark ("%}",
// "#}", or "}}"), the sign before it, and the whitespace that it takes along.
func tagEnd(s, mark string) int {
	body, minus := strings.CutPrefix(s, "-")
	plus := false
	if !minus && mark != "}}" {
		body, plus = strings.CutPrefix(s, "+")
	}
	after, ok := strings.CutPrefix(body, mark)
	switch {
	case !ok:
		return 0
	case minus:
		after = strings.TrimLeftFunc(after, isSpace)
	case !plus && mark != "}}":
		after = strings.TrimPrefix(after, "\n")
	}
	return len(s) - len(after)
}

func (l *lexer) comment(width int) {
	opened := l.line
	l.advance(width)
	rest := l.rest()
	at := strings.Index(rest, "#}")
	if at < 0 {
		fail(opened, "the comment {# is not closed")
	}
	if at > 0 && signOf(rest[at-1:]) != 0 {
		at--
	}
	l.advance(at + tagEnd(rest[at:], "#}"))
}

// raw reads {% raw %} … {% endraw %} as text, and reports whether there was one.
func (l *lexer) raw(width int) bool {
	after, ok := cutWord(l.rest()[width:], "raw")
	if !ok {
		return false
	}
	n := 0
	if strings.HasPrefix(after, "%}") {
		n = 2 // trim_blocks leaves the newline after {% raw %} alone
	} else if strings.HasPrefix(after, "-%}") {
		n = tagEnd(after, "%}")
	}
	if n == 0 {
		return false
	}
	opened := l.line
	l.advance(len(l.rest()) - len(after) + n)
	rest := l.rest()
	for at := 0; ; at += 2 {
		i := strings.Index(rest[at:], "{%")
		if i < 0 {
			fail(opened, "the statement \"raw\" is not closed by \"endraw\"")
		}
		at += i
		sign := signOf(rest[at+2:])
		body := rest[at+2:]
		if sign != 0 {
			body = body[1:]
		}
		if body, ok = cutWord(body, "endraw"); !ok {
			continue
		}
		if n := tagEnd(body, "%}"); n > 0 {
			l.data(rest[:at], sign, true)
			l.advance(len(rest) - len(body) + n)
			return true
		}
	}
}

// cutWord cuts a word, and the blanks around it, from the start of s.
func cutWord(s, word string) (string, bool) {
	s, ok := strings.CutPrefix(strings.TrimLeftFunc(s, isSpace), word)
	return strings.TrimLeftFunc(s, isSpace), ok
}

// isSpace reports whether a character is white space to Python's str.isspace.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// quoteChar returns the first character of s, for an error.
func quoteChar(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
