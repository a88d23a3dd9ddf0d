package chat

// loop is the variable of that name in the body of a for statement. It
// reads one element ahead only when asked (loop.last, loop.nextitem),
// so that the filter of a loop sees what the body assigned before.
type loop struct {
	source  []value
	keep    func(value) bool // the loop's filter, or nil
	pending []value          // kept elements that were read ahead
	before  value
	current value
	index0  int
	changed value // the last arguments of loop.changed, as a tuple
}

// exec runs the loop. As in Jinja2 the else part runs unless some round came to the end of the
// body, so also if a break or a continue cut all of them short.
func (n *forNode) exec(m *machine) signal {
	items := m.eval(n.items)
	m.line = n.line
	outer := m.scope
	l := &loop{source: m.iterate(items), index0: -1}
	if n.test != nil {
		l.keep = func(v value) (kept bool) {
			m.within(outer, func() {
				m.assign(n.target, v)
				kept = truth(m.eval(n.test))
			})
			return kept
		}
	}
	completed := false
	for l.advance(m) {
		m.step(1)
		s := running
		m.within(outer, func() {
			m.scope.set("loop", l)
			m.line = n.line
			m.assign(n.target, l.current)
			s = m.run(n.body)
		})
		if s == breaking {
			break
		}
		completed = completed || s == running
	}
	if completed {
		return running
	}
	s := running
	m.within(outer, func() { s = m.run(n.otherwise) })
	return s
}

// fill reads ahead until n elements are pending, and reports whether
// there are so many. A negative n reads all.
func (l *loop) fill(m *machine, n int) bool {
	for (n < 0 || len(l.pending) < n) && len(l.source) > 0 {
		v := l.source[0]
		l.source = l.source[1:]
		m.step(1)
		if l.keep == nil || l.keep(v) {
			l.pending = append(l.pending, v)
		}
	}
	return len(l.pending) >= n
}

func (l *loop) advance(m *machine) bool {
	if !l.fill(m, 1) {
		return false
	}
	l.before, l.current = l.current, l.pending[0]
	l.pending = l.pending[1:]
	l.index0++
	return true
}

func (l *loop) length(m *machine) int64 {
	if l.keep != nil {
		l.fill(m, -1)
	}
	return int64(l.index0 + 1 + len(l.pending) + len(l.source))
}

// attribute returns loop.name, or nil.
func (l *loop) attribute(m *machine, name string) value {
	switch name {
	case "index":
		return int64(l.index0 + 1)
	case "index0":
		return int64(l.index0)
	case "first":
		return l.index0 == 0
	case "last":
		return !l.fill(m, 1)
	case "length":
		return l.length(m)
	case "revindex":
		return l.length(m) - int64(l.index0)
	case "revindex0":
		return l.length(m) - int64(l.index0) - 1
	case "depth":
		return int64(1) // of recursion, which there is none of
	case "depth0":
		return int64(0)
	case "previtem":
		if l.before == nil {
			return &undefined{"there is no previous item"}
		}
		return l.before
	case "nextitem":
		if !l.fill(m, 1) {
			return &undefined{"there is no next item"}
		}
		return l.pending[0]
	case "cycle":
		return &builtin{"loop.cycle", l, func(m *machine, _ value, a args) value {
			if len(a.positional) == 0 {
				m.fail("loop.cycle needs values to cycle through")
			}
			return a.positional[l.index0%len(a.positional)]
		}}
	case "changed":
		return &builtin{"loop.changed", l, func(m *machine, _ value, a args) value {
			now := tuple(a.positional)
			same := l.changed != nil && m.equal(l.changed, now)
			l.changed = now
			return !same
		}}
	}
	return nil
}
