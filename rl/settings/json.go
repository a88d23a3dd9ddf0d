package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A jsonReader reads JSON into nodes.
type jsonReader struct {
	*parser
	d    *json.Decoder
	data []byte

	at, line, column int // the byte of the last place and, from 0, where that is
}

// json reads a JSON file, which holds one value.
func (p *parser) json(data []byte) (*node, error) {
	p.quote = true
	r := jsonReader{parser: p, d: json.NewDecoder(bytes.NewReader(data)), data: data}
	r.d.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.d.Token(); err != io.EOF {
		line, column := r.next()
		return nil, r.fail(line, column, "there is more than one JSON value in the file; keep one")
	}
	return n, nil
}

// next is the place of the next token.
func (r *jsonReader) next() (line, column int) {
	at := int(r.d.InputOffset())
	for at < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[at]) >= 0 {
		at++
	}
	passed := r.data[r.at:at]
	if n := bytes.Count(passed, []byte("\n")); n > 0 {
		r.line, r.column = r.line+n, 0
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	r.at, r.column = at, r.column+utf8.RuneCount(passed)
	return 1 + r.line, 1 + r.column
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.d.Token()
	if err == nil {
		return t, nil
	}
	var syntax *json.SyntaxError
	atEnd := errors.As(err, &syntax) && int(syntax.Offset) >= len(r.data)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || atEnd {
		line, column := place(r.data, len(r.data))
		return nil, r.fail(line, column, "the JSON ends too early; a bracket, brace or quote is not closed")
	}
	line, column := r.next()
	return nil, r.fail(line, column, "%s", r.mend(err))
}

// mend says what is wrong at the place that next found, by the character there and by what the decoder
// was about to read.
func (r *jsonReader) mend(err error) string {
	at := min(r.at, len(r.data)-1)
	c, _ := utf8.DecodeRune(r.data[at:])
	during := func(what string) bool { return strings.Contains(err.Error(), what) }
	closes, digit := c == '}' || c == ']', unicode.IsDigit(c)
	switch {
	case c == '/' || c == '#':
		return "JSON has no comments; leave it out, or write the file in YAML, where # begins one"
	case c == '\'':
		return "JSON has double quotes alone; write \" in place of '"
	case during("escape"):
		return `a \ in the text begins no sign that JSON has; write \\ for a backslash`
	case during("string literal"):
		return `the text has a line break, a tab or the like in it; write \n or \t`
	case during("numeric literal"):
		return "this is no number in JSON; write it as in 10, 0.5 or 1e-4"
	case during("after object key") && !during("pair"):
		return "a colon is missing before this"
	case during(" after ") && closes:
		return fmt.Sprintf("%c closes what was not opened by its like; a bracket or brace is missing before it", c)
	case during(" after ") && digit && at > 0 && r.data[at-1] == '0':
		return "a number in JSON begins with no 0 before other digits; leave it out"
	case during(" after "):
		return "a comma is missing before this"
	case during("character ','"):
		return "there is a comma too many before this; leave it out"
	case closes:
		return fmt.Sprintf("there is a comma or a colon before %c and nothing behind it; leave it out", c)
	case during("object key") && (unicode.IsLetter(c) || digit || c == '_'):
		return "a name has no quotes; JSON has them around every name"
	case unicode.IsLetter(c) || c == '.' || c == '+':
		return "JSON has no such value; write a number in digits, true or false, or a text in quotes"
	}
	return fmt.Sprintf("JSON has no %q here; leave it out, or put a text in quotes", c)
}

// value reads one value that is inside depth others.
func (r *jsonReader) value(depth int) (*node, error) {
	n := &node{}
	n.line, n.column = r.next()
	if depth > maxDepth {
		return nil, r.fail(n.line, n.column, "brackets are %d deep; no configuration is", depth)
	}
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		n.text = "null"
	case bool:
		n.kind, n.text = truth, "false"
		if t {
			n.text = "true"
		}
	case json.Number:
		n.kind, n.text = number, t.String()
	case string:
		n.kind, n.text = quoted, t
	case json.Delim:
		n.kind = list
		if t == '{' {
			n.kind = block
		}
		for r.d.More() {
			if err := r.item(n, depth); err != nil {
				return nil, err
			}
		}
		if _, err := r.token(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// item reads the next element of a list or the next field of a block.
func (r *jsonReader) item(n *node, depth int) error {
	if n.kind == list {
		v, err := r.value(depth + 1)
		n.items = append(n.items, v)
		return err
	}
	e := &entry{}
	e.line, e.column = r.next()
	t, err := r.token()
	if err != nil {
		return err
	}
	e.key, _ = t.(string) // the decoder takes nothing else for a key
	e.value, err = r.value(depth + 1)
	n.entries = append(n.entries, e)
	return err
}
