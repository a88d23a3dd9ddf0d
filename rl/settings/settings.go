// Package settings reads, writes and compares configurations:
// structs whose fields carry these tags.
//
//	json:"lr"           the name of the field in files and on the command line
//	doc:"learning rate" what it means, as the written file says beside it
//	group:"sampling"    the heading of the fields from this one on, in the written file; one that they
//	                    are under already, as with an embedded struct, is written once
//	min:"1" max:"1024"  the least and the largest value; of a list, of each element
//	above:"0" below:"1" the same with the limits themselves left out
//	oneof:"tokens groups" the words that a text may be
//	resume:"free"       a resumed run may change it
//	aka:"learning_rate" what other programs call it, for the error of one who writes that
//
// Fields are numbers, booleans, strings, values that implement encoding.TextUnmarshaler, structs of
// such, pointers to structs, arrays and slices. A field inside a struct has a dotted name,
// optim.lr; an element of a list has its number, stages.0.steps.
package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Read lays the fields that a file gives over config, a pointer to a struct; fields that it does
// not give stay as they are, and after an error all do. The file is YAML or JSON and at most 1 MiB;
// an empty one changes nothing. The elements of a list replace the list, but structs among them are
// laid over those in their place. Name is what errors call the file; if it is empty they begin with
// the line. Values outside the limits that tags set are errors too.
func Read(name string, data []byte, config any, elsewhere ...Elsewhere) error {
	if name != "" {
		name += ", "
	}
	p := parser{place: func(line, column int) string {
		return fmt.Sprintf("%sline %d, column %d: ", name, line, column)
	}}
	if len(data) > maxFile {
		return p.fail(1, 1, "the file has %d bytes; a configuration has at most %d", len(data), maxFile)
	}
	n, err := p.file(data)
	if err != nil || n == nil {
		return err
	}
	d := decoder{parser: p, elsewhere: elsewhere}
	return d.overlay(config, func(v reflect.Value) error { return d.top(v, n) })
}

// Elsewhere says what a name is that is no field of a configuration but something else of the
// program, as in "it is a setting of spell sft". It returns "" if it does not know.
type Elsewhere func(name string) string

// maxFile is the bytes of the largest configuration file.
const maxFile = 1 << 20

// Set lays one field over config, a pointer to a struct. An assignment is name=value, as in
// optim.lr=1e-5, tasks=[numeric,general_qa] or stages.0.steps=10, with the value in YAML. After an
// error config is unchanged.
func Set(config any, assignment string, elsewhere ...Elsewhere) error {
	p := parser{place: func(int, int) string { return fmt.Sprintf("--set %s: ", shorten(assignment)) }}
	name, value, ok := strings.Cut(assignment, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return p.fail(1, 1, "write a name, = and a value, as in optim.lr=1e-5")
	}
	n, err := p.yaml([]byte(value))
	if err != nil {
		return err
	}
	if n == nil {
		n = &node{kind: null, line: 1, column: 1}
	}
	d := decoder{parser: p, elsewhere: elsewhere}
	return d.overlay(config, func(v reflect.Value) error {
		return d.entry(v, name, &entry{key: name, line: 1, column: 1, value: n}, field{})
	})
}

// Merge lays a saved configuration, the JSON of a struct of config's type as
// a program of any version wrote it, over config, a pointer that holds the
// defaults: fields that the saved one lacks keep them. A field that this
// program does not know is an error. After an error config is unchanged.
func Merge(saved json.RawMessage, config any) error {
	p := parser{saved: true, place: func(int, int) string { return "the saved configuration: " }}
	n, err := p.json(saved)
	if err != nil {
		return err
	}
	d := decoder{parser: p}
	return d.overlay(config, func(v reflect.Value) error { return d.top(v, n) })
}

// Has reports whether a configuration, a struct or a pointer to one, has a field of that dotted name,
// or a list with fields of that name, as in stages.0.lr.
func Has(config any, name string) bool {
	all := nested(nil, reflect.Indirect(reflect.ValueOf(config)).Type(), "")
	list := element.ReplaceAllString(name, "")
	return slices.ContainsFunc(all, func(f field) bool { return f.name == name || f.name == list })
}

// element matches the number of an element in a dotted name, and what is behind it.
var element = regexp.MustCompile(`\.[0-9]+(\..*)?$`)

// clone returns a copy of a configuration that shares no memory with it.
func clone(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(clone(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(clone(v.Field(i)))
			}
		}
	}
	return c
}
