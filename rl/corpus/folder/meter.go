package folder

import "context"

// meter counts the bytes that the passes over a folder's text go through, tells them to the caller
// and notices when the work is to stop.
type meter struct {
	ctx    context.Context
	on     func(done, total int)
	passes int
	size   int // bytes of all files
	pass   int // passes begun
	done   int // bytes of this pass
}

// begin begins the next pass.
func (m *meter) begin() error {
	m.pass, m.done = m.pass+1, 0
	return m.step(0)
}

// step counts n bytes, and returns the context's error once it is done.
func (m *meter) step(n int) error {
	m.done = min(m.done+n, m.size)
	if m.on != nil {
		m.on((m.pass-1)*m.size+m.done, m.passes*m.size)
	}
	return m.check()
}

// check returns the context's error once it is done.
func (m *meter) check() error { return m.ctx.Err() }

// end tells that all is done.
func (m *meter) end() {
	if m.on != nil {
		m.on(m.passes*m.size, m.passes*m.size)
	}
}
