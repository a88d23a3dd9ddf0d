package chat

// An expr is an expression.
type expr interface{ eval(m *machine) value }

type (
	constant struct{ value value }
	nameExpr struct {
		line int
		name string
	}
	capturedExpr struct{} // the text of the block that a filter chain works on
	sequenceExpr struct {
		items []expr
		tuple bool
	}
	dictExpr struct {
		line         int
		keys, values []expr
	}
	logicExpr struct {
		left, right expr
		or          bool
	}
	notExpr struct{ operand expr }
	// condExpr is then if test else otherwise; otherwise is nil if the else is left out.
	condExpr struct {
		line                  int
		test, then, otherwise expr
	}
	comparison struct {
		op    string
		right expr
	}
	compareExpr struct {
		line  int
		first expr
		rest  []comparison
	}
	binaryExpr struct {
		line        int
		op          string
		left, right expr
	}
	concatExpr struct {
		line  int
		parts []expr
	}
	signExpr struct {
		line    int
		minus   bool
		operand expr
	}
)

func (e constant) eval(*machine) value { return e.value }

func (e *capturedExpr) eval(m *machine) value { return m.captured }

func (e *nameExpr) eval(m *machine) value {
	if v := m.lookup(e.name); v != nil {
		return v
	}
	if v := global(e.name); v != nil {
		return v
	}
	m.line = e.line
	switch e.name {
	case "lipsum", "cycler", "joiner", "self", "super":
		m.fail("the global %q is not supported", e.name)
	}
	return &undefined{"'" + e.name + "' is undefined"}
}

func (e *sequenceExpr) eval(m *machine) value {
	m.chargeElements(len(e.items))
	items := make([]value, len(e.items))
	for i, item := range e.items {
		items[i] = m.eval(item)
	}
	if e.tuple {
		return tuple(items)
	}
	return list(items)
}

func (e *dictExpr) eval(m *machine) value {
	m.chargeElements(2 * len(e.keys))
	d := newDict(len(e.keys))
	for i := range e.keys {
		key := m.eval(e.keys[i])
		v := m.eval(e.values[i])
		m.line = e.line
		d.set(m.hash(key), key, v)
	}
	return d
}

func (e *logicExpr) eval(m *machine) value {
	if left := m.eval(e.left); truth(left) == e.or {
		return left
	}
	return m.eval(e.right)
}

func (e *notExpr) eval(m *machine) value { return !truth(m.eval(e.operand)) }

func (e *condExpr) eval(m *machine) value {
	switch {
	case truth(m.eval(e.test)):
		return m.eval(e.then)
	case e.otherwise != nil:
		return m.eval(e.otherwise)
	}
	return &undefined{"the inline if-expression evaluated to false and no else section was defined"}
}

func (e *compareExpr) eval(m *machine) value {
	left := m.eval(e.first)
	for _, c := range e.rest {
		right := m.eval(c.right)
		m.line = e.line
		if !m.compare(c.op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func (e *binaryExpr) eval(m *machine) value {
	left := m.eval(e.left)
	right := m.eval(e.right)
	m.line = e.line
	return m.binary(e.op, left, right)
}

func (e *concatExpr) eval(m *machine) value {
	w := writer{m: m}
	for _, part := range e.parts {
		v := m.eval(part)
		m.line = e.line
		w.text(m.text(v))
	}
	return w.String()
}

func (e *signExpr) eval(m *machine) value {
	v := m.eval(e.operand)
	m.line = e.line
	switch n := v.(type) {
	case float64:
		if e.minus {
			return -n
		}
		return n
	case *undefined:
		m.fail("%s", n.why)
	}
	i, ok := asInt(v)
	if !ok {
		m.fail("a sign before a value of type %s", typeName(v))
	}
	if e.minus {
		return m.subtract(0, i)
	}
	return i
}
