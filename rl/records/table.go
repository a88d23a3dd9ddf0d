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

// A header is the first row of a table.
type header struct {
	comma rune // what stands between fields
	names []string
}

// isTable reports whether a text that begins so is CSV: its first line names the fields of a record, or the file is
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

// table reads CSV, which begins so, whose first line names the fields. The number of a row is that of its
// first line.
func (f *file) table(begin []byte, text io.Reader) error {
	r := csv.NewReader(text)
	r.Comma, _ = f.comma(begin)
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
	h := &header{r.Comma, names}
	for {
		offset := int(r.InputOffset())
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if e := (*csv.ParseError)(nil); errors.As(err, &e) {
			err = f.Bad(f.line(e.StartLine), fault(e.Err, len(names)))
		} else if err == nil {
			line, _ := r.FieldPos(0)
			at := f.stands(f.line(line), offset, int(r.InputOffset())-offset)
			if at.size > 0 {
				at.header = h
			}
			err = f.row(at, h, row)
		} else {
			err = fmt.Errorf("%s: %w", f.path, err)
		}
		if err != nil {
			return err
		}
	}
}

// row takes the record of a row.
func (f *file) row(at Place, h *header, row []string) error {
	fields, err := h.fields(row)
	if err != nil {
		return f.Bad(at, err)
	}
	return f.Record(at, fields)
}

// fields returns the record of a row.
func (h *header) fields(row []string) (map[string]any, error) {
	fields := map[string]any{}
	for i, v := range row {
		if !utf8.ValidString(v) {
			return nil, errors.New("the text is not UTF-8; convert the file")
		}
		fields[h.names[i]] = v
	}
	return fields, nil
}

// read reads the record of a row as it stands in the text.
func (h *header) read(text []byte) (any, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = h.comma, len(h.names)
	row, err := r.Read()
	if err != nil {
		return nil, err
	}
	return h.fields(row)
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
