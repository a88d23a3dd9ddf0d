package format

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"spell/tensor/atomicfile"
)

// rows reads CSV with a header, a document in each row.
type rows struct {
	f           *os.File
	in          *csv.Reader
	bytes       *rationed
	base        int64 // where in begins in the file
	at          Place
	text, title int
}

func openRows(f *os.File, at Place, o Options) (Reader, error) {
	comma, err := separator(f)
	if err != nil {
		return nil, err
	}
	r := &rows{f: f, at: at, bytes: &rationed{r: f}}
	start := func(base int64) error {
		if _, err := f.Seek(base, io.SeekStart); err != nil {
			return atomicfile.Cause(err)
		}
		r.base, r.bytes.left = base, recordBytes
		r.in = csv.NewReader(r.bytes)
		r.in.Comma, r.in.FieldsPerRecord, r.in.LazyQuotes = comma, -1, true
		return nil
	}
	if err := start(0); err != nil {
		return nil, err
	}
	header, err := r.in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	if r.text, r.title = choose(header, o.Field); r.text < 0 {
		return nil, errors.New(noText("column", o.Field, slices.Clone(header)))
	}
	if at.Byte > 0 {
		return r, start(at.Byte)
	}
	return r, nil
}

// separator returns what stands between the columns of the header: a comma, a semicolon or a tab.
func separator(f *os.File) (rune, error) {
	head := make([]byte, 1<<16)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, atomicfile.Cause(err)
	}
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	best := ','
	for _, c := range ";\t" {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best, nil
}

func (r *rows) Close() error { return r.f.Close() }

func (r *rows) Next() (rec Record, err error) {
	r.bytes.left = recordBytes
	row, err := r.in.Read()
	if err != nil {
		return rec, atomicfile.Cause(err)
	}
	r.at = Place{r.base + r.in.InputOffset(), r.at.Number + 1}
	rec.Label, rec.Next = fmt.Sprintf("row %d", r.at.Number), r.at
	if r.text >= len(row) {
		rec.Skip = fmt.Sprintf("%d columns, and the text is in column %d", len(row), r.text+1)
		return rec, nil
	}
	rec.Text = clean(row[r.text])
	if r.title >= 0 && r.title < len(row) {
		rec.Title = oneLine(row[r.title])
	}
	return finish(rec), nil
}

// rationed is a reader that fails once more was read than was left: a quote that nobody closed would take in
// all the file.
type rationed struct {
	r    io.Reader
	left int
}

func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("a row has more than %d MB; look for a quote that is not closed", recordBytes>>20)
	}
	n, err := r.r.Read(p)
	r.left -= n
	return n, err
}
