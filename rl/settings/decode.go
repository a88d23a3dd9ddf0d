package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// A decoder lays nodes over a configuration.
type decoder struct {
	parser
	root      reflect.Type
	elsewhere []Elsewhere

	// The lines that give the fields without fields inside them, and
	// those that have such inside them.
	given, inside map[string]int
}

// overlay makes changes to a copy of config, a pointer, and keeps them if there was no error.
func (d *decoder) overlay(config any, change func(reflect.Value) error) error {
	v := reflect.ValueOf(config).Elem()
	d.root, d.given, d.inside = v.Type(), map[string]int{}, map[string]int{}
	c := clone(v)
	if err := change(c); err != nil {
		return err
	}
	v.Set(c)
	return nil
}

// top decodes a whole file.
func (d *decoder) top(v reflect.Value, n *node) error {
	if n.kind != block && d.saved {
		return d.fail(n.line, n.column, "it is %s, not a block of fields; %s", orNothing(n.say()), otherVersion)
	}
	if n.kind != block {
		return d.fail(n.line, n.column, "the file is %s; it must have fields, as in steps: 10", orNothing(n.say()))
	}
	return d.block(v, n, field{})
}

func orNothing(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}

// value decodes one value into v, which is field f.
func (d *decoder) value(v reflect.Value, n *node, f field) error {
	switch {
	case n.kind == null:
		return d.null(v, n, f)
	case isText(v.Type()):
		return d.leaf(v, n, f, d.text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return d.value(v.Elem(), n, f)
	case reflect.Struct:
		return d.block(v, n, f)
	case reflect.Slice, reflect.Array:
		return d.list(v, n, f)
	case reflect.String:
		return d.leaf(v, n, f, d.string)
	case reflect.Bool:
		return d.leaf(v, n, f, d.bool)
	case reflect.Float32, reflect.Float64:
		return d.leaf(v, n, f, d.float)
	}
	return d.leaf(v, n, f, d.integer)
}

// null refuses a value that is not there. Only a pointer may be null, if it says so.
func (d *decoder) null(v reflect.Value, n *node, f field) error {
	switch {
	case v.Kind() == reflect.Pointer && n.text != "", v.Kind() == reflect.Slice && d.saved:
		v.SetZero()
		return nil
	case d.saved:
		return d.fail(n.line, n.column, "%s is null; %s", f.name, otherVersion)
	case f.listed && n.text == "":
		return d.fail(n.line, n.column, "%s is empty; write it, or take it off the list", f.name)
	case f.listed:
		return d.fail(n.line, n.column, "%s is %s; write its value, or take it off the list", f.name, n.text)
	case n.text == "" && structOf(v.Type()) != nil:
		return d.fail(n.line, n.column, "%s is empty; indent its fields below it, or leave it out", f.name)
	case n.text == "":
		return d.fail(n.line, n.column, "%s has no value; write one, or leave the field out", f.name)
	}
	return d.fail(n.line, n.column, "%s is %s; leave it out to keep the value it has without the file", f.name, n.text)
}

// leaf decodes a value without fields inside it, once, and holds it to the limits of its field.
func (d *decoder) leaf(v reflect.Value, n *node, f field, decode func(reflect.Value, *node, field) error) error {
	if err := d.once(n, f); err != nil {
		return err
	}
	if err := decode(v, n, f); err != nil {
		return err
	}
	if d.saved {
		return nil
	}
	if err := within(v, f); err != nil {
		return d.fail(n.line, n.column, "%v", err)
	}
	return nil
}

// once refuses a field that the file has given before, in whole or
// in part, under its own name or as a dotted one.
func (d *decoder) once(n *node, f field) error {
	line, ok := d.given[f.name]
	if !ok {
		line, ok = d.inside[f.name]
	}
	if ok {
		return d.fail(n.line, n.column, "%s is given again, after line %d; keep one of them", f.name, line)
	}
	for i := range len(f.name) {
		if f.name[i] == '.' {
			d.inside[f.name[:i]] = n.line
		}
	}
	d.given[f.name] = n.line
	return nil
}

// block decodes the fields of a struct.
func (d *decoder) block(v reflect.Value, n *node, f field) error {
	if n.kind != block {
		return d.fail(n.line, n.column, "%s is %s; it takes fields: %s", f.name, n.say(), names(fieldsOf(v.Type(), "")))
	}
	lines := map[string]int{}
	for _, e := range n.entries {
		if line, ok := lines[e.key]; ok {
			name := join(f.name, shorten(e.key))
			return d.fail(e.line, e.column, "%s is given again, after line %d; keep one of them", name, line)
		}
		lines[e.key] = e.line
		if err := d.entry(v, e.key, e, f); err != nil {
			return err
		}
	}
	return nil
}

// entry decodes one field of v, which is field f, by its name or by a dotted one.
func (d *decoder) entry(v reflect.Value, key string, e *entry, f field) error {
	head, rest, dotted := strings.Cut(key, ".")
	switch {
	case isText(v.Type()):
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return d.entry(v.Elem(), key, e, f)
	case v.Kind() == reflect.Struct:
		for _, in := range fieldsOf(v.Type(), f.name) {
			switch {
			case in.name == join(f.name, key):
				return d.value(v.FieldByIndex(in.at), e.value, in)
			case dotted && in.name == join(f.name, head):
				return d.entry(v.FieldByIndex(in.at), rest, e, in)
			}
		}
		return d.unknown(v.Type(), key, e, f)
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		i, err := strconv.Atoi(head)
		if err != nil || i < 0 || i >= v.Len() {
			return d.fail(e.line, e.column, "%s has no element %s; its %d are numbered from 0",
				f.name, shorten(head), v.Len())
		}
		in := field{name: fmt.Sprintf("%s.%d", f.name, i), tag: f.tag}
		if !dotted {
			return d.value(v.Index(i), e.value, in)
		}
		return d.entry(v.Index(i), rest, e, in)
	}
	return d.fail(e.line, e.column, "%s has no fields; write %s alone", f.name, f.name)
}
