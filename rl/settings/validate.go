package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Validate returns an error that names the first field outside the limits of its tags min, max,
// above, below and oneof, and the limits.
func Validate(config any) error {
	return each(reflect.Indirect(reflect.ValueOf(config)), field{}, within)
}

// each calls do with every value of a configuration that has no fields inside it, elements of lists
// included, until there is an error.
func each(v reflect.Value, f field, do func(reflect.Value, field) error) error {
	switch {
	case isText(v.Type()):
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return each(v.Elem(), f, do)
	case v.Kind() == reflect.Struct:
		for _, in := range fieldsOf(v.Type(), f.name) {
			if err := each(v.FieldByIndex(in.at), in, do); err != nil {
				return err
			}
		}
		return nil
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		for i := range v.Len() {
			if err := each(v.Index(i), field{name: fmt.Sprintf("%s.%d", f.name, i), tag: f.tag}, do); err != nil {
				return err
			}
		}
		return nil
	}
	return do(v, f)
}

// within is the error of a value outside the limits that the tags of its field set.
func within(v reflect.Value, f field) error {
	if words, ok := f.tag.Lookup("oneof"); ok && !slices.Contains(strings.Fields(words), scalarText(v)) {
		return fmt.Errorf("%s is %q; use %s", f.name, scalarText(v), either(strings.Fields(words)))
	}
	if !v.CanInt() && !v.CanUint() && !v.CanFloat() || isText(v.Type()) {
		return nil
	}
	limits, inside := "", true
	for _, l := range []struct {
		tag, say string
		met      func(order int) bool
	}{
		{"min", "at least", func(o int) bool { return o >= 0 }}, {"above", "above", func(o int) bool { return o > 0 }},
		{"max", "at most", func(o int) bool { return o <= 0 }}, {"below", "below", func(o int) bool { return o < 0 }},
	} {
		limit, ok := f.tag.Lookup(l.tag)
		if !ok {
			continue
		}
		order, ordered := compare(v, limit)
		inside = inside && ordered && l.met(order)
		if limits != "" {
			limits += " and "
		}
		limits += l.say + " " + limit
	}
	if inside {
		return nil
	}
	least, hasLeast := f.tag.Lookup("min")
	if most, ok := f.tag.Lookup("max"); ok && hasLeast {
		return fmt.Errorf("%s is %s; it must lie between %s and %s", f.name, scalarText(v), least, most)
	}
	return fmt.Errorf("%s is %s; it must be %s", f.name, scalarText(v), limits)
}

// compare orders a number and a limit, and reports whether they have an order. A limit that is no
// number of the value's type panics: it is part of the program.
func compare(v reflect.Value, limit string) (order int, ok bool) {
	var err error
	switch {
	case v.CanInt():
		var l int64
		l, err = strconv.ParseInt(limit, 10, 64)
		order = sign(v.Int() < l, v.Int() > l)
	case v.CanUint():
		var l uint64
		l, err = strconv.ParseUint(limit, 10, 64)
		order = sign(v.Uint() < l, v.Uint() > l)
	default:
		var l float64
		l, err = strconv.ParseFloat(limit, 64)
		order = sign(v.Float() < l, v.Float() > l)
		ok = v.Float() != v.Float()
	}
	if err != nil {
		panic(fmt.Sprintf("settings: the limit %q in a tag: %v", limit, err))
	}
	return order, !ok
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// either lists words: a, b or c.
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
