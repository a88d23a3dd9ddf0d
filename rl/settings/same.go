package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Same returns an error if a run that began with one configuration cannot go on with another: it
// names the fields that differ, with both values, but for those tagged resume:"free". Both are
// structs of one type; began may be its JSON instead, and then fields that it lacks count as
// unchanged. Merge gives those their defaults.
func Same(began, now any) error {
	b := reflect.Indirect(reflect.ValueOf(now))
	a := reflect.Indirect(reflect.ValueOf(began))
	if saved, ok := began.(json.RawMessage); ok {
		was := reflect.New(b.Type())
		was.Elem().Set(clone(b))
		if err := Merge(saved, was.Interface()); err != nil {
			return err
		}
		a = was.Elem()
	}
	all := changes(nil, a, b, field{})
	if len(all) == 0 {
		return nil
	}
	const most = 4
	if more := len(all) - most; more > 0 {
		all = append(all[:most], fmt.Sprintf("%d more that differ", more))
	}
	return fmt.Errorf("the run began with %s; resume with the command it began with, "+
		"or begin another run with another --out", strings.Join(all, ", with "))
}

// changes appends what differs between two values of one type.
func changes(all []string, a, b reflect.Value, f field) []string {
	if f.tag.Get("resume") == "free" {
		return all
	}
	switch {
	case isText(a.Type()):
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return changes(all, a.Elem(), b.Elem(), f)
	case a.Kind() == reflect.Struct:
		for _, in := range fieldsOf(a.Type(), f.name) {
			all = changes(all, a.FieldByIndex(in.at), b.FieldByIndex(in.at), in)
		}
		return all
	case a.Kind() == reflect.Slice && structOf(a.Type().Elem()) != nil:
		if a.Len() != b.Len() {
			return append(all, fmt.Sprintf("%d %s and now it is %d", a.Len(), f.name, b.Len()))
		}
		for i := range a.Len() {
			all = changes(all, a.Index(i), b.Index(i), field{name: fmt.Sprintf("%s.%d", f.name, i)})
		}
		return all
	}
	x, y := inLine(a), inLine(b)
	if x != y {
		all = append(all, fmt.Sprintf("%s %s and now it is %s", f.name, x, y))
	}
	return all
}

// inLine is a value as a sentence shows it.
func inLine(v reflect.Value) string {
	text, err := flow(v)
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return text
}
