package main

import "fmt"

func (m neon) memory(e *emitter, in *instr, group, regs []int) {
	base, off := e.base[in.array], 16*e.round*in.array.param.elem()
	if e.tail {
		base, off = "R24", e.slot[in.array]
	}
	if in.array.param.elem() == 2 {
		for i, p := range group {
			addr := at(off+8*p, base)
			if in.op == opLoad {
				e.line("FMOVD %s, F%d", addr, regs[i])
				e.line("SHLL4S(%d, %d)", regs[i], regs[i])
				continue
			}
			e.scratch(1, func(t []int) {
				e.line("XTN4H(%d, %d)", regs[i], t[0])
				e.line("FMOVD F%d, %s", t[0], addr)
			})
		}
		return
	}
	if len(group) == 1 {
		if addr := at(off+16*group[0], base); in.op == opLoad {
			e.line("FMOVQ %s, F%d", addr, regs[0])
		} else {
			e.line("FMOVQ F%d, %s", regs[0], addr)
		}
		return
	}
	for i := 0; i < len(group); i += 2 {
		if addr := at(off+16*group[i], base); in.op == opLoad {
			e.line("FLDPQ %s, (F%d, F%d)", addr, regs[i], regs[i+1])
		} else {
			e.line("FSTPQ (F%d, F%d), %s", regs[i], regs[i+1], addr)
		}
	}
}

func (m neon) fetch(e *emitter, in *instr) {
	e.line("PRFM %s, PLDL1KEEP", at(16*e.round*in.array.param.elem()+in.imm, e.base[in.array]))
}

func (neon) prologue(e *emitter) {
	for _, u := range e.k.uniforms {
		if s := u.source; s.field != "" {
			e.noted(s.arg, "MOVD %s+%d(FP), R25", s.arg, e.k.param(s.arg).off)
			return
		}
	}
}

func (m neon) loop(e *emitter, l *loop, body func(rounds int)) {
	if !l.runs {
		m.pointers(e, l)
	}
	e.labels++
	n := e.labels
	advance := func(rounds int) {
		for _, a := range l.arrays {
			e.noted(fmt.Sprintf("%s: %d elements on", a.param.name, 16*rounds), "ADD $%d, %s", 16*rounds*a.param.elem(),
				e.base[a])
		}
	}
	if l.unrolled > 0 {
		e.noted(fmt.Sprintf("%d full rounds?", l.unrolled), "SUBS $%d, R22", 16*l.unrolled)
		e.line("BLT  rest%d", n)
		m.label(e, fmt.Sprintf("many%d", n))
		body(l.unrolled)
		for off := 0; l.ahead != nil && off < 16*l.unrolled*l.ahead.param.elem(); off += 64 {
			e.line("PRFM %d(%s), PLDL1KEEP", 4096+off, e.base[l.ahead])
		}
		advance(l.unrolled)
		e.line("SUBS $%d, R22", 16*l.unrolled)
		e.line("BGE  many%d", n)
		m.label(e, fmt.Sprintf("rest%d", n))
		e.noted("a full round?", "ADDS $%d, R22", 16*(l.unrolled-1))
	} else {
		e.noted("a full round?", "SUBS $16, R22")
	}
	e.line("BLT  tail%d", n)
	m.label(e, fmt.Sprintf("loop%d", n))
	body(1)
	advance(1)
	e.line("SUBS $16, R22")
	e.line("BGE  loop%d", n)
	m.label(e, fmt.Sprintf("tail%d", n))
	e.noted("elements left", "ADDS $16, R22")
	e.line("BEQ  done%d", n)
	e.slot = map[*array]int{}
	e.noted("tails of arrays", "MOVD $tail-%d(SP), R24", m.frame(e.k))
	if l.masks {
		e.noted("mask of the lanes that exist", "MOVD $lanesNEON<>+64(SB), R23")
		e.line("SUB R22<<2, R23")
	}
	for i, a := range l.arrays {
		e.slot[a] = slotBytes * i
		if a.in {
			for off := 0; off < 16*a.param.elem(); off += 16 {
				e.line("STP (ZR, ZR), %s", at(e.slot[a]+off, "R24"))
			}
			e.noted(a.param.name, "MOVD %s, R10", e.base[a])
			e.line("ADD $%d, R24, R11", e.slot[a])
			e.line("%s", m.copier(a))
		}
	}
	body(0)
	for _, a := range l.arrays {
		if a.out {
			e.noted(a.param.name, "ADD $%d, R24, R10", e.slot[a])
			e.line("MOVD %s, R11", e.base[a])
			e.line("%s", m.copier(a))
		}
	}
	m.label(e, fmt.Sprintf("done%d", n))
}

func (neon) copier(a *array) string {
	if a.param.elem() == 2 {
		return "COPYHALF"
	}
	return "COPYFULL"
}

// pointers loads where the arrays of a loop are and how many elements they have.
func (m neon) pointers(e *emitter, l *loop) {
	e.base = map[*array]string{}
	if l.rows {
		e.noted("elements left", "MOVD %s+%d(FP), R22", l.count.name, l.count.off)
		for i, a := range l.arrays {
			e.base[a] = fmt.Sprintf("R%d", i)
			e.noted(a.param.name, "MOVD %s, %s", e.row[a.param], e.base[a])
		}
		return
	}
	e.noted("elements left", "MOVD %s_len+%d(FP), R22", l.count.name, l.count.off+8)
	if l.halfLength {
		e.noted("pairs", "LSR $1, R22")
	}
	for i, a := range l.arrays {
		r := fmt.Sprintf("R%d", i)
		e.base[a] = r
		e.noted(a.param.name, "MOVD %s_base+%d(FP), %s", a.param.name, a.param.off, r)
		if a.upper {
			e.noted("its second half", "ADD R22<<2, %s", r)
		}
	}
}

func (m neon) rows(e *emitter, in *instr, body func()) {
	e.row = map[*param]string{}
	var next []string
	for i, l := range in.lines {
		row, step := fmt.Sprintf("R%d", 14+i), fmt.Sprintf("$%d", l.n*l.slice.elem())
		e.row[l.slice] = row
		e.noted(l.slice.name, "MOVD %s_base+%d(FP), %s", l.slice.name, l.slice.off, row)
		if l.apart != nil {
			step = fmt.Sprintf("R%d", 19+i)
			e.line("MOVD %s+%d(FP), %s", l.apart.name, l.apart.off, step)
			e.noted("bytes between rows", "LSL $%d, %s", l.slice.elem()/2, step)
		}
		next = append(next, fmt.Sprintf("ADD %s, %s", step, row))
	}
	e.line("MOVD rows+%d(FP), R21", e.k.param("rows").off)
	row := e.newLabel("row")
	m.label(e, row)
	body()
	e.note = "the next row"
	for _, n := range next {
		e.line("%s", n)
	}
	e.line("SUBS $1, R21")
	e.line("BNE  %s", row)
}

func (m neon) runs(e *emitter, in *instr, body func()) {
	l := in.body[0].loop
	e.noted("bytes of the runs done", "MOVD ZR, R19")
	e.noted("elements left in all runs", "MOVD %s_len+%d(FP), R20", in.param.name, in.param.off+8)
	e.noted("elements of a run", "MOVD %s_len+%d(FP), R21", l.count.name, l.count.off+8)
	m.label(e, "run")
	m.pointers(e, l)
	for _, a := range l.arrays {
		if a.param != l.count {
			e.line("ADD R19, %s", e.base[a])
		}
	}
	body()
	e.noted("the next run", "ADD R21<<2, R19")
	e.line("SUBS R21, R20")
	e.line("BGT  run")
}

func (neon) unlessEqual(e *emitter, a, b int, label string) {
	e.line("FCMPS F%d, F%d", a, b)
	e.line("BEQ  %s", label)
}

func (neon) label(e *emitter, name string) { e.out.WriteString("\n" + name + ":\n") }

func (neon) leave(e *emitter) { e.line("RET") }
