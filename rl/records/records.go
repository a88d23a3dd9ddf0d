// Package records reads files of records, in whatever of the usual forms they are: one JSON object per
// line, a JSON list of objects or an object that holds one in "data", CSV with a header, or Parquet,
// each of them in gzip or not. What a file is follows from its bytes.
//
// A record that is damaged is told with its place, and those behind it are read all the same.
package records

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"spell/rl/jsonl"
	"spell/tensor/jsonfile"
)

// A Reader says what records are looked for.
type Reader struct {
	// Known reports whether fields are those of a record. It tells a record from an object around all of
	// them, and CSV from other text.
	Known func(fields map[string]any) bool
	// Columns are those of a Parquet file that are read; nil: all. A file that has none of them gives one
	// record, whose fields are the names of the columns it has.
	Columns []string
	// Form is how a record may be written, for errors about text that is no JSON.
	Form string
	// Record takes a record: its number in the file from 1, of lines or rows as the place says, and its
	// value as jsonl.Parse has it, of Parquet with Go's types of numbers. An error of it ends the reading.
	Record func(at Place, value any) error
	// Bad takes the error of a record that cannot be read. An error of it ends the reading.
	Bad func(at Place, err error) error
}

// A Place is where in a file a record stands.
type Place struct {
	Path   string
	Unit   string // "line" or "row"
	Number int    // from 1
	Line   int    // at which it begins, from 1; 0 in files that have no lines
	Rest   bool   // of a damaged one: nothing behind it in the file was read

	// size bytes of the file from offset on hold the record and no other; 0: what is before it has to be
	// read first.
	offset int64
	size   int
	header *header // of a table
}

func (p Place) String() string { return fmt.Sprintf("%s, %s %d", p.Path, p.Unit, p.Number) }

// signatures are how files begin that are refused by name.
var signatures = []struct{ begins, name, mend string }{
	{"PK\x03\x04", "a zip archive", "unpack it"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it with zstd -d"},
	{"\xfd7zXZ\x00", "compressed by xz", "unpack it with xz -d"},
	{"BZh", "compressed by bzip2", "unpack it with bzip2 -d"},
	{"ARROW1", "an Arrow file", "save it as Parquet"},
	{"\xff\xfe", "UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "UTF-16", "save it as UTF-8"},
	{"{\x00", "UTF-16", "save it as UTF-8"},
	{"[\x00", "UTF-16", "save it as UTF-8"},
	{"\x00{", "UTF-16", "save it as UTF-8"},
	{"\x00[", "UTF-16", "save it as UTF-8"},
}

// A file is one that is being read.
type file struct {
	*Reader
	path   string
	bytes  io.ReaderAt // those that the records stand in; nil: they can be read in their order only
	size   int64       // of bytes
	offset int64       // of what is read next
}

// Read reads a file and returns the SHA-256 of its bytes. Errors name the file. Memory holds a few of the
// largest records, but for an object around all of them and for Parquet in gzip, which are read whole.
func (r *Reader) Read(path string) (sum string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	f := &file{Reader: r, path: path}
	if info.Mode().IsRegular() {
		f.bytes, f.size = in, info.Size()
	}
	hash := sha256.New()
	all := io.TeeReader(in, hash)
	if err := f.read(all); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, all); err != nil { // what is behind the records
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// read takes the records out of the bytes of a file.
func (f *file) read(raw io.Reader) error {
	in := bufio.NewReader(raw)
	if begin, err := in.Peek(2); err == nil && string(begin) == "\x1f\x8b" {
		in = bufio.NewReader(&unpacked{in: in, path: f.path})
		f.bytes = nil
	}
	begin, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, s := range signatures {
		if bytes.HasPrefix(begin, []byte(s.begins)) {
			return fmt.Errorf("%s is %s; %s", f.path, s.name, s.mend)
		}
	}
	if bytes.HasPrefix(begin, []byte(parquetMark)) {
		return f.parquet(in)
	}
	const mark = "\ufeff"
	if bytes.HasPrefix(begin, []byte(mark)) {
		in.Discard(len(mark))
		f.offset = int64(len(mark))
	}
	begin, err = beginning(in)
	if err != nil {
		return err
	}
	text := io.MultiReader(bytes.NewReader(begin), in)
	switch trimmed := bytes.TrimSpace(begin); {
	case bytes.HasPrefix(trimmed, []byte("[")):
		return f.list(text)
	case f.isDocument(trimmed):
		return f.document(text)
	case len(trimmed) > 0 && trimmed[0] != '{' && f.isTable(begin):
		return f.table(begin, text)
	}
	return f.lines(text)
}

// beginning takes from a text what tells its form: its first two lines that are not empty if it is JSON,
// and as much as any header has if it is not.
func beginning(in io.Reader) ([]byte, error) {
	const most = 1 << 16 // of a header
	var text []byte
	for {
		n := len(text)
		text = slices.Grow(text, max(n, most))
		read, err := io.ReadFull(in, text[n:n+max(n, most)])
		text = text[:n+read]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
		first, rest, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
		if len(first) > 0 && (first[0] != '{' || bytes.Contains(bytes.TrimSpace(rest), []byte("\n"))) {
			return text, nil
		}
	}
}

// unpacked reads what gzip packed.
type unpacked struct {
	in   io.Reader
	path string
	z    *gzip.Reader
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.z == nil {
		u.z, err = gzip.NewReader(u.in)
	}
	if err == nil {
		n, err = u.z.Read(p)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s cannot be unpacked by gzip (%w); copy it again", u.path, err)
	}
	return n, err
}

// line returns the place of a line.
func (f *file) line(n int) Place { return Place{Path: f.path, Unit: "line", Number: n, Line: n} }

// stands adds to a place the bytes of the text that a record stands in.
func (f *file) stands(at Place, offset, size int) Place {
	if f.bytes != nil {
		at.offset, at.size = f.offset+int64(offset), size
	}
	return at
}

// lines reads one JSON object per line. Empty lines are left out.
func (f *file) lines(text io.Reader) error {
	in := bufio.NewReaderSize(text, 1<<16)
	var line []byte
	for number, offset := 1, 0; ; number++ {
		var err error
		if line, err = nextLine(in, line[:0]); err != nil || len(line) == 0 {
			return err
		}
		at := f.stands(f.line(number), offset, len(line))
		offset += len(line)
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) == 0 {
			continue
		}
		v, err := jsonl.ParseWords(trimmed)
		if err != nil {
			err = f.Bad(f.line(number), f.unreadable(err, "one object per line"))
		} else {
			err = f.Record(at, v)
		}
		if err != nil {
			return err
		}
	}
}

// nextLine appends the next line with its end; nothing if there is none.
func nextLine(in *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, io.EOF):
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// isDocument reports whether a text, which begins so, without white space around it, is one JSON object
// and not one per line: it is a single one that holds a list in "data", or it is spread over lines none of
// the first two of which is a value.
func (f *file) isDocument(text []byte) bool {
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if rest = bytes.TrimSpace(rest); len(rest) == 0 {
		v, err := jsonl.Parse(first)
		_, ok := f.wrapped(v)
		return err == nil && ok
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	for _, line := range [][]byte{first, second} {
		if _, err := jsonl.Parse(line); err == nil {
			return false
		}
	}
	return rest[0] != '{' // a line that ended too early, and another one
}

// wrapped returns the list in the field data of an object that is no record by itself.
func (f *file) wrapped(v any) ([]any, bool) {
	fields, _ := v.(map[string]any)
	rows, ok := fields["data"].([]any)
	return rows, ok && !f.Known(fields)
}

// document reads one JSON object, which holds a list of them or is alone.
func (f *file) document(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	v, err := jsonl.Parse(jsonfile.Standard(text))
	if e := (*jsonl.Error)(nil); errors.As(err, &e) {
		return f.Bad(f.line(e.Line), f.unreadable(err, inOneList))
	}
	rows, ok := f.wrapped(v)
	if !ok {
		rows = []any{v}
	}
	for i, row := range rows {
		if err := f.Record(Place{Path: f.path, Unit: "row", Number: i + 1}, row); err != nil {
			return err
		}
	}
	return nil
}

const inOneList = "one object per line or all in one list"

// list reads the objects of a list.
func (f *file) list(in io.Reader) error {
	row := 0
	return jsonl.List(in, func(place jsonl.Place, v any, err error) error {
		row++
		if e := (*jsonl.Error)(nil); errors.As(err, &e) {
			at := f.line(e.Line)
			err = f.unreadable(err, inOneList)
			at.Line, at.Rest = place.Line, e.Rest
			return f.Bad(at, err)
		}
		at := Place{Path: f.path, Unit: "row", Number: row, Line: place.Line}
		return f.Record(f.stands(at, place.Offset, place.Size), v)
	})
}

// unreadable adds to the error of jsonl.Parse how objects are to be written, if that is what is
// wrong.
func (f *file) unreadable(err error, how string) error {
	if e := (*jsonl.Error)(nil); errors.As(err, &e) && e.Syntax {
		return fmt.Errorf("this is not JSON, %w; %s, %s", err, f.Form, how)
	}
	return err
}

// Kind names what a value is.
func Kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
