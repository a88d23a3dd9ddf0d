package chat

// Bounds on one template and one rendering of it. They are far above what
// published templates need on long conversations, and low enough that a
// hostile one ends within seconds and within the memory of a small machine.
const (
	MaxSource  = 1 << 20    // bytes of template source
	MaxNesting = 200        // nested statements, parentheses and JSON values
	MaxSteps   = 20_000_000 // evaluated nodes, visited elements and 64-byte pieces of text looked at
	MaxMemory  = 512 << 20  // bytes of all strings, lists and dicts made during a rendering, dead ones included
	MaxDepth   = 5000       // nested evaluations: expressions, macro calls, elements within elements
	MaxOutput  = 64 << 20   // bytes of the rendered text
	maxRange   = 100_000    // elements of a range, as in Jinja2's sandbox
	maxDigits  = 1000       // precision in a number format
)

// sizeOfElement is what one list element or dict entry is charged:
// the interface and the box behind it.
const sizeOfElement = 48

// limits are the bounds of one rendering; tests lower them.
type limits struct {
	steps, memory, output int64
	depth                 int
}

var defaultLimits = limits{MaxSteps, MaxMemory, MaxOutput, MaxDepth}

// step charges n units of work.
func (m *machine) step(n int64) {
	if m.left.steps -= n; m.left.steps < 0 {
		m.fail("the template does not end within %d steps", m.limits.steps)
	}
}

// look charges the work of reading n bytes of text.
func (m *machine) look(n int) { m.step(int64(n)/64 + 1) }

// charge charges n bytes of intermediate values before they are made.
func (m *machine) charge(n int64) {
	if m.left.memory -= n; n < 0 || m.left.memory < 0 {
		m.fail("the template makes more than %d bytes of intermediate values", m.limits.memory)
	}
	m.step(n/64 + 1)
}

// chargeElements charges a list or dict of n elements before it is made.
func (m *machine) chargeElements(n int) { m.charge(int64(n) * sizeOfElement) }

// chargeTimes charges n repetitions of size bytes before they are made.
func (m *machine) chargeTimes(size int, n int64) {
	if n > 0 && int64(size) > m.left.memory/n {
		m.left.memory = 0
		m.charge(1)
	}
	m.charge(int64(size) * max(n, 0))
}

// enter begins a nested evaluation, which leave ends.
func (m *machine) enter() {
	m.step(1)
	if m.left.depth--; m.left.depth < 0 {
		m.fail("the template nests more than %d evaluations", m.limits.depth)
	}
}

func (m *machine) leave() { m.left.depth++ }
