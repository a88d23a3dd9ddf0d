package jsonl

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// List reads the elements of a list one after the other, so that one that is damaged does not take the
// others with it, in memory for a few of the largest. each is given an element, as ParseWords has it, and
// its place, or the error of one that cannot be read, an *Error. Behind such an element it goes on at the
// next line that begins as the element's own did; where there is none it ends, and the error has Rest set.
//
// It returns the error of each, which ends it, or that of in.
func List(in io.Reader, each func(at Place, v any, err error) error) error {
	l := &list{parser: parser{words: true}, in: in, line: 1, chunk: chunk}
	return l.read(each)
}

// A Place is where an element stands in the text of a list.
type Place struct {
	Line   int // at which it begins, from 1
	Offset int // of its first byte
	Size   int // of its bytes; 0 of one that is damaged
}

// chunk is how many bytes are read at once, at least.
const chunk = 1 << 20

// A list parses what has been read of it and not been dropped since.
type list struct {
	parser
	in    io.Reader
	chunk int
	base  int  // bytes dropped
	line  int  // at which data begins
	whole bool // data reaches to the end

	counted, ends int // the lines that end in so many bytes of data
}

func (l *list) read(each func(at Place, v any, err error) error) error {
	if err := l.space(); err != nil {
		return err
	}
	if !l.take('[') {
		return each(l.place(l.at), nil, l.placed(l.wanted("a list")))
	}
	for comma := false; ; {
		if err := l.space(); err != nil {
			return err
		}
		if l.take(']') {
			break
		}
		start, v, damage, err := l.element(comma)
		if err != nil {
			return err
		}
		comma = damage == nil
		at := l.place(start)
		if e := l.placed(damage); e != nil {
			next, err := l.skip(start)
			if err != nil {
				return err
			}
			e.Rest = !next
			if err := each(at, nil, e); err != nil || e.Rest {
				return err
			}
			continue
		}
		at.Size = l.at - start
		if err := each(at, v, nil); err != nil {
			return err
		}
	}
	if err := l.space(); err != nil {
		return err
	}
	if l.at < len(l.data) {
		return each(l.place(l.at), nil, l.placed(l.syntax("more follows the first value")))
	}
	return nil
}

// place returns where a byte of data is.
func (l *list) place(at int) Place { return Place{Line: l.lineOf(at), Offset: l.base + at} }

// lineOf returns the line of a byte of data. Bytes are counted once if it is asked in their order.
func (l *list) lineOf(at int) int {
	at = min(at, len(l.data))
	if at < l.counted {
		l.counted, l.ends = 0, 0
	}
	l.ends += bytes.Count(l.data[l.counted:at], []byte("\n"))
	l.counted = at
	return l.line + l.ends
}

// placed returns an error about a byte of data as one about a byte of all.
func (l *list) placed(err error) *Error {
	e := (*Error)(nil)
	if errors.As(err, &e) {
		e.Line = l.lineOf(e.Offset)
		e.Offset += l.base
	}
	return e
}

// more drops what stands before a place, but for the line that the place is in if it has only begun, and
// reads on.
func (l *list) more(from int) error {
	const begun = 1 << 10
	line := bytes.LastIndexByte(l.data[:from], '\n')
	if l.base == 0 {
		line = max(line, 0)
	}
	if line >= 0 && from-line <= begun {
		from = line
	}
	l.line = l.lineOf(from)
	l.counted, l.ends = 0, 0
	l.base += from
	l.at -= from
	l.data = slices.Delete(l.data, 0, from)
	n := len(l.data)
	wanted := max(n, l.chunk)
	l.data = slices.Grow(l.data, wanted)
	read, err := io.ReadFull(l.in, l.data[n:n+wanted])
	l.data = l.data[:n+read]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		l.whole, err = true, nil
	}
	return err
}

// space skips white space.
func (l *list) space() error {
	for l.parser.space(); l.at == len(l.data) && !l.whole; l.parser.space() {
		if err := l.more(l.at); err != nil {
			return err
		}
	}
	return nil
}

// element parses the next element, and the comma before it. damage is what is wrong with it, err the
// error of reading.
func (l *list) element(comma bool) (start int, v any, damage, err error) {
	const cut = 16 // bytes from the end of data, from where on an error may be that more has not been read
	for {
		from := l.at
		start, v, damage = l.parser.element(comma)
		if l.whole || l.at < len(l.data) && (damage == nil || l.at+cut < len(l.data)) {
			return start, v, damage, nil
		}
		l.at = from
		if err := l.more(from); err != nil {
			return 0, nil, nil, err
		}
	}
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
func (l *list) skip(start int) (bool, error) {
	if start >= len(l.data) {
		return false, nil
	}
	i := bytes.LastIndexByte(l.data[:start], '\n')
	if i < 0 && l.base > 0 {
		return false, nil
	}
	line := bytes.TrimLeft(l.data[i+1:start], "[,")
	if len(bytes.TrimLeft(line, " \t")) > 0 {
		return false, nil
	}
	begin := append(append([]byte("\n"), line...), l.data[start])
	for from := start + 1; ; {
		if i := bytes.Index(l.data[from:], begin); i >= 0 {
			l.at = from + i
			return true, nil
		}
		if l.whole {
			return false, nil
		}
		from = max(from, len(l.data)-len(begin)+1)
		base := l.base
		if err := l.more(from); err != nil {
			return false, err
		}
		from -= l.base - base
	}
}
