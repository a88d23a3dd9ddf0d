package chat

import "slices"

type (
	// arguments are those of a call as they are written.
	arguments struct {
		positional []expr
		names      []string // of the named ones
		named      []expr
	}
	// args are the arguments of a call, evaluated.
	args struct {
		positional []value
		names      []string
		named      []value
	}
	callExpr struct {
		line int
		fn   expr
		args arguments
	}
	filterExpr struct {
		line int
		name string
		of   expr
		fn   function
		args arguments
	}
	testExpr struct {
		line int
		name string
		of   expr
		fn   function
		args arguments
	}
	// function is the body of a filter, test, method or global. self is
	// what it works on, nil for globals.
	function func(m *machine, self value, a args) value

	// builtin is a function as a value, with the object it is a method of.
	builtin struct {
		name string
		self value
		fn   function
	}
	// macro is a macro as a value, with the scope that it was defined in.
	macro struct {
		*macroNode
		scope *scope
	}
)

func (m *machine) arguments(a arguments) args {
	out := args{names: a.names}
	for _, e := range a.positional {
		out.positional = append(out.positional, m.eval(e))
	}
	for _, e := range a.named {
		out.named = append(out.named, m.eval(e))
	}
	return out
}

// bind assigns arguments to parameters by position and by name; those not given are nil. It fails
// unless the first required parameters are given.
func (a args) bind(m *machine, what string, required int, params ...string) []value {
	if len(a.positional) > len(params) {
		m.fail("%s takes at most %d arguments, not %d", what, len(params), len(a.positional))
	}
	out := make([]value, len(params))
	copy(out, a.positional)
	for i, name := range a.names {
		at := slices.Index(params, name)
		if at < 0 {
			m.fail("%s takes no argument named %q", what, name)
		}
		if out[at] != nil {
			m.fail("%s got its argument %q twice", what, name)
		}
		out[at] = a.named[i]
	}
	for i := range required {
		if out[i] == nil {
			m.fail("%s misses its argument %q", what, params[i])
		}
	}
	return out
}

func (e *callExpr) eval(m *machine) value {
	fn := m.eval(e.fn)
	a := m.arguments(e.args)
	m.line = e.line
	switch fn := fn.(type) {
	case *builtin:
		return fn.fn(m, fn.self, a)
	case *macro:
		return fn.call(m, a)
	case *undefined:
		m.fail("%s", fn.why)
	case *loop:
		m.fail("recursive loops are not supported")
	}
	m.fail("'%s' object is not callable", typeName(fn))
	return nil
}

func (e *filterExpr) eval(m *machine) value {
	of := m.eval(e.of)
	a := m.arguments(e.args)
	m.line = e.line
	return e.fn(m, of, a)
}

func (e *testExpr) eval(m *machine) value {
	of := m.eval(e.of)
	a := m.arguments(e.args)
	m.line = e.line
	return e.fn(m, of, a)
}

// call runs the macro's body in the scope of its definition and returns the text it writes.
// Defaults are evaluated at the call and see the parameters before them.
func (c *macro) call(m *machine, a args) value {
	given := a.bind(m, "the macro "+c.name, 0, c.params...)
	return m.capture(func() {
		m.within(c.scope, func() {
			for i, name := range c.params {
				v := given[i]
				switch {
				case v != nil:
				case c.defaults[i] != nil:
					v = m.eval(c.defaults[i])
				default:
					v = &undefined{"parameter '" + name + "' was not provided"}
				}
				m.scope.set(name, v)
			}
			m.run(c.body)
		})
	})
}
