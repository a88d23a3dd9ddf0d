package chat

import (
	"cmp"
	"math"
	"strings"
)

// compare applies a comparison operator.
func (m *machine) compare(op string, a, b value) bool {
	switch op {
	case "==":
		return m.equal(a, b)
	case "!=":
		return !m.equal(a, b)
	case "in":
		return m.contains(b, a)
	case "not in":
		return !m.contains(b, a)
	}
	order, ok := m.order(a, b)
	switch op {
	case "<":
		return ok && order < 0
	case "<=":
		return ok && order <= 0
	case ">":
		return ok && order > 0
	}
	return ok && order >= 0
}

// equal returns Python's ==: numbers by value, containers by
// element, everything else only with its own kind.
func (m *machine) equal(a, b value) bool {
	m.enter()
	defer m.leave()
	if s, ok := asText(a); ok {
		t, ok := asText(b)
		m.look(min(len(s), len(t)))
		return ok && s == t
	}
	if _, ok := asFloat(a); ok {
		_, ok = asFloat(b)
		return ok && numberOrder(a, b) == 0
	}
	switch a := a.(type) {
	case none:
		_, ok := b.(none)
		return ok
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case list:
		b, ok := b.(list)
		return ok && m.equalItems(a, b)
	case tuple:
		b, ok := b.(tuple)
		return ok && m.equalItems(a, b)
	case *dict:
		b, ok := b.(*dict)
		return ok && m.equalDicts(a, b)
	case interval:
		b, ok := b.(interval)
		n := a.len()
		return ok && n == b.len() && (n == 0 || a.start == b.start && (n == 1 || a.step == b.step))
	case *namespace:
		b, ok := b.(*namespace)
		return ok && a == b
	case *loop:
		b, ok := b.(*loop)
		return ok && a == b
	case *macro:
		b, ok := b.(*macro)
		return ok && a == b
	}
	if typeName(a) != typeName(b) {
		return false
	}
	m.fail("comparing two values of type %s is not supported", typeName(a))
	return false
}

func (m *machine) equalItems(a, b []value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !m.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (m *machine) equalDicts(a, b *dict) bool {
	if a.len() != b.len() {
		return false
	}
	for i, key := range a.keys {
		v, ok := b.get(m.hash(key))
		if !ok || !m.equal(a.values[i], v) {
			return false
		}
	}
	return true
}

// numberOrder compares numbers exactly, even integers that a float
// cannot hold. It returns 2 if they have no order (NaN).
func numberOrder(a, b value) int {
	i, isInt := asInt(a)
	j, isInt2 := asInt(b)
	if isInt && isInt2 {
		return cmp.Compare(i, j)
	}
	x, _ := asFloat(a)
	y, _ := asFloat(b)
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return 2
	case x != y:
		return cmp.Compare(x, y)
	case isInt && y < 1<<63:
		return cmp.Compare(i, int64(y))
	case isInt2 && x < 1<<63:
		return cmp.Compare(int64(x), j)
	case isInt:
		return -1
	case isInt2:
		return 1
	}
	return 0
}

// order compares what Python orders: numbers, strings by code point, lists and tuples by element.
// It returns false for NaN, and fails on the rest.
func (m *machine) order(a, b value) (int, bool) {
	m.enter()
	defer m.leave()
	_, isNumber := asFloat(a)
	_, isNumber2 := asFloat(b)
	if isNumber && isNumber2 {
		n := numberOrder(a, b)
		return n, n != 2
	}
	s, isText := asText(a)
	t, isText2 := asText(b)
	if isText && isText2 {
		m.look(min(len(s), len(t)))
		return strings.Compare(s, t), true
	}
	switch x := a.(type) {
	case list:
		if y, ok := b.(list); ok {
			return m.orderItems(x, y)
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			return m.orderItems(x, y)
		}
	}
	m.failUndefined(a, b)
	m.fail("values of type %s and %s have no order", typeName(a), typeName(b))
	return 0, false
}

func (m *machine) orderItems(a, b []value) (int, bool) {
	for i := range min(len(a), len(b)) {
		if !m.equal(a[i], b[i]) {
			return m.order(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b)), true
}

// failUndefined fails if one of the operands is undefined, with its reason.
func (m *machine) failUndefined(operands ...value) {
	for _, v := range operands {
		if u, ok := v.(*undefined); ok {
			m.fail("%s", u.why)
		}
	}
}

// contains returns Python's v in c.
func (m *machine) contains(c, v value) bool {
	if s, ok := asText(c); ok {
		sub, ok := asText(v)
		if !ok {
			m.failUndefined(v)
			m.fail("'in <string>' requires a string on its left, not a value of type %s", typeName(v))
		}
		m.look(len(s) + len(sub))
		return strings.Contains(s, sub)
	}
	switch c := c.(type) {
	case *dict:
		_, ok := c.get(m.hash(v))
		return ok
	case none, bool, int64, float64:
		m.fail("argument of type '%s' is not iterable", typeName(c))
	}
	for _, item := range m.iterate(c) {
		if m.equal(item, v) {
			return true
		}
	}
	return false
}
