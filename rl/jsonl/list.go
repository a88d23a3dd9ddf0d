package jsonl

import (
	"bytes"
	"errors"
)

// List parses the elements of the list that data holds, one after the other, so that one that is
// damaged does not take the others with it. each is given an element and the byte at which it begins,
// or the error of one that cannot be read, an *Error. Behind such an element it goes on at the next
// line that begins as the element's own did; where there is none it ends, and the error has Rest set.
// An error of each ends it.
func List(data []byte, each func(offset int, v any, err error) error) error {
	p := &parser{data: data}
	if !p.take('[') {
		return each(p.at, nil, p.wanted("a list"))
	}
	for comma := false; !p.take(']'); {
		start, v, err := p.element(comma)
		comma = err == nil
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Rest = !p.skip(start)
			if err := each(start, nil, err); err != nil || e.Rest {
				return err
			}
			continue
		}
		if err := each(start, v, nil); err != nil {
			return err
		}
	}
	if p.space(); p.at < len(data) {
		return each(p.at, nil, p.syntax("more follows the first value"))
	}
	return nil
}

// element parses the next element of a list, and the comma before it.
func (p *parser) element(comma bool) (start int, v any, err error) {
	if comma && !p.take(',') {
		return p.at, nil, p.wanted("a comma or ]")
	}
	p.space()
	start = p.at
	if v, err = p.value(1); err == nil {
		err = p.utf8(start, p.at)
	}
	return start, v, err
}

// skip moves from a damaged element, which begins at start, to the next line that begins with the same
// white space and the same byte, and reports whether there is one.
func (p *parser) skip(start int) bool {
	if start >= len(p.data) {
		return false
	}
	line := bytes.TrimLeft(p.data[bytes.LastIndexByte(p.data[:start], '\n')+1:start], "[,")
	if len(bytes.TrimLeft(line, " \t")) > 0 {
		return false
	}
	begin := append(append([]byte("\n"), line...), p.data[start])
	i := bytes.Index(p.data[start+1:], begin)
	if i < 0 {
		return false
	}
	p.at = start + 1 + i
	return true
}
