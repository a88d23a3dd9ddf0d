package jsonl

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string, which is UTF-8 already.
func (p *parser) text() (string, error) {
	p.at++
	var unescaped []byte // all before from, if there was an escape
	from := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			if unescaped == nil {
				return string(p.data[from : p.at-1]), nil
			}
			return string(append(unescaped, p.data[from:p.at-1]...)), nil
		case c == '\\':
			unescaped = append(unescaped, p.data[from:p.at]...)
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			unescaped = utf8.AppendRune(unescaped, r)
			from = p.at
		case c < ' ':
			return "", p.syntax(fmt.Sprintf("the control character %q stands in a string", rune(c)))
		default:
			p.at++
		}
	}
	return "", p.syntax("it ends within a string")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what begins with a backslash. A pair of surrogates is one character, and half of one
// is none.
func (p *parser) escape() (rune, error) {
	start := p.at
	if r, ok := p.unit(); ok {
		if !utf16.IsSurrogate(r) {
			return r, nil
		}
		if low, ok := p.unit(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
		return 0, p.refused(start,
			`\u%04x is half of a surrogate pair and stands for no character; write both halves or remove it`, r)
	}
	p.at++
	r, ok := escapes[p.peek()]
	if !ok {
		return 0, p.wanted(`one of "\/bfnrt or u and four hexadecimal digits`)
	}
	p.at++
	return r, nil
}

// unit steps over a backslash, u and four hexadecimal digits, if they are next.
func (p *parser) unit() (rune, bool) {
	const size = len(`\u0000`)
	if len(p.data)-p.at < size || p.data[p.at] != '\\' || p.data[p.at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.data[p.at+2:p.at+size]), 16, 16)
	if err != nil {
		return 0, false
	}
	p.at += size
	return rune(v), true
}
