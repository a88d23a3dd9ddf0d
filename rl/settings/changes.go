package settings

import (
	"fmt"
	"reflect"
)

// A Change is a field that differs between two configurations.
type Change struct {
	Name  string
	Value string // the new one, as --set and a YAML file take it
	Free  bool   // a run that goes on may make it
}

// Changes returns the fields that differ between two configurations, pointers to structs of one type,
// in their order. Lists of another length are one change.
func Changes(from, to any) []Change {
	return differences(nil, reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem(), field{})
}

func differences(all []Change, a, b reflect.Value, f field) []Change {
	switch {
	case isText(a.Type()):
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return differences(all, a.Elem(), b.Elem(), f)
	case a.Kind() == reflect.Struct:
		for _, in := range fieldsOf(a.Type(), f.name) {
			all = differences(all, a.FieldByIndex(in.at), b.FieldByIndex(in.at), in)
		}
		return all
	case a.Kind() == reflect.Slice && structOf(a.Type().Elem()) != nil && a.Len() == b.Len():
		for i := range a.Len() {
			all = differences(all, a.Index(i), b.Index(i), field{name: fmt.Sprintf("%s.%d", f.name, i)})
		}
		return all
	}
	if value := inLine(b); inLine(a) != value {
		all = append(all, Change{f.name, value, f.tag.Get("resume") == "free"})
	}
	return all
}
