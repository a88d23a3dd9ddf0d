package chat

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

func lengthFilter(m *machine, self value, a args) value {
	a.bind(m, "length", 0)
	return m.length(self)
}

func firstFilter(m *machine, self value, a args) value {
	a.bind(m, "first", 0)
	if it, ok := self.(*iterator); ok && len(it.items) > 0 {
		v := it.items[0]
		it.items = it.items[1:]
		return v
	}
	if items := m.iterate(self); len(items) > 0 {
		return items[0]
	}
	return &undefined{"no first item, the sequence was empty"}
}

func lastFilter(m *machine, self value, a args) value {
	a.bind(m, "last", 0)
	m.reversible(self)
	if items := m.iterate(self); len(items) > 0 {
		return items[len(items)-1]
	}
	return &undefined{"no last item, the sequence was empty"}
}

// reversible fails on what Python cannot walk backward.
func (m *machine) reversible(v value) {
	if _, ok := v.(*iterator); ok {
		m.fail("a generator is not reversible: the filter list makes a list of it")
	}
}

func listFilter(m *machine, self value, a args) value {
	a.bind(m, "list", 0)
	return list(m.iterate(self))
}

func reverseFilter(m *machine, self value, a args) value {
	a.bind(m, "reverse", 0)
	if _, ok := asText(self); ok {
		return m.sliceText(m.plain(self, "reverse"), [3]value{nil, nil, int64(-1)})
	}
	items := m.iterate(self)
	m.chargeElements(len(items))
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := self.(*iterator); ok {
		return list(items)
	}
	return &iterator{items}
}

// getter returns a function that reads a path such as "a.b.0" from
// an element. Without a path it returns the element itself.
func (m *machine) getter(path value) func(value) value {
	var keys []value
	switch path := path.(type) {
	case nil, none:
	case string:
		for _, part := range strings.Split(path, ".") {
			if i, err := strconv.ParseUint(part, 10, 63); err == nil {
				keys = append(keys, int64(i))
			} else {
				keys = append(keys, part)
			}
		}
	default:
		keys = append(keys, path)
	}
	return func(v value) value {
		for _, key := range keys {
			m.step(1)
			v = m.itemOrAttribute(v, key)
		}
		return v
	}
}

func joinFilter(m *machine, self value, a args) value {
	p := a.bind(m, "join", 0, "d", "attribute")
	glue := ""
	if p[0] != nil {
		glue = m.text(p[0])
	}
	get := m.getter(p[1])
	w := writer{m: m}
	for i, item := range m.iterate(self) {
		if i > 0 {
			w.text(glue)
		}
		w.text(m.text(get(item)))
	}
	return w.String()
}

// sortKey returns what an element is sorted by: text without its case, unless exact.
func (m *machine) sortKey(v value, exact bool) value {
	if s, ok := asText(v); ok && !exact {
		return lower(m, s)
	}
	return v
}

// sort sorts in place and keeps the order of equals, also when reversed, as Python's sorted does.
func (m *machine) sort(items []value, key func(value) value, reverse bool) {
	m.chargeElements(len(items))
	keys := make([]value, len(items))
	for i, item := range items {
		keys[i] = key(item)
	}
	s := &sorter{m, items, keys, reverse}
	sort.Stable(s)
}

type sorter struct {
	m           *machine
	items, keys []value
	reverse     bool
}

func (s *sorter) Len() int { return len(s.items) }
func (s *sorter) Less(i, j int) bool {
	if s.reverse {
		i, j = j, i
	}
	return s.m.compare("<", s.keys[i], s.keys[j])
}
func (s *sorter) Swap(i, j int) {
	s.m.step(1)
	s.items[i], s.items[j] = s.items[j], s.items[i]
	s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
}

func sortFilter(m *machine, self value, a args) value {
	p := a.bind(m, "sort", 0, "reverse", "case_sensitive", "attribute")
	items := m.iterate(self)
	m.chargeElements(len(items))
	items = slices.Clone(items)
	exact := p[1] != nil && truth(p[1])
	var gets []func(value) value
	if paths, ok := p[2].(string); ok {
		for _, path := range strings.Split(paths, ",") {
			gets = append(gets, m.getter(path))
		}
	} else {
		gets = append(gets, m.getter(p[2]))
	}
	m.sort(items, func(v value) value {
		keys := make(list, len(gets))
		for i, get := range gets {
			keys[i] = m.sortKey(get(v), exact)
		}
		return keys
	}, p[0] != nil && truth(p[0]))
	return list(items)
}

func uniqueFilter(m *machine, self value, a args) value {
	p := a.bind(m, "unique", 0, "case_sensitive", "attribute")
	get, exact := m.getter(p[1]), p[0] != nil && truth(p[0])
	seen := map[hashed]bool{}
	var out []value
	for _, item := range m.iterate(self) {
		h := m.hash(m.sortKey(get(item), exact))
		if !seen[h] {
			m.chargeElements(2)
			seen[h] = true
			out = append(out, item)
		}
	}
	return &iterator{out}
}

// extremeFilter returns min (sign -1) or max (sign 1): the first of the extreme elements.
func extremeFilter(name string, sign int) function {
	return func(m *machine, self value, a args) value {
		p := a.bind(m, name, 0, "case_sensitive", "attribute")
		get, exact := m.getter(p[1]), p[0] != nil && truth(p[0])
		var best, bestKey value
		for _, item := range m.iterate(self) {
			key := m.sortKey(get(item), exact)
			if best != nil {
				if order, ok := m.order(key, bestKey); !ok || order*sign <= 0 {
					continue
				}
			}
			best, bestKey = item, key
		}
		if best == nil {
			return &undefined{"no aggregated item, the sequence was empty"}
		}
		return best
	}
}

func sumFilter(m *machine, self value, a args) value {
	p := a.bind(m, "sum", 0, "attribute", "start")
	get := m.getter(p[0])
	total := p[1]
	if total == nil {
		total = int64(0)
	}
	if _, ok := asText(total); ok {
		m.fail("sum cannot add up strings: the filter join can")
	}
	for _, item := range m.iterate(self) {
		total = m.binary("+", total, get(item))
	}
	return total
}

// mapFilter applies a filter by name, or reads an attribute, for every element.
func mapFilter(m *machine, self value, a args) value {
	var apply func(value) value
	if len(a.positional) == 0 {
		p := a.bind(m, "map", 1, "attribute", "default")
		get := m.getter(p[0])
		apply = func(v value) value {
			v = get(v)
			if _, missing := v.(*undefined); missing && p[1] != nil && p[1] != (none{}) {
				return p[1]
			}
			return v
		}
	} else {
		name := m.textOf(a.positional[0], "map")
		f := filters[name]
		if f == nil {
			m.fail("the filter %q is not supported", name)
		}
		rest := args{a.positional[1:], a.names, a.named}
		apply = func(v value) value { return f(m, v, rest) }
	}
	if !truth(self) {
		return &iterator{} // also of what cannot be iterated, such as none
	}
	items := m.iterate(self)
	m.chargeElements(len(items))
	out := make([]value, len(items))
	for i, item := range items {
		m.step(1)
		out[i] = apply(item)
	}
	return &iterator{out}
}

// selectFilter keeps the elements whose test, or whose truth if no test is named, is want. With
// attribute it asks an attribute of the element instead.
func selectFilter(name string, want, attribute bool) function {
	return func(m *machine, self value, a args) value {
		rest := args{a.positional, a.names, a.named}
		get := func(v value) value { return v }
		if attribute {
			if len(rest.positional) == 0 {
				m.fail("%s misses the name of an attribute", name)
			}
			get = m.getter(rest.positional[0])
			rest.positional = rest.positional[1:]
		}
		test := func(v value) bool { return truth(v) }
		if len(rest.positional) > 0 {
			called := m.textOf(rest.positional[0], name)
			f := tests[called]
			if f == nil {
				m.fail("the test %q is not supported", called)
			}
			rest.positional = rest.positional[1:]
			test = func(v value) bool { return truth(f(m, v, rest)) }
		}
		if !truth(self) {
			return &iterator{} // also of what cannot be iterated, such as none
		}
		var out []value
		for _, item := range m.iterate(self) {
			m.step(1)
			if test(get(item)) == want {
				m.chargeElements(1)
				out = append(out, item)
			}
		}
		return &iterator{out}
	}
}
