package rl

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"
)

// Describe prints every field of a configuration: its JSON name, its value, and what it means
// with its unit and the paper's value.
func Describe(w io.Writer, c Config) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := describe(t, "", reflect.ValueOf(c)); err != nil {
		return err
	}
	return t.Flush()
}

func describe(w io.Writer, prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("json")
		doc, leaf := f.Tag.Lookup("doc")
		if !leaf {
			if err := describe(w, name+".", v.Field(i)); err != nil {
				return err
			}
			continue
		}
		value, err := json.Marshal(v.Field(i).Interface())
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, value, doc)
	}
	return nil
}
