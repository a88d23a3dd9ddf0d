package main

import "fmt"

func (m *x86) memory(e *emitter, in *instr, group, regs []int) {
	base, mask := e.base[in.array], ""
	if m.wide && e.tail {
		mask = "K1, "
	}
	for i, p := range group {
		first := 16*e.round + 16/m.parts()*p // element
		full, half := at(4*first, base)+"(AX*4)", at(2*first, base)+"(AX*2)"
		switch r := regs[i]; {
		case in.array.param.elem() == 4 && e.tail && !m.wide:
			m.masked(e, in.op, p, r, full)
		case in.array.param.elem() == 4 && in.op == opStore:
			move := "VMOVUPS"
			if in.array.streaming && !e.tail {
				move = "VMOVNTPS"
			}
			e.line("%s %s, %s%s", move, m.reg(r), mask, full)
		case in.array.param.elem() == 4 && e.tail:
			e.line("VMOVUPS.Z %s, %s%s", full, mask, m.reg(r))
		case in.array.param.elem() == 4:
			e.line("VMOVUPS %s, %s", full, m.reg(r))
		case m.wide:
			m.half512(e, in.op, r, half, mask)
		case e.tail:
			m.half2(e, in.op, r, m.halfTail(e.k, in.array.param, p))
		default:
			m.half2(e, in.op, r, half)
		}
	}
}

func (m *x86) fetch(e *emitter, in *instr) {
	n := in.array.param.elem()
	e.line("PREFETCHT0 %s(AX*%d)", at(16*e.round*n+in.imm, e.base[in.array]), n)
}

// masked loads or stores those of 8 elements that exist.
func (m *x86) masked(e *emitter, o op, p, r int, addr string) {
	e.scratch(1, func(t []int) {
		m.mask(e, p, t[0])
		if o == opLoad {
			e.line("VMASKMOVPS %s, Y%d, Y%d", addr, t[0], r)
		} else {
			e.line("VMASKMOVPS Y%d, Y%d, %s", r, t[0], addr)
		}
	})
}

// half512 loads or stores 16 bf16.
func (m *x86) half512(e *emitter, o op, r int, addr, mask string) {
	if o == opStore {
		e.scratch(1, func(t []int) {
			e.line("VPMOVDW Z%d, Y%d", r, t[0])
			e.line("VMOVDQU16 Y%d, %s%s", t[0], mask, addr)
		})
		return
	}
	if mask == "" {
		e.line("VPMOVZXWD %s, Z%d", addr, r)
	} else {
		e.line("VMOVDQU16.Z %s, %sY%d", addr, mask, r)
		e.line("VPMOVZXWD Y%d, Z%d", r, r)
	}
	e.line("VPSLLD $16, Z%d, Z%d", r, r)
}

// half2 loads or stores 8 bf16.
func (m *x86) half2(e *emitter, o op, r int, addr string) {
	if o == opLoad {
		e.line("VPMOVZXWD %s, Y%d", addr, r)
		e.line("VPSLLD $16, Y%d, Y%d", r, r)
		return
	}
	e.scratch(1, func(t []int) {
		e.line("VEXTRACTF128 $1, Y%d, X%d", r, t[0])
		e.line("VPACKUSDW X%d, X%d, X%d", t[0], r, t[0])
		e.line("VMOVUPS X%d, %s", t[0], addr)
	})
}

func (m *x86) prologue(e *emitter) {
	for _, u := range e.k.uniforms {
		if s := u.source; s.field != "" {
			e.noted(s.arg, "MOVQ %s+%d(FP), R12", s.arg, e.k.param(s.arg).off)
			return
		}
	}
}

func (m *x86) loop(e *emitter, l *loop, body func(rounds int)) {
	if !l.runs {
		m.pointers(e, l)
	}
	e.labels++
	n := e.labels
	e.noted("elements done", "XORL AX, AX")
	if l.unrolled > 0 {
		e.noted(fmt.Sprintf("%d full rounds?", l.unrolled), "SUBQ $%d, CX", 16*l.unrolled)
		e.line("JLT  rest%d", n)
		m.label(e, fmt.Sprintf("many%d", n))
		body(l.unrolled)
		for off := 0; l.ahead != nil && off < 16*l.unrolled*l.ahead.param.elem(); off += 64 {
			e.line("PREFETCHT0 %d(%s)(AX*%d)", 4096+off, e.base[l.ahead], l.ahead.param.elem())
		}
		e.line("ADDQ $%d, AX", 16*l.unrolled)
		e.line("SUBQ $%d, CX", 16*l.unrolled)
		e.line("JGE  many%d", n)
		m.label(e, fmt.Sprintf("rest%d", n))
		e.noted("a full round?", "ADDQ $%d, CX", 16*(l.unrolled-1))
	} else {
		e.noted("a full round?", "SUBQ $16, CX")
	}
	e.line("JLT  tail%d", n)
	m.label(e, fmt.Sprintf("loop%d", n))
	body(1)
	e.noted("16 elements on", "ADDQ $16, AX")
	e.line("SUBQ $16, CX")
	e.line("JGE  loop%d", n)
	m.label(e, fmt.Sprintf("tail%d", n))
	e.noted("elements left", "ADDQ $16, CX")
	e.line("JEQ  done%d", n)
	if m.wide {
		e.noted("lanes that exist", "MOVL $-1, R15")
		e.line("BZHIL CX, R15, R15")
		e.line("KMOVW R15, K1")
	} else {
		e.noted("mask of the lanes that exist", "LEAQ lanesAVX2<>+64(SB), R14")
		e.line("MOVQ CX, R15")
		e.line("NEGQ R15")
		e.line("LEAQ (R14)(R15*4), R14")
	}
	half := func(move bool, a *array, from, to string) { // AVX2 cannot mask bf16: it goes through the frame
		if move && !m.wide && a.param.elem() == 2 {
			e.noted(a.param.name, "LEAQ %s, R10", from)
			e.line("LEAQ %s, R11", to)
			e.line("COPYHALF")
		}
	}
	for _, a := range l.arrays {
		half(a.in, a, fmt.Sprintf("(%s)(AX*2)", e.base[a]), m.halfTail(e.k, a.param, 0))
	}
	body(0)
	for _, a := range l.arrays {
		half(a.out, a, m.halfTail(e.k, a.param, 0), fmt.Sprintf("(%s)(AX*2)", e.base[a]))
	}
	m.label(e, fmt.Sprintf("done%d", n))
}

// pointers loads where the arrays of a loop are and how many elements they have.
func (m *x86) pointers(e *emitter, l *loop) {
	e.base = map[*array]string{}
	if l.rows {
		for _, a := range l.arrays {
			e.base[a] = e.row[a.param]
		}
		e.noted("elements left", "MOVQ %s+%d(FP), CX", l.count.name, l.count.off)
		return
	}
	name := map[*param]string{}
	for _, a := range l.arrays {
		if name[a.param] == "" {
			name[a.param] = pool[len(name)]
			e.noted(a.param.name, "MOVQ %s_base+%d(FP), %s", a.param.name, a.param.off, name[a.param])
		}
		e.base[a] = name[a.param]
	}
	e.noted("elements left", "MOVQ %s_len+%d(FP), CX", l.count.name, l.count.off+8)
	if l.halfLength {
		e.noted("pairs", "SHRQ $1, CX")
	}
	used := len(name)
	for _, a := range l.arrays {
		if a.upper {
			r := pool[used]
			used++
			e.noted("second half of "+a.param.name, "LEAQ (%s)(CX*4), %s", name[a.param], r)
			e.base[a] = r
		}
	}
}

func (m *x86) rows(e *emitter, in *instr, body func()) {
	free := pool
	take := func() (r string) {
		r, free = free[0], free[1:]
		return r
	}
	e.row = map[*param]string{}
	var next []string
	for _, l := range in.lines {
		r, step := take(), fmt.Sprintf("$%d", l.n*l.slice.elem())
		e.row[l.slice] = r
		e.noted(l.slice.name, "MOVQ %s_base+%d(FP), %s", l.slice.name, l.slice.off, r)
		if l.apart != nil {
			step = take()
			e.line("MOVQ %s+%d(FP), %s", l.apart.name, l.apart.off, step)
			e.noted("bytes between rows", "SHLQ $%d, %s", l.slice.elem()/2, step)
		}
		next = append(next, fmt.Sprintf("ADDQ %s, %s", step, r))
	}
	count := take()
	e.line("MOVQ rows+%d(FP), %s", e.k.param("rows").off, count)
	row := e.newLabel("row")
	m.label(e, row)
	body()
	e.note = "the next row"
	for _, n := range next {
		e.line("%s", n)
	}
	e.line("DECQ %s", count)
	e.line("JNZ  %s", row)
}

func (m *x86) runs(e *emitter, in *instr, body func()) {
	l := in.body[0].loop
	m.pointers(e, l)
	e.noted("elements left in all runs", "MOVQ %s_len+%d(FP), R10", in.param.name, in.param.off+8)
	e.noted("elements of a run", "MOVQ %s_len+%d(FP), R11", l.count.name, l.count.off+8)
	m.label(e, "run")
	body()
	e.note = "the next run"
	for _, a := range l.arrays {
		if a.param != l.count {
			e.line("LEAQ (%s)(R11*4), %s", e.base[a], e.base[a])
		}
	}
	e.line("MOVQ R11, CX")
	e.line("SHRQ $1, CX")
	e.line("SUBQ R11, R10")
	e.line("JG   run")
}

func (m *x86) unlessEqual(e *emitter, a, b int, label string) {
	e.line("VUCOMISS X%d, X%d", a, b)
	e.line("JNE  3(PC)")
	e.line("JPS  2(PC)")
	e.line("JMP  %s", label)
}

func (m *x86) label(e *emitter, name string) { e.out.WriteString("\n" + name + ":\n") }

func (m *x86) leave(e *emitter) {
	e.noted("for SSE code that follows", "VZEROUPPER")
	e.line("RET")
}
