package settings

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A node is a value as a file writes it, be the file JSON or YAML, with its place.
type node struct {
	kind         kind
	text         string // of a scalar: as it is written, or what is in the quotes
	line, column int    // from 1
	items        []*node
	entries      []*entry
}

// An entry is a field of a block.
type entry struct {
	key          string
	line, column int
	value        *node
}

type kind uint8

const (
	null   kind = iota
	truth       // true or false
	number      // in digits
	word        // any other text without quotes
	quoted      // text in quotes
	list
	block // of fields
)

// say names the value in a sentence.
func (n *node) say() string {
	switch n.kind {
	case quoted:
		return fmt.Sprintf("%q", shorten(n.text))
	case list:
		return "a list"
	case block:
		return "a block of fields"
	}
	return shorten(n.text)
}

// shorten makes a text one that a sentence can quote: short, in one
// line, without control characters.
func shorten(s string) string {
	const most = 60
	n := 0
	for i := range s {
		if n++; n > most {
			s = s[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// A parser turns files into nodes.
type parser struct {
	place func(line, column int) string // what an error begins with
	saved bool                          // a program wrote the file, and lists and pointers may be null
	quote bool                          // the file is JSON, and words in mends need quotes
}

func (p *parser) fail(line, column int, format string, args ...any) error {
	return fmt.Errorf("%s%s", p.place(line, column), fmt.Sprintf(format, args...))
}

// file reads a file that is JSON if its first field's name follows a brace in quotes, and else
// YAML. The node is nil if the file says nothing.
func (p *parser) file(data []byte) (*node, error) {
	utf16 := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
	if utf16 || bytes.IndexByte(data, 0) >= 0 {
		return nil, p.fail(1, 1, "the file is no UTF-8 text, perhaps UTF-16; save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at := invalid(data); at >= 0 {
		line, column := place(data, at)
		return nil, p.fail(line, column, "the byte 0x%02x is no UTF-8; save the file as UTF-8", data[at])
	}
	if looksJSON.Match(data) {
		return p.json(data)
	}
	return p.yaml(data)
}

var looksJSON = regexp.MustCompile(`^\s*(\{\s*("|\}|$)|\[\s*[\[{"])`)

// invalid is the index of the first byte that is not UTF-8, or -1.
func invalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// place is the line and the column, in characters, of an index into the data.
func place(data []byte, at int) (line, column int) {
	before := data[:min(max(at, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[start:])
}

// maxDepth is how deep lists and blocks may be in each other.
const maxDepth = 64
