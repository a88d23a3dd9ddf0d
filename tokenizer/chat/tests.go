package chat

import "math"

// tests holds Jinja2's tests by name, filled at start because the
// test "filter" looks into a table as well.
var tests map[string]function

func init() {
	is := func(name string, f func(m *machine, v value) bool) function {
		return func(m *machine, self value, a args) value {
			a.bind(m, "the test "+name, 0)
			return f(m, self)
		}
	}
	against := func(name string, f func(m *machine, v, other value) bool) function {
		return func(m *machine, self value, a args) value {
			return f(m, self, a.bind(m, "the test "+name, 1, "other")[0])
		}
	}
	compare := func(op string) function {
		return against(op, func(m *machine, v, other value) bool { return m.compare(op, v, other) })
	}
	remainder := func(m *machine, v value, n value) value { return m.binary("%", m.number(v), n) }
	tests = map[string]function{
		"defined":   is("defined", func(_ *machine, v value) bool { return !isUndefined(v) }),
		"undefined": is("undefined", func(_ *machine, v value) bool { return isUndefined(v) }),
		"none":      is("none", func(_ *machine, v value) bool { return v == none{} }),
		"boolean":   is("boolean", func(_ *machine, v value) bool { _, ok := v.(bool); return ok }),
		"true":      is("true", func(_ *machine, v value) bool { b, ok := v.(bool); return ok && b }),
		"false":     is("false", func(_ *machine, v value) bool { b, ok := v.(bool); return ok && !b }),
		"integer":   is("integer", func(_ *machine, v value) bool { _, ok := v.(int64); return ok }),
		"float":     is("float", func(_ *machine, v value) bool { _, ok := v.(float64); return ok }),
		"number":    is("number", func(_ *machine, v value) bool { _, ok := asFloat(v); return ok }),
		"string":    is("string", func(_ *machine, v value) bool { _, ok := asText(v); return ok }),
		"mapping":   is("mapping", func(_ *machine, v value) bool { _, ok := v.(*dict); return ok }),
		"sequence":  is("sequence", isSequence),
		"iterable":  is("iterable", isIterable),
		"callable":  is("callable", isCallable),
		"escaped":   is("escaped", func(_ *machine, v value) bool { _, ok := v.(markup); return ok }),
		"lower":     is("lower", func(m *machine, v value) bool { return isCased(m, m.text(v), lower) }),
		"upper":     is("upper", func(m *machine, v value) bool { return isCased(m, m.text(v), upper) }),
		"odd":       is("odd", func(m *machine, v value) bool { return m.equal(remainder(m, v, int64(2)), int64(1)) }),
		"even":      is("even", func(m *machine, v value) bool { return !truth(remainder(m, v, int64(2))) }),
		"filter":    is("filter", func(m *machine, v value) bool { return filters[m.textOf(v, "the test filter")] != nil }),
		"test":      is("test", func(m *machine, v value) bool { return tests[m.textOf(v, "the test test")] != nil }),
		"in":        against("in", func(m *machine, v, other value) bool { return m.contains(other, v) }),
		"sameas":    against("sameas", sameAs),
		"divisibleby": func(m *machine, self value, a args) value {
			return !truth(remainder(m, self, a.bind(m, "the test divisibleby", 1, "num")[0]))
		},
		"==": compare("=="), "eq": compare("=="), "equalto": compare("=="),
		"!=": compare("!="), "ne": compare("!="),
		">": compare(">"), "gt": compare(">"), "greaterthan": compare(">"),
		">=": compare(">="), "ge": compare(">="),
		"<": compare("<"), "lt": compare("<"), "lessthan": compare("<"),
		"<=": compare("<="), "le": compare("<="),
	}
}

func isUndefined(v value) bool {
	_, ok := v.(*undefined)
	return ok
}

// number returns v if it is a number, and fails otherwise: the tests
// odd, even and divisibleby take no formats.
func (m *machine) number(v value) value {
	m.failUndefined(v)
	if _, ok := asFloat(v); !ok {
		m.fail("a number is expected, not a value of type %s", typeName(v))
	}
	return v
}

// isSequence reports whether v has both a length and items. In Jinja2 the undefined value counts.
func isSequence(_ *machine, v value) bool {
	switch v.(type) {
	case string, markup, list, tuple, *dict, interval, *undefined:
		return true
	}
	return false
}

func isIterable(m *machine, v value) bool {
	switch v.(type) {
	case *view, *iterator, *loop:
		return true
	}
	return isSequence(m, v)
}

func isCallable(_ *machine, v value) bool {
	switch v.(type) {
	case *builtin, *macro, *undefined:
		return true
	}
	return false
}

// sameAs returns Python's identity as far as it is sure: of None,
// the booleans and what can only be compared by it.
func sameAs(m *machine, v, other value) bool {
	switch v.(type) {
	case none, bool, *namespace, *macro, *loop:
		return typeName(v) == typeName(other) && m.equal(v, other)
	}
	if typeName(v) != typeName(other) {
		return false
	}
	if f, ok := v.(float64); ok && math.IsNaN(f) {
		return false
	}
	m.fail("the test \"sameas\" on values of type %s is not supported", typeName(v))
	return false
}
