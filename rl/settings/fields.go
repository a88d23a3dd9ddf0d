package settings

import (
	"reflect"
	"strings"
)

// A field is one of a configuration, with its dotted name.
type field struct {
	name   string // all of it, optim.lr
	tag    reflect.StructTag
	at     []int // where it is in its struct, through embedded ones
	listed bool  // a list that is written as such gives it
}

// leaf is the last part of the name.
func (f field) leaf() string { return f.name[strings.LastIndexByte(f.name, '.')+1:] }

// fieldsOf lists the fields of a struct type whose own name is prefix. Those of an embedded struct
// are fields of the struct that embeds it.
func fieldsOf(t reflect.Type, prefix string) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() || f.Tag.Get("json") == "-":
		case f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("json") == "":
			for _, in := range fieldsOf(f.Type, prefix) {
				in.at = append([]int{i}, in.at...)
				all = append(all, in)
			}
		default:
			all = append(all, field{name: join(prefix, ownName(f)), tag: f.Tag, at: []int{i}})
		}
	}
	return all
}

// ownName is the name of a field in JSON.
func ownName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// isText reports whether values of the type read themselves from text.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// structOf is the struct type that t is or points to, or nil.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isText(t) {
		return nil
	}
	return t
}
