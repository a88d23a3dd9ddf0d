package settings

import (
	"bufio"
	"encoding"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	pageWidth = 100 // columns of the written file
	remarks   = 32  // the column, from 0, in which what fields mean begins
)

// Write writes config, a struct or a pointer to one, as a YAML file: the heading
// as a comment, then every field with its value and what it means. Read lays the
// file over another configuration of the type so that it has the same values. A
// value that no file can hold, such as an infinite number, is an error.
func Write(w io.Writer, config any, heading string) error {
	out := writer{w: bufio.NewWriter(w)}
	for line := range strings.Lines(heading) {
		for _, s := range Wrap(strings.TrimSpace(line), pageWidth-2) {
			out.line(strings.TrimSpace("# " + s))
		}
	}
	if out.fields(reflect.Indirect(reflect.ValueOf(config)), "", "", ""); out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

type writer struct {
	w     *bufio.Writer
	lines int
	group string // the heading that fields are under
	err   error  // the first one
}

func (w *writer) line(s string) {
	w.lines++
	if _, err := w.w.WriteString(s + "\n"); w.err == nil {
		w.err = err
	}
}

// fields writes the fields of a struct. The first is behind lead, the others behind indent.
func (w *writer) fields(v reflect.Value, name, lead, indent string) {
	for _, f := range fieldsOf(v.Type(), name) {
		if group := f.tag.Get("group"); group != "" && group != w.group {
			w.group = group
			if w.lines > 0 {
				w.line("")
			}
			w.line(indent + "# --- " + group + " ---")
		}
		w.field(v.FieldByIndex(f.at), f, lead, indent)
		lead = indent
	}
}

// field writes one field.
func (w *writer) field(v reflect.Value, f field, lead, indent string) {
	if v.Kind() == reflect.Pointer && !v.IsNil() && !isText(v.Type()) {
		v = v.Elem()
	}
	start, doc := lead+key(f.leaf())+":", f.tag.Get("doc")
	switch {
	case structOf(v.Type()) != nil && v.Kind() == reflect.Struct:
		w.remark(start, doc)
		w.fields(v, f.name, indent+"  ", indent+"  ")
	case v.Kind() == reflect.Slice && structOf(v.Type().Elem()) != nil && v.Len() > 0:
		w.remark(start, doc)
		for i := range v.Len() {
			w.fields(v.Index(i), f.name, indent+"  - ", indent+"    ")
		}
	default:
		text, err := flow(v)
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("%s %w", f.name, err)
		}
		w.remark(start+" "+text, doc)
	}
}

// remark writes a line with what it means beside it and, if that takes more lines, below.
func (w *writer) remark(s, doc string) {
	margin := strings.Repeat(" ", remarks)
	for i, part := range Wrap(doc, pageWidth-remarks-2) {
		switch n := utf8.RuneCountInString(s); {
		case i > 0:
			s = margin
		case n < remarks:
			s += margin[n:]
		default:
			w.line(s)
			s = margin
		}
		w.line(s + "# " + part)
	}
	if doc == "" {
		w.line(s)
	}
}

// Wrap cuts text into lines of at most width characters, if its words allow it.
func Wrap(text string, width int) []string {
	var lines []string
	n := 0
	for _, word := range strings.Fields(text) {
		size := utf8.RuneCountInString(word)
		if len(lines) > 0 && n+1+size <= width {
			lines[len(lines)-1] += " " + word
			n += 1 + size
			continue
		}
		lines, n = append(lines, word), size
	}
	return lines
}

// flow is a value in one line.
func flow(v reflect.Value) (string, error) {
	switch {
	case isText(v.Type()):
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return "null", nil
		}
		return flow(v.Elem())
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		all := make([]string, v.Len())
		for i := range all {
			var err error
			if all[i], err = flow(v.Index(i)); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(all, ", ") + "]", nil
	case v.Kind() == reflect.Struct:
		var all []string
		for _, f := range fieldsOf(v.Type(), "") {
			text, err := flow(v.FieldByIndex(f.at))
			if err != nil {
				return "", err
			}
			all = append(all, key(f.leaf())+": "+text)
		}
		return "{" + strings.Join(all, ", ") + "}", nil
	case v.CanFloat():
		if x := v.Float(); math.IsInf(x, 0) || math.IsNaN(x) {
			return "", fmt.Errorf("is %g, which no file can hold", x)
		}
		return scalarText(v), nil
	case v.Kind() != reflect.String:
		return scalarText(v), nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return "", fmt.Errorf("cannot be written: %w", err)
		}
		return key(string(text)), nil
	}
	return key(scalarText(v)), nil
}

// key is a text as YAML takes it for that text: as it is if all
// versions of YAML do, and else in quotes.
func key(text string) string {
	if plainText.MatchString(text) && !otherwise.MatchString(text) {
		return text
	}
	return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD"))
}

var (
	plainText = regexp.MustCompile(`^(<?/?[A-Za-z_]|/)[A-Za-z0-9_./<>-]*$`)
	otherwise = regexp.MustCompile( // some reader's constants
		`^(?i:null|true|false|yes|no|on|off|y|n|inf|nan|infinity)$`)
)

// scalarText is a value without fields inside it, as text without quotes.
func scalarText(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return fmt.Sprint(v.Interface())
		}
		return string(text)
	}
	if v.CanFloat() {
		return floatText(v.Float(), v.Type().Bits())
	}
	return fmt.Sprint(v.Interface())
}

// floatText is the shortest decimal of a number that all versions of YAML read as that number: an
// exponent has a sign and stands behind a point.
func floatText(x float64, bits int) string {
	if size := math.Abs(x); size == 0 || size >= 1e-5 && size < 1e15 || math.IsInf(x, 0) || math.IsNaN(x) {
		return strconv.FormatFloat(x, 'f', -1, bits)
	}
	mantissa, power, _ := strings.Cut(strconv.FormatFloat(x, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa + "e" + power[:1] + strings.TrimLeft(power[1:], "0")
}
