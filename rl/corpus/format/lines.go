package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"spell/rl/jsonl"
	"spell/tensor/atomicfile"
)

// lines reads JSON lines, an object with a text or a text alone on each.
type lines struct {
	f  *os.File
	in *bufio.Reader
	at Place
	o  Options
}

func openLines(f *os.File, at Place, o Options) (Reader, error) {
	if _, err := f.Seek(at.Byte, io.SeekStart); err != nil {
		return nil, atomicfile.Cause(err)
	}
	return &lines{f, bufio.NewReaderSize(f, 1<<20), at, o}, nil
}

func (l *lines) Close() error { return l.f.Close() }

func (l *lines) Next() (r Record, err error) {
	for {
		line, size, err := l.line()
		if err != nil && (!errors.Is(err, io.EOF) || size == 0) {
			if !errors.Is(err, io.EOF) {
				err = atomicfile.Cause(err)
			}
			return r, err
		}
		l.at = Place{l.at.Byte + int64(size), l.at.Number + 1}
		if l.at.Number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) == 0 && size <= recordBytes {
			continue
		}
		if size > recordBytes {
			r.Skip = fmt.Sprintf("a line of %d MB, more than the %d MB that are read", size>>20, recordBytes>>20)
		} else {
			r = l.record(line)
		}
		r.Label, r.Next = fmt.Sprintf("line %d", l.at.Number), l.at
		return finish(r), nil
	}
}

// line returns the next line and its size with its end. Of one that is too long it returns nothing.
func (l *lines) line() (line []byte, size int, err error) {
	for {
		part, err := l.in.ReadSlice('\n')
		size += len(part)
		if size <= recordBytes {
			line = append(line, part...)
		} else {
			line = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, size, err
		}
	}
}

func (l *lines) record(line []byte) (r Record) {
	v, err := jsonl.Parse(line)
	if err != nil {
		r.Skip = "not JSON: " + err.Error()
		if e := (*jsonl.Error)(nil); errors.As(err, &e) && !e.Syntax {
			r.Skip = err.Error()
		}
		return r
	}
	switch v := v.(type) {
	case string:
		r.Text = clean(v)
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		text, title := choose(names, l.o.Field)
		if text < 0 {
			r.Skip = noText("field", l.o.Field, names)
			return r
		}
		s, ok := v[names[text]].(string)
		if !ok && v[names[text]] != nil {
			r.Skip = fmt.Sprintf("the field %q is no text", names[text])
			return r
		}
		r.Text = clean(s)
		if title >= 0 {
			r.Title = oneLine(fmt.Sprint(v[names[title]]))
		}
	default:
		r.Skip = "neither an object nor a text"
	}
	return r
}

// oneLine returns a title of a bearable length.
func oneLine(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(clean(s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
