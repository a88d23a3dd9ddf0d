package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"spell/tensor/atomicfile"
)

// parts reads plain text and Markdown, in parts of PartBytes if it is long.
type parts struct {
	f    *os.File
	at   Place
	size int64
	stop func() error
}

func (p *parts) Close() error { return p.f.Close() }

func (p *parts) Next() (r Record, err error) {
	if p.at.Byte >= p.size && (p.size > 0 || p.at.Number > 0) {
		return r, io.EOF
	}
	raw := make([]byte, min(PartBytes, p.size-p.at.Byte))
	n, err := p.f.ReadAt(raw, p.at.Byte)
	if err != nil && !errors.Is(err, io.EOF) {
		return r, atomicfile.Cause(err)
	}
	raw = raw[:n]
	if more := p.at.Byte+int64(n) < p.size; n == 0 && more {
		return r, errors.New("it has become shorter while it was read")
	} else if more {
		if bytes.IndexByte(raw[:min(n, 4096)], 0) >= 0 {
			return r, fmt.Errorf("it is not UTF-8, and of such files at most %d MB are read: convert or split it",
				PartBytes>>20)
		}
		raw = raw[:partEnd(raw)]
	}
	r, err = decoded(raw, p.stop)
	if p.size > PartBytes {
		r.Label = fmt.Sprintf("part %d", p.at.Number+1)
	}
	r.Title = heading(r.Text)
	p.at = Place{p.at.Byte + int64(len(raw)), p.at.Number + 1}
	r.Next = p.at
	return finish(r), err
}

// partEnd returns where to cut a long text: behind the last empty line of its second half, else behind a line,
// a word or a character.
func partEnd(raw []byte) int {
	half := len(raw) / 2
	for _, bound := range []string{"\n\n", "\r\n\r\n", "\n", " "} {
		if at := bytes.LastIndex(raw[half:], []byte(bound)); at >= 0 {
			return half + at + len(bound)
		}
	}
	for at := len(raw) - 1; at > len(raw)-utf8.UTFMax; at-- {
		if utf8.RuneStart(raw[at]) {
			return at
		}
	}
	return len(raw)
}

// heading returns the title that a text of Markdown begins with.
func heading(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if title, ok := strings.CutPrefix(line, "# "); ok {
		return strings.TrimSpace(title)
	}
	return ""
}
