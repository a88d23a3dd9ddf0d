package main

import "fmt"

// An x86Form is an operation that takes one instruction: its name in AVX-512 and in AVX2, if that
// is another, and its operands in the assembler's order: %[1]s to %[3]s are the sources, %[4]s the
// result and %[5]d the immediate.
type x86Form struct{ avx512, avx2, operands string }

const (
	x86Unary  = "%[1]s, %[4]s"
	x86Binary = "%[2]s, %[1]s, %[4]s"
	x86Shift  = "$%[5]d, %[1]s, %[4]s"
	// The bound of opRaise and opLower is the first operand of the comparison, so that a NaN
	// passes.
	x86Bound = "%[1]s, %[2]s, %[4]s"
)

var x86Forms = map[op]x86Form{
	opAdd:        {"VADDPS", "", x86Binary},
	opSub:        {"VSUBPS", "", x86Binary},
	opMul:        {"VMULPS", "", x86Binary},
	opDiv:        {"VDIVPS", "", x86Binary},
	opMax:        {"VMAXPS", "", x86Binary},
	opRaise:      {"VMAXPS", "", x86Bound},
	opLower:      {"VMINPS", "", x86Bound},
	opAddInt:     {"VPADDD", "", x86Binary},
	opSubInt:     {"VPSUBD", "", x86Binary},
	opAnd:        {"VPANDD", "VPAND", x86Binary},
	opOr:         {"VPORD", "VPOR", x86Binary},
	opXor:        {"VPXORD", "VPXOR", x86Binary},
	opSqrt:       {"VSQRTPS", "", x86Unary},
	opNearest:    {"VRNDSCALEPS", "VROUNDPS", "$8, %[1]s, %[4]s"},
	opShiftLeft:  {"VPSLLD", "", x86Shift},
	opShiftRight: {"VPSRLD", "", x86Shift},
	opMaxTo:      {"VMAXPS", "", "%[2]s, %[1]s, %[1]s"},
}

// x86Sequences write the operations that take several instructions, or other ones in AVX-512 than
// in AVX2. They are given the names of the sources and of the result.
var x86Sequences = map[op]func(m *x86, e *emitter, in *instr, p int, r []string, dst string){
	opIfNaN: (*x86).ifNaN, opNonzero: (*x86).nonzero, opPresent: (*x86).present, opSumTo: (*x86).sumTo,
	opNaNTo: (*x86).nanTo,
}

func (m *x86) part(e *emitter, in *instr, p, d int, s []int) {
	var r [3]string
	for i := range s {
		r[i] = m.reg(s[i])
	}
	dst := ""
	if d >= 0 {
		dst = m.reg(d)
	}
	if f, ok := x86Forms[in.op]; ok {
		name := f.avx512
		if !m.wide && f.avx2 != "" {
			name = f.avx2
		}
		e.line(name+" "+f.operands, r[0], r[1], r[2], dst, in.imm)
		return
	}
	if write, ok := x86Sequences[in.op]; ok {
		write(m, e, in, p, r[:], dst)
		return
	}
	switch in.op {
	case opFMA, opFNMA:
		m.fused(e, in.op, d, s)
	case opScale2:
		m.scale2(e, d, s)
	case opSquareTo:
		m.squareTo(e, in.src[0].regs[2*p:], s[1])
	default:
		panic(fmt.Sprintf("operation %d on %s", in.op, m.suffix()))
	}
}

func (m *x86) ifNaN(e *emitter, _ *instr, _ int, r []string, dst string) {
	if m.wide {
		e.line("VCMPPS $3, %s, %s, K2", r[0], r[0])
		e.line("VBLENDMPS %s, %s, K2, %s", r[1], r[2], dst)
		return
	}
	e.scratch(1, func(t []int) {
		e.line("VCMPPS $3, %s, %s, Y%d", r[0], r[0], t[0])
		e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[1], r[2], dst)
	})
}

func (m *x86) nonzero(e *emitter, _ *instr, _ int, r []string, dst string) {
	if m.wide {
		e.line("VCMPPS $4, %s, %s, K2", r[2], r[1])
		e.line("VMOVAPS.Z %s, K2, %s", r[0], dst)
		return
	}
	e.scratch(1, func(t []int) {
		e.line("VCMPPS $4, %s, %s, Y%d", r[2], r[1], t[0])
		e.line("VANDPS Y%d, %s, %s", t[0], r[0], dst)
	})
}

func (m *x86) present(e *emitter, _ *instr, p int, r []string, dst string) {
	if m.wide {
		e.line("VBLENDMPS %s, %s, K1, %s", r[0], r[1], dst)
		return
	}
	e.scratch(1, func(t []int) {
		m.mask(e, p, t[0])
		e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[0], r[1], dst)
	})
}

func (m *x86) sumTo(e *emitter, _ *instr, p int, r []string, _ string) {
	switch {
	case !e.tail:
		e.line("VADDPS %s, %s, %s", r[1], r[0], r[0])
	case m.wide:
		e.line("VADDPS %s, %s, K1, %s", r[1], r[0], r[0])
	default:
		e.scratch(1, func(t []int) {
			m.mask(e, p, t[0])
			e.line("VANDPS %s, Y%d, Y%d", r[1], t[0], t[0])
			e.line("VADDPS Y%d, %s, %s", t[0], r[0], r[0])
		})
	}
}

func (m *x86) nanTo(e *emitter, _ *instr, _ int, r []string, _ string) {
	if m.wide {
		e.line("VCMPPS $3, %s, %s, K2", r[1], r[1])
		e.line("VMOVAPS %s, K2, %s", r[1], r[0])
		return
	}
	e.scratch(1, func(t []int) {
		e.line("VCMPPS $3, %s, %s, Y%d", r[1], r[1], t[0])
		e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[1], r[0], r[0])
	})
}

// squareTo adds the squares of the lanes of register s, in f64, to the registers acc.
func (m *x86) squareTo(e *emitter, acc []int, s int) {
	e.scratch(2, func(t []int) {
		low, high := m.reg(t[0]), m.reg(t[1])
		if m.wide {
			e.line("VEXTRACTF64X4 $1, Z%d, Y%d", s, t[1])
			e.line("VCVTPS2PD Y%d, %s", s, low)
			e.line("VCVTPS2PD Y%d, %s", t[1], high)
		} else {
			e.line("VEXTRACTF128 $1, Y%d, X%d", s, t[1])
			e.line("VCVTPS2PD X%d, %s", s, low)
			e.line("VCVTPS2PD X%d, %s", t[1], high)
		}
		e.noted("the product is exact", "VFMADD231PD %s, %s, %s", low, low, m.reg(acc[0]))
		e.line("VFMADD231PD %s, %s, %s", high, high, m.reg(acc[1]))
	})
}

// fused picks the form of the fused multiply-add that overwrites an operand whose register is the
// result's, else copies one.
func (m *x86) fused(e *emitter, o op, d int, s []int) {
	name := "VFMADD"
	if o == opFNMA {
		name = "VFNMADD"
	}
	a, b, c := s[0], s[1], s[2]
	switch {
	case d == c:
		e.line("%s231PS %s, %s, %s", name, m.reg(a), m.reg(b), m.reg(d))
	case d == b:
		e.line("%s213PS %s, %s, %s", name, m.reg(c), m.reg(a), m.reg(d))
	default:
		if d != a {
			note := e.note
			e.note = ""
			m.copy(e, d, a)
			e.note = note
		}
		e.line("%s213PS %s, %s, %s", name, m.reg(c), m.reg(b), m.reg(d))
	}
}

// scale2 computes a*2^n. AVX2 multiplies by two powers, each a normal number for |n| ≤ 150: only
// the second product can leave the range of f32 and is rounded.
func (m *x86) scale2(e *emitter, d int, s []int) {
	if m.wide {
		e.line("VSCALEFPS %s, %s, %s", m.reg(s[1]), m.reg(s[0]), m.reg(d))
		return
	}
	e.scratch(2, func(t []int) {
		one := m.reg(s[2])
		u, v := m.reg(t[0]), m.reg(t[1])
		note := e.note
		e.noted("n", "VCVTPS2DQ %s, %s", m.reg(s[1]), u)
		e.noted("half of it", "VPSRAD $1, %s, %s", u, v)
		e.noted("the other half", "VPSUBD %s, %s, %s", v, u, u)
		e.noted("onto the exponent of 1", "VPSLLD $23, %s, %s", v, v)
		e.line("VPSLLD $23, %s, %s", u, u)
		e.line("VPADDD %s, %s, %s", one, v, v)
		e.line("VPADDD %s, %s, %s", one, u, u)
		e.line("VMULPS %s, %s, %s", v, m.reg(s[0]), m.reg(d))
		e.noted(note, "VMULPS %s, %s, %s", u, m.reg(d), m.reg(d))
	})
}
