package chat

import (
	"strings"
	"time"
)

// machine runs one rendering of a template.
type machine struct {
	limits, left limits
	line         int // of the construct being evaluated, for errors
	scope        *scope
	out          *output
	captured     string // the text of a block, for capturedExpr
	now          time.Time
}

// scope holds the variables of a block that has its own. They hide
// those outside and are gone after it.
type scope struct {
	vars  map[string]value
	outer *scope
}

func (s *scope) set(name string, v value) {
	if s.vars == nil {
		s.vars = make(map[string]value)
	}
	s.vars[name] = v
}

// lookup returns a variable, or nil.
func (m *machine) lookup(name string) value {
	for s := m.scope; s != nil; s = s.outer {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return nil
}

func (m *machine) fail(format string, args ...any) { fail(m.line, format, args...) }

// within runs f in a scope of its own inside the given one.
func (m *machine) within(outer *scope, f func()) {
	saved := m.scope
	m.scope = &scope{outer: outer}
	f()
	m.scope = saved
}

// output collects text: the final one, or that of a block which becomes a value.
type output struct {
	text  strings.Builder
	final bool
}

func (m *machine) write(s string) {
	if m.out.final {
		if m.left.output -= int64(len(s)); m.left.output < 0 {
			m.fail("the rendered text is longer than %d bytes", m.limits.output)
		}
		m.look(len(s))
	} else {
		m.charge(int64(len(s)))
	}
	m.out.text.WriteString(s)
}

// capture returns what f writes.
func (m *machine) capture(f func()) string {
	saved := m.out
	m.out = &output{}
	f()
	text := m.out.text.String()
	m.out = saved
	return text
}

func (m *machine) eval(e expr) value {
	m.enter()
	v := e.eval(m)
	m.leave()
	return v
}

// run executes statements until one jumps.
func (m *machine) run(body []node) signal {
	m.enter()
	for _, n := range body {
		m.step(1)
		if s := n.exec(m); s != running {
			m.leave()
			return s
		}
	}
	m.leave()
	return running
}
