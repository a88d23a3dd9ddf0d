package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A machine turns instructions into assembly for one instruction set.
type machine interface {
	suffix() string   // of function names
	parts() int       // registers that 16 lanes take
	groups() []int    // how many of them may go through a loop's body together, best first
	registers() []int // vector registers
	takes(o op, operand int) bool
	header() string // what precedes the kernels
	tables() string // what follows them
	text(k *kernel, frame int) string
	frame(k *kernel) int

	uniform(e *emitter, r int, s *source) // the value of s in all lanes of r
	part(e *emitter, in *instr, p, d int, s []int)
	whole(e *emitter, in *instr)                     // an instruction on an accumulator or outside loops
	memory(e *emitter, in *instr, group, regs []int) // loads and stores
	fetch(e *emitter, in *instr)                     // prefetches, once a round
	copy(e *emitter, d, s int)
	prologue(e *emitter)
	loop(e *emitter, l *loop, body func(rounds int)) // rounds is 0 in the tail
	rows(e *emitter, in *instr, body func())
	runs(e *emitter, in *instr, body func())
	unlessEqual(e *emitter, a, b int, label string)
	label(e *emitter, name string)
	handwritten(e *emitter)
	leave(e *emitter)
}

// An emitter writes one kernel for one machine. It gives registers to values in the order of the
// instructions, and takes them back after a value's last use.
type emitter struct {
	m      machine
	k      *kernel
	out    strings.Builder
	free   []int
	group  int // parts that go through a loop's body together
	tail   bool
	round  int    // of those that a loop takes together
	note   string // comment of the next line
	labels int
	base   map[*array]string // registers that point to arrays
	row    map[*param]string // and to the rows of slices, inside opRows
	slot   map[*array]int    // and places in the frame of the tails of arrays
}

// noRoom is what the emitter panics with when registers run out.
type noRoom struct{}

// line writes one instruction, with the pending comment.
func (e *emitter) line(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if e.note != "" {
		s = fmt.Sprintf("%-44s // %s", s, e.note)
		e.note = ""
	}
	e.out.WriteString("\t" + s + "\n")
}

// noted writes one instruction with a comment.
func (e *emitter) noted(note, format string, args ...any) {
	e.note = note
	e.line(format, args...)
}

// newLabel returns a label that is unique in the kernel.
func (e *emitter) newLabel(name string) string {
	e.labels++
	if e.labels == 1 {
		return name
	}
	return fmt.Sprintf("%s%d", name, e.labels)
}

// take takes a free register.
func (e *emitter) take() int {
	if len(e.free) == 0 {
		panic(noRoom{})
	}
	r := e.free[0]
	e.free = e.free[1:]
	return r
}

// give returns registers.
func (e *emitter) give(rs ...int) {
	e.free = append(e.free, rs...)
	slices.Sort(e.free)
}

// scratch calls f with n registers that are free for its time.
func (e *emitter) scratch(n int, f func(r []int)) {
	r := make([]int, n)
	for i := range r {
		r[i] = e.take()
	}
	f(r)
	e.give(r...)
}

// emit returns the assembly of k on m: with as many parts of the lanes together and as many uniform
// values held in registers as there is room for. Those used least make room first.
func emit(m machine, k *kernel) string {
	k.number()
	order := slices.Clone(k.uniforms)
	slices.SortStableFunc(order, func(a, b *value) int { return a.uses - b.uses })
	for evicted := range len(order) + 1 {
		for _, g := range m.groups() {
			if s, ok := attempt(m, k, g, order[:evicted]); ok {
				return s
			}
		}
	}
	panic("no room for " + k.name)
}

// attempt returns the assembly of k with group parts together and without registers for evicted,
// and reports whether the registers sufficed.
func attempt(m machine, k *kernel, group int, evicted []*value) (s string, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, room := r.(noRoom); !room {
				panic(r)
			}
			ok = false
		}
	}()
	e := &emitter{m: m, k: k, free: slices.Clone(m.registers()), group: group}
	e.out.WriteString(comment(k, m.suffix()) + m.text(k, m.frame(k)) + "\n")
	if k.handwritten != "" {
		m.handwritten(e)
		return e.out.String(), true
	}
	m.prologue(e)
	for _, u := range k.uniforms {
		u.regs = nil
		if !slices.Contains(evicted, u) {
			r := e.take()
			e.note = u.text
			m.uniform(e, r, u.source)
			u.regs = []int{r}
		}
	}
	e.list(k.body)
	m.leave(e)
	return e.out.String(), true
}

// comment returns the doc comment of a kernel in assembly.
func comment(k *kernel, suffix string) string {
	return "// func " + k.prototype(suffix) + "\n" + wrapped(k.name+suffix+" "+k.doc+".")
}

// wrapped returns text as a comment in lines of at most 100 columns.
func wrapped(text string) string {
	var s strings.Builder
	line := "//"
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line+" "+word) > 100 {
			s.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	return s.String() + line + "\n"
}

// number gives instructions their positions and values their lifetimes. A value from outside a
// loop that the loop uses lives to its end.
func (k *kernel) number() {
	for _, u := range k.uniforms {
		u.last, u.uses = 0, 0
	}
	pos := 0
	var walk func(list []*instr)
	walk = func(list []*instr) {
		for _, in := range list {
			pos++
			in.pos = pos
			for _, v := range in.src {
				v.last = max(v.last, pos)
				v.uses++
			}
			if in.dst != nil {
				in.dst.born, in.dst.last = pos, pos
			}
			walk(in.body)
			if in.op == opLoop || in.op == opRows {
				pos++
				in.end = pos
				in.each(func(v *value) {
					if v.born < in.pos {
						v.last = pos
					}
				})
			}
		}
	}
	walk(k.body)
}

// each calls f for the operands of the body of in.
func (in *instr) each(f func(v *value)) {
	for _, b := range in.body {
		for _, v := range b.src {
			f(v)
		}
		b.each(f)
	}
}

func (e *emitter) list(list []*instr) {
	for _, in := range list {
		switch in.op {
		case opLoop:
			e.loop(in)
		case opRows:
			e.m.rows(e, in, func() { e.list(in.body) })
			e.row = nil
			e.end(in)
		case opRuns:
			e.m.runs(e, in, func() { e.list(in.body) })
		case opUnlessEqual:
			label := e.newLabel("equal")
			lent := e.lend(in)
			e.note = in.text
			e.m.unlessEqual(e, in.src[0].regs[0], in.src[1].regs[0], label)
			for _, v := range lent {
				e.drop(v)
			}
			e.list(in.body)
			e.m.label(e, label)
		default:
			e.single(in, nil)
		}
	}
}

// loop emits a loop for full rounds, perhaps one before it that takes many together, and then the
// body once more for what is left.
func (e *emitter) loop(in *instr) {
	e.m.loop(e, in.loop, func(rounds int) {
		e.tail = rounds == 0
		steps, parts := max(1, rounds), e.m.parts()
		if in.loop.interleaved && !e.tail {
			steps, parts = 1, steps*parts
		}
		for e.round = range steps {
			for first := 0; first < parts; first += e.group {
				var group []int
				for p := first; p < min(first+e.group, parts); p++ {
					group = append(group, p)
				}
				for _, b := range in.body {
					e.single(b, group)
				}
			}
		}
		e.tail, e.round = false, 0
	})
	e.end(in)
}

// end takes back the registers of what lived to the end of in.
func (e *emitter) end(in *instr) {
	in.each(func(v *value) {
		if v.last == in.end {
			e.drop(v)
		}
	})
}

// single emits one instruction, in a loop for the parts in group.
func (e *emitter) single(in *instr, group []int) {
	lent := e.lend(in)
	taken := e.place(in, max(1, len(group)))
	e.note = in.text
	e.instruction(in, group)
	e.note = ""
	for _, v := range lent {
		e.drop(v)
	}
	for _, v := range in.src {
		if v.last == in.pos && v != taken {
			e.drop(v)
		}
	}
	if d := in.dst; d != nil && d.last == in.pos {
		e.drop(d)
	}
}

// lend loads the operands that are in no register: uniform values for which there was no room.
func (e *emitter) lend(in *instr) (lent []*value) {
	for _, v := range in.src {
		if v.regs != nil {
			continue
		}
		if v.source == nil {
			panic("use before definition of " + v.text + " in " + e.k.name)
		}
		v.regs = []int{e.take()}
		e.note = v.text
		e.m.uniform(e, v.regs[0], v.source)
		lent = append(lent, v)
	}
	return lent
}

// place gives the result its registers, count of them or those of an accumulator. It returns the
// operand whose registers the result takes over, if there is one that nobody needs afterwards.
func (e *emitter) place(in *instr, count int) (taken *value) {
	d := in.dst
	if d == nil {
		return nil
	}
	if d.accu > 0 {
		count = d.accu * e.m.parts()
	}
	for i, v := range in.src {
		if e.m.takes(in.op, i) && v.last == in.pos && v.source == nil && v.accu == 0 && v.inLoop == d.inLoop &&
			once(in.src, v) {
			d.regs = v.regs
			return v
		}
	}
	d.regs = nil
	for range count {
		d.regs = append(d.regs, e.take())
	}
	return nil
}

// drop takes back the registers of v.
func (e *emitter) drop(v *value) {
	e.give(v.regs...)
	v.regs = nil
}

// once reports whether v occurs in list a single time.
func once(list []*value, v *value) bool {
	n := 0
	for _, w := range list {
		if w == v {
			n++
		}
	}
	return n == 1
}

// instruction emits in on the registers that its values have now.
func (e *emitter) instruction(in *instr, group []int) {
	switch in.op {
	case opLoad:
		e.m.memory(e, in, group, in.dst.regs)
	case opStore:
		e.m.memory(e, in, group, in.src[0].regs)
	case opFetch:
		if !e.tail && group[0] == 0 {
			e.m.fetch(e, in)
		}
	case opStart, opStart64, opTree, opTreeMax, opTree64, opPeek, opPoke, opReturn, opReturn64, opAssign:
		e.m.whole(e, in)
	default:
		if group == nil {
			group = []int{0}
		}
		for i, p := range group {
			s := make([]int, len(in.src))
			for j, v := range in.src {
				s[j] = v.register(i, p%e.m.parts())
			}
			d := -1
			if in.dst != nil {
				d = in.dst.register(i, p%e.m.parts())
			}
			if in.op == opPresent && !e.tail {
				if d != s[0] {
					e.m.copy(e, d, s[0])
				}
				continue
			}
			e.m.part(e, in, p, d, s)
		}
	}
}

// register returns where part p of v is, the i-th of those that go through a loop's body together.
func (v *value) register(i, p int) int {
	switch {
	case v.accu > 0:
		return v.regs[v.accu*p]
	case v.inLoop:
		return v.regs[i]
	}
	return v.regs[0]
}
