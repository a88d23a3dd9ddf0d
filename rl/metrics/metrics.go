// Package metrics explains the lines of metrics.jsonl from the structs that they are written from: every field
// has its meaning in its tag "doc", beside its name in JSON.
package metrics

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"spell/rl/settings"
)

// A Line is a kind of line.
type Line struct {
	What  string // such as "a step"
	Value any    // a struct of the type that is written
	// Docs says what fields mean whose tags do not, by path.
	Docs map[string]string
}

// A Field is one of a line. Its path is the names that lead to it, with / between them; elements of a list have
// none.
type Field struct {
	Path     string
	Doc      string
	List     bool
	Optional bool // left out if it is 0 or empty
}

// Fields lists the fields of a line, each before those within it.
func (l Line) Fields() []Field { return l.of(nil, reflect.TypeOf(l.Value), "") }

var texts = []reflect.Type{reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler]()}

// of appends the fields of a type, if it is a struct or a list of such.
func (l Line) of(all []Field, t reflect.Type, under string) []Field {
	t, _ = element(t)
	for _, text := range texts {
		if t.Implements(text) {
			return all
		}
	}
	if t.Kind() != reflect.Struct {
		return all
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			all = l.of(all, f.Type, under)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		path := under + name
		doc := f.Tag.Get("doc")
		if d, ok := l.Docs[path]; ok {
			doc = d
		}
		_, list := element(f.Type)
		all = append(all, Field{path, doc, list, strings.Contains(options, "omitempty")})
		all = l.of(all, f.Type, path+"/")
	}
	return all
}

// element returns what a type points to or lists, and whether it is a list.
func element(t reflect.Type) (of reflect.Type, list bool) {
	for {
		switch t.Kind() {
		case reflect.Slice, reflect.Array:
			list = true
		case reflect.Pointer:
		default:
			return t, list
		}
		t = t.Elem()
	}
}

// The columns of an explanation: where meanings begin, and the last that is used.
const (
	meaningColumn = 22
	lastColumn    = 100
)

// Write explains a line, a field below the other, those within a field further in.
func (l Line) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", l.What)
	for _, f := range l.Fields() {
		depth := strings.Count(f.Path, "/")
		doc := f.Doc
		if f.List {
			doc = "list: " + doc
		}
		if f.Optional {
			doc += " (left out if there is none)"
		}
		row := strings.Repeat("  ", depth+1) + f.Path[strings.LastIndex(f.Path, "/")+1:] + " "
		for _, line := range settings.Wrap(doc, lastColumn-meaningColumn) {
			fmt.Fprintf(&b, "%-*s%s\n", meaningColumn, row, line)
			row = ""
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
