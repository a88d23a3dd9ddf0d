// Package settings is what configurations have in common: structs whose fields carry a json name and,
// in a doc tag, what they mean.
package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// A setting is one field of a configuration: its name in JSON, its value as JSON, what it means.
type setting struct{ name, value, doc string }

// list names the fields of a configuration, nested ones under dotted names.
func list(config any) ([]setting, error) { return fields(nil, "", reflect.ValueOf(config)) }

func fields(list []setting, prefix string, v reflect.Value) ([]setting, error) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("json")
		doc, leaf := f.Tag.Lookup("doc")
		if !leaf {
			var err error
			if list, err = fields(list, name+".", v.Field(i)); err != nil {
				return nil, err
			}
			continue
		}
		var value strings.Builder
		enc := json.NewEncoder(&value)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v.Field(i).Interface()); err != nil {
			return nil, err
		}
		list = append(list, setting{name, strings.TrimSpace(value.String()), doc})
	}
	return list, nil
}

// Describe prints every field of a configuration: its JSON name, its value, and its doc tag, in columns that a long value
// does not widen.
func Describe(w io.Writer, config any) error {
	all, err := list(config)
	if err != nil {
		return err
	}
	names, values := 0, 0
	for _, s := range all {
		names = max(names, len(s.name))
		if len(s.value) <= longValue {
			values = max(values, len(s.value))
		}
	}
	for _, s := range all {
		if _, err := fmt.Fprintf(w, "%-*s  %-*s  %s\n", names, s.name, values, s.value, s.doc); err != nil {
			return err
		}
	}
	return nil
}

const longValue = 40

// Same refuses to go on with other settings than a run began with, naming the first that differs. Both are of
// one type.
func Same(began, now any) error {
	a, err := list(began)
	if err != nil {
		return err
	}
	b, err := list(now)
	if err != nil {
		return err
	}
	for i := range a {
		if a[i].value != b[i].value {
			return fmt.Errorf("the run began with %s %s and now it is %s; resume with the command it began with", a[i].name, a[i].value, b[i].value)
		}
	}
	return nil
}

// Read overlays the JSON of a configuration file on config, a pointer. A field that does not exist is an error.
func Read(data []byte, config any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(config); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("there is more than one JSON object")
	}
	return nil
}
