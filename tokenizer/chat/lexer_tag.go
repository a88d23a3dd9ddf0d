package chat

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// operators lists the longer before those that they begin with.
var operators = []string{
	"//", "**", "==", "!=", ">=", "<=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",",
}

// tag reads the tokens within a tag up to its end mark, which counts
// only if all brackets are closed.
func (l *lexer) tag(end kind) {
	mark, opened := "}}", l.line
	if end == tokBlockEnd {
		mark = "%}"
	}
	var open []byte
	for {
		rest := l.rest()
		if len(open) == 0 {
			if n := tagEnd(rest, mark); n > 0 {
				l.emit(end, mark)
				l.advance(n)
				return
			}
		}
		if rest == "" {
			fail(opened, "the tag is not closed by %q", mark)
		}
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(r):
			l.advance(size)
		case r >= '0' && r <= '9':
			l.number()
		case r == '_' || unicode.IsLetter(r):
			n := strings.IndexFunc(rest, func(r rune) bool {
				return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
			})
			if n < 0 {
				n = len(rest)
			}
			l.emit(tokName, rest[:n])
			l.advance(n)
		case r == '\'' || r == '"':
			l.quoted(byte(r))
		default:
			open = l.operator(open)
		}
	}
}

// operator reads one operator and keeps the stack of open brackets.
func (l *lexer) operator(open []byte) []byte {
	rest := l.rest()
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch op {
		case "(":
			open = append(open, ')')
		case "[":
			open = append(open, ']')
		case "{":
			open = append(open, '}')
		case ")", "]", "}":
			if len(open) == 0 || open[len(open)-1] != op[0] {
				fail(l.line, "unexpected %q", op)
			}
			open = open[:len(open)-1]
		}
		l.emit(tokOperator, op)
		l.advance(len(op))
		return open
	}
	fail(l.line, "unexpected character %q", quoteChar(rest))
	return nil
}

// number reads an integer or a float. Digits after a dot are an integer: they are a key.
func (l *lexer) number() {
	rest := l.rest()
	digits := func(from int, ok string) int {
		for from < len(rest) && strings.IndexByte(ok, rest[from]) >= 0 {
			from++
		}
		return from
	}
	const decimal = "0123456789_"
	if len(rest) > 1 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0 {
		l.integer(digits(2, decimal+"abcdefABCDEF"))
		return
	}
	n := digits(0, decimal)
	whole, isFloat := n, false
	if l.pos == 0 || l.src[l.pos-1] != '.' {
		if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
			n, isFloat = digits(n+1, decimal), true
		}
		if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
			from := n + 1
			if from < len(rest) && signOf(rest[from:]) != 0 {
				from++
			}
			if to := digits(from, decimal); to > from {
				n, isFloat = to, true
			}
		}
	}
	if !isFloat {
		l.integer(whole)
		return
	}
	text := strings.ReplaceAll(rest[:n], "_", "")
	l.emit(tokFloat, text)
	l.advance(n)
}

func (l *lexer) integer(n int) {
	text := l.rest()[:n]
	if v, err := strconv.ParseInt(text, 0, 64); err != nil {
		fail(l.line, "%q is not an integer of at most 64 bits", text)
	} else if v != 0 && text[0] == '0' && text[1] <= '9' {
		fail(l.line, "the integer %q has leading zeros", text)
	}
	l.emit(tokInt, text)
	l.advance(n)
}

// quoted reads a string literal. Escapes are Python's; one that
// Python does not know stays as it is written.
func (l *lexer) quoted(quote byte) {
	rest := l.rest()
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote:
			l.emit(tokString, b.String())
			l.advance(i + 1)
			return
		case c == '\\' && i+1 < len(rest):
			i += l.escape(rest[i+1:], &b)
		default:
			b.WriteByte(c)
		}
	}
	fail(l.line, "the string %c is not closed", quote)
}

var simpleEscapes = map[byte]string{
	'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\\': "\\", '\'': "'", '"': "\"", '\n': "",
}

// escape writes what an escape means, whose backslash stands before
// s, and returns the bytes of s it takes.
func (l *lexer) escape(s string, b *strings.Builder) int {
	if text, ok := simpleEscapes[s[0]]; ok {
		b.WriteString(text)
		return 1
	}
	width := 0
	switch s[0] {
	case 'x':
		width = 2
	case 'u':
		width = 4
	case 'U':
		width = 8
	case 'N':
		fail(l.line, "the escape \\N in a string is not supported")
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 1
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		code, _ := strconv.ParseUint(s[:n], 8, 32)
		b.WriteRune(rune(code))
		return n
	default:
		b.WriteByte('\\')
		_, n := utf8.DecodeRuneInString(s)
		b.WriteString(s[:n])
		return n
	}
	if len(s) < 1+width {
		fail(l.line, "the escape \\%s in a string is cut short", s)
	}
	code, err := strconv.ParseUint(s[1:1+width], 16, 32)
	if err != nil || code > unicode.MaxRune || !utf8.ValidRune(rune(code)) {
		fail(l.line, "the escape \\%s in a string is not a character", s[:1+width])
	}
	b.WriteRune(rune(code))
	return 1 + width
}
