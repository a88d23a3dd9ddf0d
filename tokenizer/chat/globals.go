package chat

import "slices"

// global returns one of the functions that every template can call, or nil.
func global(name string) value {
	switch name {
	case "range":
		return &builtin{name, nil, rangeGlobal}
	case "dict":
		return &builtin{name, nil, dictGlobal}
	case "namespace":
		return &builtin{name, nil, func(m *machine, _ value, a args) value {
			return &namespace{dictGlobal(m, nil, a).(*dict)}
		}}
	case "raise_exception":
		return &builtin{name, nil, func(m *machine, _ value, a args) value {
			m.fail("%s", m.text(a.bind(m, name, 1, "message")[0]))
			return nil
		}}
	case "strftime_now":
		return &builtin{name, nil, func(m *machine, _ value, a args) value {
			return m.strftime(m.textOf(a.bind(m, name, 1, "format")[0], name))
		}}
	}
	return nil
}

func rangeGlobal(m *machine, _ value, a args) value {
	if len(a.names) > 0 || len(a.positional) == 0 || len(a.positional) > 3 {
		m.fail("range takes one to three positional arguments")
	}
	var n [3]int64
	for i, v := range a.positional {
		n[i] = m.intOf(v, "an argument of range")
	}
	r := interval{0, n[0], 1}
	if len(a.positional) > 1 {
		r.start, r.stop = n[0], n[1]
	}
	if len(a.positional) > 2 {
		if r.step = n[2]; r.step == 0 {
			m.fail("the step of range must not be zero")
		}
	}
	if r.len() > maxRange || r.len() < 0 {
		m.fail("the range is too big: the sandbox allows %d elements", maxRange)
	}
	return r
}

// dictGlobal makes a dict of a mapping or of pairs, and of named values.
func dictGlobal(m *machine, _ value, a args) value {
	if len(a.positional) > 1 {
		m.fail("dict takes at most one positional argument")
	}
	d := newDict(0)
	for _, v := range a.positional {
		entries := v
		if from, ok := v.(*dict); ok {
			m.chargeElements(3 * from.len())
			entries = list(from.pairs())
		}
		for _, entry := range m.iterate(entries) {
			pair := m.iterate(entry)
			if len(pair) != 2 {
				m.fail("dict takes pairs, not %d values together", len(pair))
			}
			m.chargeElements(2)
			d.set(m.hash(pair[0]), pair[0], pair[1])
		}
	}
	m.chargeElements(2 * len(a.names))
	for i, name := range a.names {
		if slices.Contains(a.names[:i], name) {
			m.fail("the argument %q is given twice", name)
		}
		d.setText(name, a.named[i])
	}
	return d
}
