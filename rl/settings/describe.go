package settings

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// A setting is one field of a configuration: its name in JSON, its value as JSON, what it means.
type setting struct{ name, value, doc string }

// describe names the fields of a configuration, nested ones under dotted names.
func describe(config any) ([]setting, error) { return describeInto(nil, "", reflect.ValueOf(config)) }

func describeInto(list []setting, prefix string, v reflect.Value) ([]setting, error) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + ownName(f)
		doc, leaf := f.Tag.Lookup("doc")
		if !leaf {
			var err error
			if list, err = describeInto(list, name+".", v.Field(i)); err != nil {
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

// Describe prints every field of a configuration: its JSON name, its value, and its doc tag, in
// columns that a long value does not widen.
func Describe(w io.Writer, config any) error {
	all, err := describe(config)
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
