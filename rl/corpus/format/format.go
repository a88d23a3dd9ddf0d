// Package format reads the files that people keep documents in: plain text, Markdown, HTML, JSON lines, CSV,
// Parquet, PDF and Word's docx. A file is read one record after another, each a document, in memory that does
// not grow with the file, and reading goes on from any record.
package format

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/rl/corpus/decode"
	"spell/tensor/atomicfile"
)

// Extensions are those of the files that are read, in the order in which messages name them.
var Extensions = []string{".txt", ".text", ".md", ".markdown", ".html", ".htm", ".jsonl", ".csv", ".parquet", ".pdf",
	".docx"}

// The sizes that bound the memory that reading takes.
const (
	PartBytes   = 8 << 20  // of plain text and Markdown: longer files are read in parts
	recordBytes = 32 << 20 // of a line of JSON, or a row
	pageBytes   = 16 << 20 // of HTML, whose tree takes several times as much
	fileBytes   = 64 << 20 // of a PDF or docx, and of the text in one
)

// A Place is where in a file a record begins.
type Place struct {
	Byte   int64 `json:"byte,omitempty"`
	Number int   `json:"number,omitempty"` // of the records before it
}

// A Record is one document of a file.
type Record struct {
	Label string // what tells it from others of its file, such as "line 12"; empty if the file has but one
	Title string // empty if it has none
	Text  string // valid UTF-8 with LF line ends and no blank space around it
	Skip  string // why there is no text; empty if there is
	Note  string // what was mended, such as the encoding; empty if nothing was
	Next  Place  // of the record behind it
}

// A Reader reads the records of a file in order, with io.EOF behind the last. Any other error is that of the
// file from there on.
type Reader interface {
	Next() (Record, error)
	Close() error
}

// Options are what a reader may be told.
type Options struct {
	Field string       // name of the field or column with the text; empty: one that is known
	Stop  func() error // returns an error once reading is to end
}

// Open opens a file of one of Extensions and begins at a place, which is zero or what a record of the same
// file gave. The error says what is wrong with the file, without its name.
func Open(path string, at Place, o Options) (Reader, error) {
	if o.Stop == nil {
		o.Stop = func() error { return nil }
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	r, err := open(f, strings.ToLower(filepath.Ext(path)), at, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func open(f *os.File, ext string, at Place, o Options) (Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	size := info.Size()
	switch ext {
	case ".jsonl":
		return openLines(f, at, o)
	case ".csv":
		return openRows(f, at, o)
	case ".parquet":
		return openTable(f, size, at, o)
	case ".html", ".htm":
		return whole(f, at, size, pageBytes, o, htmlText)
	case ".pdf":
		return whole(f, at, size, fileBytes, o, pdfText)
	case ".docx":
		return whole(f, at, size, fileBytes, o, docxText)
	}
	if slices.Contains(Extensions, ext) {
		return &parts{f: f, at: at, size: size, stop: o.Stop}, nil
	}
	return nil, fmt.Errorf("files of the kind %q are not read", ext)
}

// single is a file of one record.
type single struct {
	f      *os.File
	size   int64
	done   bool
	o      Options
	record func(raw []byte, o Options) (Record, error)
}

// whole reads a file of at most limit bytes as one record.
func whole(f *os.File, at Place, size, limit int64, o Options, record func([]byte, Options) (Record, error)) (Reader,
	error) {

	if size > limit {
		return nil, fmt.Errorf("it has %d MB, more than the %d MB that are read of such a file: split it", size>>20,
			limit>>20)
	}
	return &single{f, size, at.Number > 0, o, record}, nil
}

func (s *single) Close() error { return s.f.Close() }

func (s *single) Next() (r Record, err error) {
	if s.done {
		return r, io.EOF
	}
	s.done = true
	raw := make([]byte, s.size)
	n, err := io.ReadFull(s.f, raw)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return r, atomicfile.Cause(err)
	}
	r, err = s.record(raw[:n], s.o)
	r.Next = Place{Number: 1}
	return finish(r), err
}

// finish says of a record without text that it has none.
func finish(r Record) Record {
	r.Text = strings.TrimSpace(r.Text)
	if r.Text == "" && r.Skip == "" {
		r.Skip = "empty"
	}
	return r
}

// decoded returns text of an unknown encoding.
func decoded(raw []byte, stop func() error) (r Record, err error) {
	d, err := decode.Decode(raw, stop)
	switch {
	case errors.Is(err, decode.ErrBinary):
		r.Skip = "binary"
	case errors.Is(err, decode.ErrUnknown):
		r.Skip = "unknown encoding"
	case err != nil:
		return r, err
	default:
		r.Text = d.Text
		if d.Encoding != decode.UTF8 {
			r.Note = d.Encoding
		}
		if d.Repaired {
			r.Note = "invalid bytes replaced"
		}
	}
	return r, nil
}

// clean returns a text of a program's as documents have it: invalid bytes and control characters that stand for
// nothing become U+FFFD and blanks, and line ends LF.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, s))
}

// textFields and titleFields are the fields of a record that hold its text and its title, the likeliest first.
var (
	textFields = []string{"text", "content", "contents", "body", "document", "article", "page_content", "raw_content",
		"markdown", "passage", "context", "story", "abstract"}
	titleFields = []string{"title", "name", "headline", "heading", "url", "source", "id", "_id"}
)

// choose returns which of the names in a record are its text and its title; −1 is none.
func choose(names []string, field string) (text, title int) {
	find := func(wanted []string) int {
		for _, w := range wanted {
			i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), w) })
			if i >= 0 {
				return i
			}
		}
		return -1
	}
	text = slices.Index(names, field)
	if field == "" {
		text = find(textFields)
	}
	if title = find(titleFields); title == text {
		title = -1
	}
	return text, title
}

// noText says that the text of a record is not known.
func noText(what, field string, names []string) string {
	const most = 8
	slices.Sort(names)
	shown := oneLine(strings.Join(names[:min(len(names), most)], ", "))
	if len(names) > most {
		shown += fmt.Sprintf(" and %d more", len(names)-most)
	}
	if field != "" {
		return fmt.Sprintf("no %s %q, but %s", what, field, shown)
	}
	return fmt.Sprintf("no %s of a text that is known, but %s: name the one with --set field=NAME", what, shown)
}
