package chat

// signal says how a statement ended: normally, or by a jump out of the body of the innermost loop.
type signal uint8

const (
	running signal = iota
	breaking
	continuing
)

// A node is a statement.
type node interface{ exec(m *machine) signal }

type (
	textNode  string
	printNode struct {
		line int
		expr expr
	}
	branch struct {
		test expr
		body []node
	}
	ifNode struct {
		branches  []branch
		otherwise []node
	}
	forNode struct {
		line            int
		target          target
		items, test     expr
		body, otherwise []node
	}
	setNode struct {
		line   int
		target target
		expr   expr
	}
	// captureNode is a block whose text goes through filters, and then
	// into a variable or, without target, on.
	captureNode struct {
		line   int
		target *target
		chain  expr
		body   []node
	}
	// scopeNode is a body with variables of its own: with, and
	// generation, which has none and only marks text.
	scopeNode struct {
		names  []string
		values []expr
		body   []node
	}
	macroNode struct {
		line     int
		name     string
		params   []string
		defaults []expr // nil if there is none
		body     []node
	}
	jumpNode signal
)

func (n textNode) exec(m *machine) signal {
	m.write(string(n))
	return running
}

func (n *printNode) exec(m *machine) signal {
	v := m.eval(n.expr)
	m.line = n.line
	m.write(m.text(v))
	return running
}

func (n *ifNode) exec(m *machine) signal {
	for _, b := range n.branches {
		if truth(m.eval(b.test)) {
			return m.run(b.body)
		}
	}
	return m.run(n.otherwise)
}

func (n *setNode) exec(m *machine) signal {
	v := m.eval(n.expr)
	m.line = n.line
	m.assign(n.target, v)
	return running
}

func (n *captureNode) exec(m *machine) signal {
	s := running
	text := m.capture(func() { m.within(m.scope, func() { s = m.run(n.body) }) })
	if s != running {
		return s
	}
	m.captured = text
	v := m.eval(n.chain)
	m.line = n.line
	if n.target != nil {
		m.assign(*n.target, v)
	} else {
		m.write(m.text(v))
	}
	return running
}

func (n *scopeNode) exec(m *machine) (s signal) {
	values := make([]value, len(n.values))
	for i, e := range n.values {
		values[i] = m.eval(e)
	}
	m.within(m.scope, func() {
		for i, name := range n.names {
			m.scope.set(name, values[i])
		}
		s = m.run(n.body)
	})
	return s
}

func (n *macroNode) exec(m *machine) signal {
	m.charge(sizeOfElement)
	m.scope.set(n.name, &macro{n, m.scope})
	return running
}

func (n jumpNode) exec(*machine) signal { return signal(n) }

// target is what an assignment assigns to: several targets, or a
// name, or an attribute of a namespace of that name.
type target struct {
	name, attribute string
	several         []target
}

func (m *machine) assign(t target, v value) {
	switch {
	case t.several != nil:
		items := m.iterate(v)
		if len(items) != len(t.several) {
			m.fail("cannot unpack %d values into %d names", len(items), len(t.several))
		}
		for i, one := range t.several {
			m.assign(one, items[i])
		}
	case t.attribute != "":
		ns, ok := m.lookup(t.name).(*namespace)
		if !ok {
			m.fail("cannot assign attribute %q on %q, which is not a namespace", t.attribute, t.name)
		}
		ns.vars.setText(t.attribute, v)
	default:
		m.scope.set(t.name, v)
	}
}
