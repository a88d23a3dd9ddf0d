package task

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// undress writes what a model means by JSON as JSON: with quotes that are straight and double, line ends and tabs
// in strings as escapes, without comments and without a comma behind the last element. A backslash that begins no
// escape is one of the text, and so is one of LaTeX, of which \frac, \boxed and \times begin as escapes do. JSON
// stays what it is but for those. The result is valid if the text was JSON otherwise.
func undress(text string) []byte {
	u := undresser{in: strings.TrimSpace(text)}
	for u.at < len(u.in) {
		u.outside()
	}
	return u.out
}

type undresser struct {
	in  string
	at  int
	out []byte
}

// outside reads what stands outside of strings.
func (u *undresser) outside() {
	rest := u.in[u.at:]
	for _, q := range []struct{ open, shut string }{{`"`, `"`}, {"“", "”"}, {"'", "'"}} {
		if strings.HasPrefix(rest, q.open) {
			u.at += len(q.open)
			u.quoted(q.shut)
			return
		}
	}
	switch {
	case strings.HasPrefix(rest, "//"):
		u.at += len(firstLine(rest))
	case strings.HasPrefix(rest, "/*"):
		if end := strings.Index(rest, "*/"); end >= 0 {
			u.at += end + 2
		} else {
			u.at = len(u.in)
		}
	case rest[0] == ',' && closes(rest[1:]):
		u.at++
	default:
		u.out = append(u.out, rest[0])
		u.at++
	}
}

// closes reports whether a list or an object ends next.
func closes(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return s != "" && (s[0] == '}' || s[0] == ']')
}

// quoted reads a string behind its opening quote.
func (u *undresser) quoted(shut string) {
	u.out = append(u.out, '"')
	for u.at < len(u.in) {
		rest := u.in[u.at:]
		if strings.HasPrefix(rest, shut) {
			u.at += len(shut)
			break
		}
		switch c := rest[0]; {
		case c == '\\':
			u.backslash(rest[1:])
		case c == '"':
			u.out = append(u.out, `\"`...)
			u.at++
		case c == '\n':
			u.out = append(u.out, `\n`...)
			u.at++
		case c == '\t':
			u.out = append(u.out, `\t`...)
			u.at++
		case c < ' ':
			u.out = fmt.Appendf(u.out, `\u%04x`, c)
			u.at++
		default:
			_, size := utf8.DecodeRuneInString(rest)
			u.out = append(u.out, rest[:size]...)
			u.at += size
		}
	}
	u.out = append(u.out, '"')
}

// backslash reads a backslash with what is behind it.
func (u *undresser) backslash(behind string) {
	u.at++
	switch {
	case behind == "":
		u.out = append(u.out, `\\`...)
	case behind[0] == '\'': // no escape of JSON, but of the languages that have strings so
		u.out = append(u.out, '\'')
		u.at++
	case behind[0] == 'u' && isHex(behind[1:]), strings.IndexByte(`"\/`, behind[0]) >= 0,
		strings.IndexByte("bfnrt", behind[0]) >= 0 && !latex(behind):
		u.out = append(u.out, '\\', behind[0])
		u.at++
	default:
		u.out = append(u.out, `\\`...) // what follows is text
	}
}

// isHex reports whether s begins with the four digits of an escaped character.
func isHex(s string) bool {
	return len(s) >= 4 && strings.Trim(s[:4], "0123456789abcdefABCDEF") == ""
}

// commands are those of LaTeX that begin as an escape of JSON does and mean something else in prose only by chance.
// Backspaces and form feeds before a letter mean nothing at all.
var commands = map[string]bool{
	"times": true, "text": true, "textbf": true, "textit": true, "textrm": true,
	"theta": true, "tan": true, "tau": true,
	"to": true, "top": true, "tfrac": true, "tilde": true, "triangle": true, "therefore": true,
	"neq": true, "nabla": true, "nu": true, "rho": true, "right": true, "rangle": true, "rightarrow": true, "rm": true,
}

// latex reports whether a backslash and what is behind it is a command of LaTeX rather than an escape.
func latex(behind string) bool {
	n := 0
	for n < len(behind) && (behind[n]|0x20 >= 'a' && behind[n]|0x20 <= 'z') {
		n++
	}
	if behind[0] == 'b' || behind[0] == 'f' {
		return n > 1
	}
	return commands[behind[:n]]
}
