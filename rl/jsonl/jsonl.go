// Package jsonl reads JSON strictly. What encoding/json mends without a word is an error here,
// since it would change what is learned: text that is not UTF-8, half a surrogate pair, and a field
// that stands twice in one object. Names of fields are compared letter by letter.
package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"spell/tensor/jsonfile"
)

// maxDepth bounds the lists and objects that stand in each other.
const maxDepth = 1000

// An Error says what is wrong with a text and at which byte.
type Error struct {
	Offset  int    // of the byte, from 0
	Line    int    // of the byte, from 1
	Problem string // a clause; it names the mend if the text is JSON
	Syntax  bool   // the text is not JSON at all
	Rest    bool   // of List: nothing behind it was read
}

func (e *Error) Error() string { return fmt.Sprintf("%s (byte %d)", e.Problem, e.Offset+1) }

// Parse returns the one value that data holds: nil, bool, json.Number, string, []any or
// map[string]any. Every error is an *Error.
func Parse(data []byte) (any, error) { return (&parser{data: data}).only() }

// ParseWords is Parse, but Python's words for numbers that are not finite are read as jsonfile.Standard
// has them.
func ParseWords(data []byte) (any, error) { return (&parser{data: data, words: true}).only() }

// only returns the one value of the text.
func (p *parser) only() (v any, err error) {
	defer func() {
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Line = 1 + p.lines(e.Offset)
		}
	}()
	if err := p.utf8(0, len(p.data)); err != nil {
		return nil, err
	}
	if v, err = p.value(0); err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.data) {
		return nil, p.syntax("more follows the first value")
	}
	return v, nil
}

// A parser stands at a byte of a text.
type parser struct {
	data  []byte
	at    int
	words bool // those of Python for numbers that are not finite are read
}

// lines returns how many lines end before a place.
func (p *parser) lines(at int) int { return bytes.Count(p.data[:min(at, len(p.data))], []byte("\n")) }

// utf8 returns an error if the bytes from one place to another are no UTF-8.
func (p *parser) utf8(from, to int) error {
	if utf8.Valid(p.data[from:to]) {
		return nil
	}
	for at := from; ; {
		r, n := utf8.DecodeRune(p.data[at:])
		if r == utf8.RuneError && n == 1 {
			return p.refused(at, "the text is not UTF-8, it has the byte 0x%02x; convert it", p.data[at])
		}
		at += n
	}
}

func (p *parser) syntax(problem string) error {
	return &Error{Offset: p.at, Problem: problem, Syntax: true}
}

// refused returns the error of JSON that is not taken.
func (p *parser) refused(at int, problem string, args ...any) error {
	return &Error{Offset: at, Problem: fmt.Sprintf(problem, args...)}
}

// wanted returns the error of a text that goes on with something else.
func (p *parser) wanted(what string) error {
	if p.at >= len(p.data) {
		return p.syntax("it ends where " + what + " is wanted")
	}
	r, _ := utf8.DecodeRune(p.data[p.at:])
	return p.syntax(fmt.Sprintf("%q stands where %s is wanted", r, what))
}

// peek returns the byte the parser stands at, or 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

// space skips white space and returns the byte behind it.
func (p *parser) space() byte {
	for {
		switch c := p.peek(); c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
}

// take steps over a byte if it is next behind white space.
func (p *parser) take(c byte) bool {
	if p.space() != c || p.at >= len(p.data) {
		return false
	}
	p.at++
	return true
}

var literals = []struct {
	name  string
	value any
}{{"null", nil}, {"true", true}, {"false", false}}

func (p *parser) value(depth int) (any, error) {
	c := p.space()
	if depth > maxDepth {
		return nil, p.refused(p.at, "lists and objects stand in each other more than %d deep", maxDepth)
	}
	if p.words {
		if n, number := jsonfile.Word(p.data[p.at:]); number != "" {
			p.at += n
			return json.Number(number), nil
		}
	}
	switch {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.list(depth + 1)
	case c == '"':
		return p.text()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, l := range literals {
		if bytes.HasPrefix(p.data[p.at:], []byte(l.name)) {
			p.at += len(l.name)
			return l.value, nil
		}
	}
	return nil, p.wanted("a value")
}

func (p *parser) object(depth int) (any, error) {
	p.at++
	fields := map[string]any{}
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return nil, p.wanted("a comma or }")
		}
		if p.space() != '"' {
			return nil, p.wanted("a name in double quotes")
		}
		at := p.at
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if _, twice := fields[name]; twice {
			return nil, p.refused(at, "the field %q stands twice in one object; remove one of them", name)
		}
		if !p.take(':') {
			return nil, p.wanted("a colon")
		}
		if fields[name], err = p.value(depth); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func (p *parser) list(depth int) (any, error) {
	p.at++
	items := []any{}
	for first := true; !p.take(']'); first = false {
		if !first && !p.take(',') {
			return nil, p.wanted("a comma or ]")
		}
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

// number keeps the digits as they stand.
func (p *parser) number() (any, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if err := p.digits(); err != nil {
		return nil, err
	}
	if p.peek() == '.' {
		p.at++
		if err := p.digits(); err != nil {
			return nil, err
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if err := p.digits(); err != nil {
			return nil, err
		}
	}
	return json.Number(p.data[start:p.at]), nil
}

func (p *parser) digits() error {
	start := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	if p.at == start {
		return p.wanted("a digit")
	}
	return nil
}
