package main

import "fmt"

// neonForms are the operations that take one instruction. Of the operands %[1]d and %[2]d are the
// sources, %[3]d is the result and %[4]d the immediate.
var neonForms = map[op]string{
	opAdd:        "FADD4S(%[2]d, %[1]d, %[3]d)",
	opSub:        "FSUB4S(%[2]d, %[1]d, %[3]d)",
	opMul:        "FMUL4S(%[2]d, %[1]d, %[3]d)",
	opDiv:        "FDIV4S(%[2]d, %[1]d, %[3]d)",
	opRaise:      "FMAX4S(%[2]d, %[1]d, %[3]d)",
	opLower:      "FMIN4S(%[2]d, %[1]d, %[3]d)",
	opAddInt:     "VADD V%[2]d.S4, V%[1]d.S4, V%[3]d.S4",
	opSubInt:     "VSUB V%[2]d.S4, V%[1]d.S4, V%[3]d.S4",
	opAnd:        "VAND V%[2]d.B16, V%[1]d.B16, V%[3]d.B16",
	opOr:         "VORR V%[2]d.B16, V%[1]d.B16, V%[3]d.B16",
	opXor:        "VEOR V%[2]d.B16, V%[1]d.B16, V%[3]d.B16",
	opSqrt:       "FSQRT4S(%[1]d, %[3]d)",
	opNearest:    "FRINTN4S(%[1]d, %[3]d)",
	opShiftLeft:  "VSHL $%[4]d, V%[1]d.S4, V%[3]d.S4",
	opShiftRight: "VUSHR $%[4]d, V%[1]d.S4, V%[3]d.S4",
}

// neonSequences write the operations that take several instructions.
var neonSequences = map[op]func(m neon, e *emitter, in *instr, p, d int, s []int){
	opMax: neon.max, opFMA: neon.fused, opFNMA: neon.fused, opScale2: neon.scale2, opIfNaN: neon.ifNaN,
	opNonzero: neon.nonzero,
	opPresent: neon.present, opSumTo: neon.sumTo, opMaxTo: neon.maxTo, opNaNTo: neon.nanTo, opSquareTo: neon.squareTo,
}

func (m neon) part(e *emitter, in *instr, p, d int, s []int) {
	if f, ok := neonForms[in.op]; ok {
		second := 0
		if len(s) > 1 {
			second = s[1]
		}
		e.line(f, s[0], second, d, in.imm)
		return
	}
	write, ok := neonSequences[in.op]
	if !ok {
		panic(fmt.Sprintf("operation %d on NEON", in.op))
	}
	write(m, e, in, p, d, s)
}

// max is not FMAX, which orders zeros and keeps NaNs.
func (m neon) max(e *emitter, _ *instr, _, d int, s []int) {
	note := e.note
	e.noted("", "FCMGT4S(%d, %d, %d)", s[1], s[0], d)
	e.noted(note, "VBSL V%d.B16, V%d.B16, V%d.B16", s[1], s[0], d)
}

func (m neon) fused(e *emitter, in *instr, _, d int, s []int) {
	name := "VFMLA"
	if in.op == opFNMA {
		name = "VFMLS"
	}
	if d != s[2] {
		m.copyWithout(e, d, s[2])
	}
	e.line("%s V%d.S4, V%d.S4, V%d.S4", name, s[1], s[0], d)
}

// copyWithout copies without the comment, which waits for the next line.
func (m neon) copyWithout(e *emitter, d, s int) {
	note := e.note
	e.note = ""
	m.copy(e, d, s)
	e.note = note
}

func (m neon) ifNaN(e *emitter, _ *instr, _, d int, s []int) {
	note := e.note
	e.noted("not NaN", "FCMEQ4S(%d, %d, %d)", s[0], s[0], d)
	e.noted(note, "VBSL V%d.B16, V%d.B16, V%d.B16", s[1], s[2], d)
}

func (m neon) nonzero(e *emitter, _ *instr, _, d int, s []int) {
	note := e.note
	e.noted("", "FCMEQZ4S(%d, %d)", s[1], d)
	e.noted(note, "BIC16B(%d, %d, %d)", d, s[0], d)
}

func (m neon) present(e *emitter, _ *instr, p, d int, s []int) {
	e.scratch(1, func(t []int) {
		m.mask(e, p, t[0])
		if d != s[0] {
			m.copyWithout(e, d, s[0])
		}
		e.line("VBIF V%d.B16, V%d.B16, V%d.B16", t[0], s[1], d)
	})
}

func (m neon) sumTo(e *emitter, _ *instr, p, _ int, s []int) {
	if !e.tail {
		e.line("FADD4S(%d, %d, %d)", s[1], s[0], s[0])
		return
	}
	e.scratch(1, func(t []int) {
		m.mask(e, p, t[0])
		e.line("VAND V%d.B16, V%d.B16, V%d.B16", s[1], t[0], t[0])
		e.line("FADD4S(%d, %d, %d)", t[0], s[0], s[0])
	})
}

func (m neon) maxTo(e *emitter, _ *instr, _, _ int, s []int) {
	e.scratch(1, func(t []int) {
		e.line("FCMGT4S(%d, %d, %d)", s[1], s[0], t[0])
		e.line("VBIF V%d.B16, V%d.B16, V%d.B16", t[0], s[1], s[0])
	})
}

func (m neon) nanTo(e *emitter, _ *instr, _, _ int, s []int) {
	e.scratch(1, func(t []int) {
		e.line("FCMEQ4S(%d, %d, %d)", s[1], s[1], t[0])
		e.line("VBIF V%d.B16, V%d.B16, V%d.B16", t[0], s[1], s[0])
	})
}

func (m neon) squareTo(e *emitter, in *instr, p, _ int, s []int) {
	acc := in.src[0].regs[2*p:]
	e.scratch(2, func(t []int) {
		e.line("FCVTL2D(%d, %d)", s[1], t[0])
		e.line("FCVTL22D(%d, %d)", s[1], t[1])
		e.noted("the product is exact", "VFMLA V%d.D2, V%d.D2, V%d.D2", t[0], t[0], acc[0])
		e.line("VFMLA V%d.D2, V%d.D2, V%d.D2", t[1], t[1], acc[1])
	})
}

// scale2 computes a*2^n by two powers, each a normal number for |n| ≤ 150: only the second product
// can leave the range of f32 and is rounded.
func (neon) scale2(e *emitter, _ *instr, _, d int, s []int) {
	e.scratch(2, func(t []int) {
		u, v, note := t[0], t[1], e.note
		e.noted("n", "FCVTZS4S(%d, %d)", s[1], u)
		e.noted("half of it", "HALVE4S(%d, %d)", u, v)
		e.noted("the other half", "VSUB V%d.S4, V%d.S4, V%d.S4", v, u, u)
		e.noted("onto the exponent of 1", "VSHL $23, V%d.S4, V%d.S4", v, v)
		e.line("VSHL $23, V%d.S4, V%d.S4", u, u)
		e.line("VADD V%d.S4, V%d.S4, V%d.S4", s[2], v, v)
		e.line("VADD V%d.S4, V%d.S4, V%d.S4", s[2], u, u)
		e.line("FMUL4S(%d, %d, %d)", v, s[0], d)
		e.noted(note, "FMUL4S(%d, %d, %d)", u, d, d)
	})
}
