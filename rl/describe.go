package rl

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"
)

// A setting is one field of a configuration: its name in JSON, its value as JSON, what it means.
type setting struct{ name, value, doc string }

// settings lists the fields of a configuration, nested ones under dotted names.
func settings(c Config) ([]setting, error) { return fields(nil, "", reflect.ValueOf(c)) }

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
		value, err := json.Marshal(v.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		list = append(list, setting{name, string(value), doc})
	}
	return list, nil
}

// Describe prints every field of a configuration: its JSON name, its value, and what it means
// with its unit and the paper's value.
func Describe(w io.Writer, c Config) error {
	list, err := settings(c)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.name, s.value, s.doc)
	}
	return t.Flush()
}

// same refuses to go on with other settings than a run began with, but for the number of steps.
func same(began, now Config) error {
	now.Steps = began.Steps
	a, err := settings(began)
	if err != nil {
		return err
	}
	b, err := settings(now)
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
