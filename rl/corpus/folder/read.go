package folder

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"spell/rl/corpus"
	"spell/rl/corpus/decode"
	"spell/tensor/atomicfile"
)

// maxFileBytes keeps one stray dump from filling the memory.
const maxFileBytes = 256 << 20

var textExtensions = []string{".txt", ".md", ".markdown", ".text"}

// kinds names the files that are read in messages.
func (r *reader) kinds() string {
	last := len(r.extensions) - 1
	return strings.Join(r.extensions[:last], ", ") + " or " + r.extensions[last]
}

// readAll returns the texts of sources that hold any. The others go into the report, and so do all
// that are read. It is an error if a source cannot be opened or is too large, or if nothing is
// left.
func (r *reader) readAll(top string, sources []Source) ([]piece, error) {
	for _, s := range sources {
		r.meter.size += int(min(s.Size, maxFileBytes))
	}
	if err := r.meter.begin(); err != nil {
		return nil, err
	}
	var files []piece
	for _, s := range sources {
		entry, text, err := r.readOne(top, s)
		if err != nil {
			return nil, err
		}
		if entry.Fate == Kept {
			files = append(files, piece{Document: corpus.Document{Name: s.Name, Text: text}, file: s.Name})
		}
		r.report.Files = append(r.report.Files, entry)
	}
	slices.SortStableFunc(r.report.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	at := 0
	for i, f := range r.report.Files {
		if f.Fate == Kept {
			files[at].entry = i
			at++
		}
	}
	return files, r.report.refuse(top, r.kinds(), len(files))
}

// readOne reads and decodes one file. Its error is that of the context.
func (r *reader) readOne(top string, s Source) (File, string, error) {
	f := File{Name: s.Name}
	unreadable := func(note string) (File, string, error) {
		f.Fate, f.Note = Unreadable, note
		return f, "", r.meter.check()
	}
	if s.Size > maxFileBytes {
		return unreadable(fmt.Sprintf("%d MB, more than the %d MB allowed: split it", s.Size>>20, maxFileBytes>>20))
	}
	file, err := os.Open(filepath.Join(top, s.Raw))
	if err != nil {
		return unreadable(atomicfile.Cause(err).Error())
	}
	defer file.Close()
	var raw bytes.Buffer
	raw.Grow(int(s.Size) + bytes.MinRead)
	_, err = raw.ReadFrom(io.LimitReader(metered{file, &r.meter}, maxFileBytes))
	if stop := r.meter.check(); stop != nil {
		return f, "", stop
	}
	if err != nil {
		return unreadable(atomicfile.Cause(err).Error())
	}
	d, err := decode.Decode(raw.Bytes(), r.meter.check)
	switch {
	case errors.Is(err, decode.ErrBinary):
		f.Fate = Binary
	case errors.Is(err, decode.ErrUnknown):
		f.Fate = UnknownEncoding
	case err != nil:
		return f, "", err
	case strings.TrimSpace(d.Text) == "":
		f.Fate = Empty
	default:
		f.Encoding, f.Repaired, f.Chars = d.Encoding, d.Repaired, utf8.RuneCountInString(d.Text)
	}
	return f, d.Text, nil
}

// metered is a reader whose bytes a meter counts.
type metered struct {
	io.Reader
	meter *meter
}

func (r metered) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 1<<20)])
	if stop := r.meter.step(n); stop != nil {
		return n, stop
	}
	return n, err
}
