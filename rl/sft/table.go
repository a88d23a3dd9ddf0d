package sft

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

// isTable reports whether a text is CSV: its first line names the fields of a layout, or the file
// is called so.
func (f *File) isTable(text []byte) bool {
	_, ok := comma(text)
	name := strings.TrimSuffix(strings.ToLower(f.Path), ".gz")
	return ok || filepath.Ext(name) == ".csv" || filepath.Ext(name) == ".tsv"
}

// comma returns what stands between the fields of a header, if they are those of a layout.
func comma(text []byte) (rune, bool) {
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
		if len(layoutsOf(fields)) > 0 {
			return c, true
		}
	}
	return commas[0], false
}

// table reads CSV whose first line names the fields. The number of a row is that of its first line.
func (f *File) table(text []byte) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, _ = comma(text)
	names, err := r.Read()
	for i := 0; err == nil && i < len(names); i++ {
		for _, before := range names[:i] {
			if before == names[i] {
				return f.at(1, fmt.Errorf("the header has the field %q twice; rename one of them", before))
			}
		}
	}
	for err == nil {
		var row []string
		if row, err = r.Read(); err != nil {
			break
		}
		line, _ := r.FieldPos(0)
		fields := map[string]any{}
		for i, v := range row {
			if !utf8.ValidString(v) {
				return f.at(line, errors.New("the text is not UTF-8; convert the file"))
			}
			fields[names[i]] = v
		}
		if err := f.add(line, fields); err != nil {
			return err
		}
	}
	if e := (*csv.ParseError)(nil); errors.As(err, &e) {
		return f.at(e.StartLine, tableFault(e.Err, len(names)))
	} else if err != io.EOF {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// tableFault says in plain words why a row is no CSV with so many fields.
func tableFault(err error, fields int) error {
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
