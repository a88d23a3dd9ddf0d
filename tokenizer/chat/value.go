package chat

import "math"

// A value is a template's value: one of the types below, or bool, int64, float64 and string, which
// stand for Python's own. Values are immutable, as the sandbox keeps them, save namespaces and
// iterators. A nil value is no value at all: an argument that was not given.
type value = any

type (
	none   struct{}
	list   []value
	tuple  []value
	markup string // text marked safe or escaped: adding plain text to it escapes that text

	// undefined is what a missing name, key or attribute evaluates to:
	// falsy, empty, and an error (why) in most other uses.
	undefined struct{ why string }

	// namespace is the one thing a template may assign into.
	namespace struct{ vars *dict }

	// interval is Python's range, not materialized.
	interval struct{ start, stop, step int64 }

	// iterator is what Python's generators return: elements that can be
	// walked once, with neither length nor index.
	iterator struct{ items []value }

	// view is what dict.keys(), values() and items() return.
	view struct {
		kind  string
		items []value
	}
)

// typeName returns the name Python gives to the value's type, for error messages.
func typeName(v value) string {
	switch v := v.(type) {
	case none:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case list:
		return "list"
	case tuple:
		return "tuple"
	case *dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case interval:
		return "range"
	case *iterator:
		return "generator"
	case *view:
		return v.kind
	case *loop:
		return "LoopContext"
	case *macro:
		return "Macro"
	}
	return "function"
}

// truth returns Python's bool(v).
func truth(v value) bool {
	switch v := v.(type) {
	case none, *undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case markup:
		return v != ""
	case list:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case *dict:
		return v.len() > 0
	case *view:
		return len(v.items) > 0
	case interval:
		return v.len() > 0
	}
	return true
}

// len returns the number of elements of the range.
func (r interval) len() int64 {
	switch {
	case r.step > 0 && r.start < r.stop:
		return int64((uint64(r.stop)-uint64(r.start)-1)/uint64(r.step)) + 1
	case r.step < 0 && r.start > r.stop:
		return int64((uint64(r.start)-uint64(r.stop)-1)/(-uint64(r.step))) + 1
	}
	return 0
}

func (r interval) at(i int64) value { return r.start + i*r.step }

// asInt reads an integer. Python's bools are integers too.
func asInt(v value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// asFloat reads any number.
func asFloat(v value) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

// asText reads a string, marked safe or not.
func asText(v value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// intOf converts a float with an integral value that fits.
func intOf(f float64) (int64, bool) {
	if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}
