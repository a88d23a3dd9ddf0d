package records

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// commas are what may stand between the fields of a table.
var commas = []rune{',', '\t', ';'}

// isTable reports whether a text is CSV: its first line names the fields of a record, or the file is
// called so.
func (f *file) isTable(text []byte) bool {
	_, ok := f.comma(text)
	ext := f.tableName()
	return ok || ext == ".csv" || ext == ".tsv"
}

// tableName returns how the file's name ends, without .gz.
func (f *file) tableName() string {
	return filepath.Ext(strings.TrimSuffix(strings.ToLower(f.path), ".gz"))
}

// comma returns what stands between the fields of a header, if they are those of a record.
func (f *file) comma(text []byte) (rune, bool) {
	for _, c := range commas {
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma = c
		names, err := r.Read()
		if err != nil {
			continue
		}
		fields := map[string]any{}
		for _, name := range names {
			fields[name] = name
		}
		if f.Known(fields) {
			return c, true
		}
	}
	if f.tableName() == ".tsv" {
		return '\t', false
	}
	return commas[0], false
}

// table reads CSV whose first line names the fields. The number of a row is that of its first line.
func (f *file) table(text []byte) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, _ = f.comma(text)
	names, err := r.Read()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return f.Bad(f.line(1), fault(err, len(names)))
	}
	for i := range names {
		for _, before := range names[:i] {
			if before == names[i] {
				return f.Bad(f.line(1), fmt.Errorf("the header has the field %q twice; rename one of them", before))
			}
		}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if e := (*csv.ParseError)(nil); errors.As(err, &e) {
			err = f.Bad(f.line(e.StartLine), fault(e.Err, len(names)))
		} else if err == nil {
			line, _ := r.FieldPos(0)
			err = f.row(f.line(line), names, row)
		} else {
			err = fmt.Errorf("%s: %w", f.path, err)
		}
		if err != nil {
			return err
		}
	}
}

// row takes the record of a row.
func (f *file) row(at Place, names, row []string) error {
	fields := map[string]any{}
	for i, v := range row {
		if !utf8.ValidString(v) {
			return f.Bad(at, errors.New("the text is not UTF-8; convert the file"))
		}
		fields[names[i]] = v
	}
	return f.Record(at, fields)
}

// fault says in plain words why a row is no CSV with so many fields.
func fault(err error, fields int) error {
	if e := (*csv.ParseError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	switch err {
	case csv.ErrFieldCount:
		return fmt.Errorf("the row has another number of fields than the %d of the header; "+
			"put quotes around a text that holds what separates fields", fields)
	case csv.ErrQuote:
		return errors.New(`a field in quotes has no closing quote, or text behind it; write "" for a quote within one`)
	case csv.ErrBareQuote:
		return errors.New(`a quote stands in a field that has none around it; quote the field, and write "" within`)
	}
	return errors.New("this is not CSV; mend the row")
}
