package chat

import (
	"slices"
	"strings"
	"unicode/utf8"
)

type (
	attributeExpr struct {
		line int
		of   expr
		name string
	}
	itemExpr struct {
		line    int
		of, key expr
	}
	sliceExpr struct {
		line   int
		of     expr
		bounds [3]expr
	}
)

// eval returns of.name: the attribute, or else the item of that name.
func (e *attributeExpr) eval(m *machine) value {
	of := m.eval(e.of)
	m.line = e.line
	if v := m.attribute(of, e.name); v != nil {
		return v
	}
	if v := m.item(of, e.name); v != nil {
		return v
	}
	return missing(of, "attribute '"+e.name+"'")
}

// eval returns of[key]: the item, or else the attribute of that name.
func (e *itemExpr) eval(m *machine) value {
	of := m.eval(e.of)
	key := m.eval(e.key)
	m.line = e.line
	return m.itemOrAttribute(of, key)
}

func (m *machine) itemOrAttribute(of, key value) value {
	if v := m.item(of, key); v != nil {
		return v
	}
	if name, ok := asText(key); ok {
		if v := m.attribute(of, name); v != nil {
			return v
		}
		return missing(of, "attribute '"+name+"'")
	}
	return missing(of, "element "+m.repr(key))
}

func missing(of value, what string) value {
	name := typeName(of)
	if _, ok := of.(none); ok {
		return &undefined{"'None' has no " + what}
	}
	return &undefined{"'" + name + " object' has no " + what}
}

// attribute returns an attribute of a value, or nil. Of the attributes that Python's types have,
// the methods of the tables work. Those that would change a list or a dict are undefined, as in the
// sandbox, and the rest are refused.
func (m *machine) attribute(of value, name string) value {
	switch of := of.(type) {
	case *undefined:
		m.fail("%s", of.why)
	case *namespace:
		if v, ok := of.vars.getText(name); ok {
			return v
		}
		return nil
	case *loop:
		return of.attribute(m, name)
	case *macro:
		if name == "name" {
			return of.name
		}
	}
	kind := typeName(of)
	if kind == "Markup" {
		kind = "str"
	}
	if f := methods[kind][name]; f != nil {
		return &builtin{kind + "." + name, of, f}
	}
	if slices.Contains(mutators[kind], name) || strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return &undefined{"access to attribute '" + name + "' of '" + kind + "' object is unsafe: " +
			"the sandbox keeps values unchanged"}
	}
	if slices.Contains(refusedMethods[kind], name) {
		m.fail("the attribute %q of a value of type %s is not supported", name, kind)
	}
	return nil
}

// item returns of[key], or nil.
func (m *machine) item(of, key value) value {
	switch of := of.(type) {
	case *undefined:
		m.fail("%s", of.why)
	case *dict:
		if h, ok := m.hashable(key); ok {
			if v, ok := of.get(h); ok {
				return v
			}
		}
		return nil
	}
	i, ok := asInt(key)
	if !ok {
		return nil
	}
	switch of := of.(type) {
	case list:
		return element(of, i)
	case tuple:
		return element(of, i)
	case string:
		return m.character(of, i)
	case markup:
		if s, ok := m.character(string(of), i).(string); ok {
			return markup(s)
		}
	case interval:
		n := of.len()
		if i < 0 {
			i += n
		}
		if i >= 0 && i < n {
			return of.at(i)
		}
	}
	return nil
}

func element(items []value, i int64) value {
	if i < 0 {
		i += int64(len(items))
	}
	if i < 0 || i >= int64(len(items)) {
		return nil
	}
	return items[i]
}

// character returns the code point at i, or nil. A negative i counts from the end.
func (m *machine) character(s string, i int64) value {
	m.look(len(s))
	if i < 0 {
		i += int64(utf8.RuneCountInString(s))
	}
	if i < 0 {
		return nil
	}
	for _, r := range s {
		if i == 0 {
			return string(r)
		}
		i--
	}
	return nil
}

// iterate returns the elements of a value, in order.
func (m *machine) iterate(v value) []value {
	switch v := v.(type) {
	case list:
		m.step(int64(len(v)))
		return v
	case tuple:
		m.step(int64(len(v)))
		return v
	case *dict:
		m.step(int64(v.len()))
		return v.keys
	case *view:
		m.step(int64(len(v.items)))
		return v.items
	case *iterator:
		items := v.items
		v.items = nil
		m.step(int64(len(items)))
		return items
	case *undefined:
		return nil
	case string:
		return m.characters(v)
	case markup:
		return m.characters(string(v))
	case interval:
		n := int(v.len())
		m.chargeElements(n)
		items := make([]value, n)
		for i := range items {
			items[i] = v.at(int64(i))
		}
		return items
	}
	m.fail("'%s' object is not iterable", typeName(v))
	return nil
}

func (m *machine) characters(s string) []value {
	n := utf8.RuneCountInString(s)
	m.chargeElements(n)
	items := make([]value, 0, n)
	for _, r := range s {
		items = append(items, string(r))
	}
	return items
}

// length returns Python's len(v).
func (m *machine) length(v value) int64 {
	switch v := v.(type) {
	case *undefined:
		return 0
	case list:
		return int64(len(v))
	case tuple:
		return int64(len(v))
	case *dict:
		return int64(v.len())
	case *view:
		return int64(len(v.items))
	case interval:
		return v.len()
	case *loop:
		return v.length(m)
	}
	s, ok := asText(v)
	if !ok {
		m.fail("object of type '%s' has no len()", typeName(v))
	}
	m.look(len(s))
	return int64(utf8.RuneCountInString(s))
}
