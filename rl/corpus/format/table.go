package format

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// table reads the rows of a Parquet file.
type table struct {
	f           *os.File
	reader      *parquet.GenericReader[any]
	text, title string
	read        []any // rows that are read and not returned
	err         error // behind them
	number      int
}

// batchRows is few, since a row may be long.
const batchRows = 16

func openTable(f *os.File, size int64, at Place, o Options) (r Reader, err error) {
	defer broken(&err)
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("no whole Parquet file: %w", err)
	}
	var names []string
	for _, field := range file.Schema().Fields() {
		if field.Leaf() && !field.Repeated() {
			names = append(names, field.Name())
		}
	}
	text, title := choose(names, o.Field)
	if text < 0 {
		return nil, errors.New(noText("column", o.Field, slices.Clone(names)))
	}
	t := &table{f: f, text: names[text], number: at.Number}
	wanted := parquet.Group{}
	if title >= 0 {
		t.title = names[title]
	}
	for _, field := range file.Schema().Fields() {
		if field.Name() == t.text || title >= 0 && field.Name() == t.title {
			wanted[field.Name()] = field
		}
	}
	t.reader = parquet.NewGenericReader[any](file, parquet.NewSchema(file.Schema().Name(), wanted))
	if at.Number > 0 {
		if err := t.reader.SeekToRow(int64(at.Number)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *table) Close() error {
	return errors.Join(t.reader.Close(), t.f.Close())
}

func (t *table) Next() (r Record, err error) {
	defer broken(&err)
	for len(t.read) == 0 {
		if t.err != nil {
			return r, t.err
		}
		t.read = make([]any, batchRows)
		var n int
		n, t.err = t.reader.Read(t.read)
		t.read = t.read[:n]
		if n == 0 && t.err == nil {
			t.err = io.ErrNoProgress
		}
	}
	row, _ := t.read[0].(map[string]any)
	t.read = t.read[1:]
	t.number++
	r.Label, r.Next = fmt.Sprintf("row %d", t.number), Place{Number: t.number}
	switch v := row[t.text].(type) {
	case string:
		r.Text = clean(v)
	case []byte:
		r.Text = clean(string(v))
	case nil:
	default:
		r.Skip = fmt.Sprintf("the column %q is no text", t.text)
	}
	if t.title != "" && row[t.title] != nil {
		title := row[t.title]
		if b, ok := title.([]byte); ok {
			title = string(b)
		}
		r.Title = oneLine(fmt.Sprint(title))
	}
	return finish(r), nil
}

// broken makes an error of a panic, which is how libraries answer to some files that are damaged.
func broken(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("it is damaged: %v", p)
	}
}
