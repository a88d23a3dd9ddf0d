package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// parquetMark is how Parquet files begin and end.
const parquetMark = "PAR1"

// parquet reads the rows of a Parquet file.
func (f *file) parquet(in io.Reader) error {
	raw, size := f.bytes, f.size
	if raw == nil {
		all, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		raw, size = bytes.NewReader(all), int64(len(all))
	}
	t, err := f.openTable(raw, size)
	for number := 1; err == nil; number++ {
		var row any
		if row, err = t.next(); err != nil {
			break
		}
		at := Place{Path: f.path, Unit: "row", Number: number}
		if row, err = clean(row); err != nil {
			err = f.Bad(at, err)
		} else {
			err = f.Record(at, row)
		}
		if err != nil {
			return err
		}
	}
	if err != io.EOF {
		if !whole(raw, size) {
			return fmt.Errorf("%s is not a whole Parquet file; copy it again", f.path)
		}
		return fmt.Errorf("%s is damaged, or a Parquet file of a kind that is not read; "+
			"copy it again, or save it as JSON", f.path)
	}
	return nil
}

// whole reports whether a Parquet file has its end, and before it as much as that says.
func whole(raw io.ReaderAt, size int64) bool {
	var end [4 + len(parquetMark)]byte // the size of what is before, and the mark
	left := size - int64(len(end)+len(parquetMark))
	if left < 0 {
		return false
	}
	if _, err := raw.ReadAt(end[:], size-int64(len(end))); err != nil && err != io.EOF {
		return false
	}
	return string(end[4:]) == parquetMark && int64(binary.LittleEndian.Uint32(end[:])) <= left
}

// A table is a Parquet file of which some rows are read.
type table struct {
	reader *parquet.GenericReader[any]
	rows   []any // that are read and not taken
	err    error // behind them
}

func (f *file) openTable(raw io.ReaderAt, size int64) (t *table, err error) {
	defer damaged(&err)
	file, err := parquet.OpenFile(raw, size,
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	known := parquet.Group{}
	for _, field := range file.Schema().Fields() {
		if f.Columns == nil || slices.Contains(f.Columns, field.Name()) {
			known[field.Name()] = field
		}
	}
	if len(known) == 0 { // a row of names tells what is there and what is missing
		names := map[string]any{}
		for _, field := range file.Schema().Fields() {
			names[field.Name()] = true
		}
		return &table{rows: []any{names}, err: io.EOF}, nil
	}
	schema := parquet.NewSchema(file.Schema().Name(), known)
	return &table{reader: parquet.NewGenericReader[any](file, schema)}, nil
}

// next returns a row, or io.EOF behind the last one.
func (t *table) next() (row any, err error) {
	defer damaged(&err)
	if len(t.rows) == 0 {
		if t.err != nil {
			return nil, t.err
		}
		t.rows = make([]any, 8)
		var n int
		n, t.err = t.reader.Read(t.rows)
		if t.rows = t.rows[:n]; n == 0 {
			return t.next()
		}
	}
	row, t.rows[0], t.rows = t.rows[0], nil, t.rows[1:]
	return row, nil
}

// damaged makes an error of a panic, which is how the library answers to some files that are
// damaged.
func damaged(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("it is damaged: %v", p)
	}
}

// clean returns a value as JSON would have it, without what is null. All text must be UTF-8.
func clean(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case []byte:
		return clean(string(v))
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("the text %.20q is not UTF-8; convert it", v)
		}
	case []any:
		for i := range v {
			if v[i], err = clean(v[i]); err != nil {
				return nil, err
			}
		}
		if v == nil {
			return nil, nil
		}
	case map[string]any:
		for name := range v {
			if v[name], err = clean(v[name]); err != nil {
				return nil, fmt.Errorf("in %s, %w", name, err)
			}
		}
	}
	return v, nil
}
