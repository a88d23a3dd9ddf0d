package main

import (
	"fmt"
	"slices"
	"strings"
)

// An x86 is AVX-512 or AVX2 with FMA.
type x86 struct {
	wide      bool     // AVX-512
	constants []uint32 // in the order of first use
}

// pool is the registers for pointers.
var pool = []string{"DI", "SI", "DX", "BX", "R8", "R9", "R13"}

func (m *x86) suffix() string {
	if m.wide {
		return "AVX512"
	}
	return "AVX2"
}

func (m *x86) parts() int {
	if m.wide {
		return 1
	}
	return 2
}

func (m *x86) groups() []int {
	if m.wide {
		return []int{4, 2, 1}
	}
	return []int{2}
}

func (m *x86) registers() (r []int) {
	n := 16
	if m.wide {
		n = 32
	}
	for i := range n {
		r = append(r, i)
	}
	return r
}

// reg names a full register.
func (m *x86) reg(r int) string {
	if m.wide {
		return fmt.Sprintf("Z%d", r)
	}
	return fmt.Sprintf("Y%d", r)
}

// takes says whether the result may take the register of an operand: where the first instruction
// that writes it is the last to read the operand.
func (m *x86) takes(o op, operand int) bool {
	switch o {
	case opFMA, opFNMA:
		return operand == 2 || o == opFMA
	case opScale2:
		return operand == 0
	case opLoad, opTree, opTreeMax, opTree64, opPeek, opStart, opStart64:
		return false
	}
	return true
}

func (m *x86) text(k *kernel, frame int) string {
	return fmt.Sprintf("TEXT ·%s%s(SB), NOSPLIT, $%d-%d", k.name, m.suffix(), frame, k.args)
}

// frame is room for the tails of slices of bf16, which AVX2 cannot mask.
func (m *x86) frame(k *kernel) int {
	if m.wide {
		return 0
	}
	return halfBytes * len(k.halves())
}

// halfBytes is room for the tail of one slice of bf16.
const halfBytes = 32

// halves are the slices of bf16.
func (k *kernel) halves() (list []*param) {
	for _, p := range k.params {
		if p.elem() == 2 {
			list = append(list, p)
		}
	}
	return list
}

// halfTail is where part p of the tail of a slice of bf16 lies in the frame.
func (m *x86) halfTail(k *kernel, a *param, p int) string {
	return fmt.Sprintf("tail-%d(SP)", m.frame(k)-halfBytes*slices.Index(k.halves(), a)-16*p)
}

func (m *x86) header() string {
	s := "// CX counts the elements left in a loop and AX those done; R12 points to the struct of constants.\n"
	if m.wide {
		return s + "// In the tail of a loop, K1 holds the lanes that exist.\n"
	}
	return s + `// In the tail of a loop, R14 points to the mask of the lanes that exist.

// COPYHALF copies CX elements of bf16, less than 16, from R10 to R11.
#define COPYHALF \
	TESTB $8, CX;      \
	JEQ   7(PC);       \
	MOVQ  (R10), R15;  \
	MOVQ  R15, (R11);  \
	MOVQ  8(R10), R15; \
	MOVQ  R15, 8(R11); \
	ADDQ  $16, R10;    \
	ADDQ  $16, R11;    \
	TESTB $4, CX;      \
	JEQ   5(PC);       \
	MOVQ  (R10), R15;  \
	MOVQ  R15, (R11);  \
	ADDQ  $8, R10;     \
	ADDQ  $8, R11;     \
	TESTB $2, CX;      \
	JEQ   5(PC);       \
	MOVL  (R10), R15;  \
	MOVL  R15, (R11);  \
	ADDQ  $4, R10;     \
	ADDQ  $4, R11;     \
	TESTB $1, CX;      \
	JEQ   3(PC);       \
	MOVW  (R10), R15;  \
	MOVW  R15, (R11)
`
}

// tables are the constants, and the masks of AVX2: 16 lanes that exist and 16 that do not.
func (m *x86) tables() string {
	var s strings.Builder
	if len(m.constants) > 0 {
		s.WriteString("\n")
		for i, c := range m.constants {
			fmt.Fprintf(&s, "DATA %s+%d(SB)/4, $%#08x\n", m.table(), 4*i, c)
		}
		fmt.Fprintf(&s, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", m.table(), 4*len(m.constants))
	}
	if !m.wide {
		s.WriteString("\n")
		for i := range 8 {
			fmt.Fprintf(&s, "DATA lanesAVX2<>+%d(SB)/8, $0xffffffffffffffff\n", 8*i)
		}
		s.WriteString("GLOBL lanesAVX2<>(SB), RODATA|NOPTR, $128\n")
	}
	return s.String()
}

func (m *x86) table() string { return "constants" + m.suffix() + "<>" }

func (m *x86) uniform(e *emitter, r int, s *source) {
	from := ""
	switch {
	case s.field != "":
		from = s.field + "(R12)"
	case s.arg != "":
		from = fmt.Sprintf("%s+%d(FP)", s.arg, e.k.param(s.arg).off)
	default:
		i := slices.Index(m.constants, s.bits)
		if i < 0 {
			i = len(m.constants)
			m.constants = append(m.constants, s.bits)
		}
		from = fmt.Sprintf("%s+%d(SB)", m.table(), 4*i)
	}
	e.line("VBROADCASTSS %s, %s", from, m.reg(r))
}

func (m *x86) copy(e *emitter, d, s int) { e.line("VMOVAPS %s, %s", m.reg(s), m.reg(d)) }

// mask puts the mask of part p in the tail of a loop into r.
func (m *x86) mask(e *emitter, p, r int) {
	note := e.note
	e.noted("lanes that exist", "VMOVUPS %s, %s", at(32*p, "R14"), m.reg(r))
	e.note = note
}

// at is an address in assembly.
func at(off int, base string) string {
	if off == 0 {
		return "(" + base + ")"
	}
	return fmt.Sprintf("%d(%s)", off, base)
}

// simple are the operations that are one instruction: the operands follow in the assembler's order.
var simple = map[op]string{opAdd: "VADDPS", opSub: "VSUBPS", opMul: "VMULPS", opDiv: "VDIVPS", opMax: "VMAXPS"}

func (m *x86) part(e *emitter, in *instr, p, d int, s []int) {
	r := make([]string, len(s))
	for i := range s {
		r[i] = m.reg(s[i])
	}
	dst := ""
	if d >= 0 {
		dst = m.reg(d)
	}
	pick := func(wide, narrow string) string {
		if m.wide {
			return wide
		}
		return narrow
	}
	switch in.op {
	case opAdd, opSub, opMul, opDiv, opMax:
		e.line("%s %s, %s, %s", simple[in.op], r[1], r[0], dst)
	case opRaise: // the bound is the first operand of the comparison, so that a NaN passes
		e.line("VMAXPS %s, %s, %s", r[0], r[1], dst)
	case opLower:
		e.line("VMINPS %s, %s, %s", r[0], r[1], dst)
	case opAddInt:
		e.line("VPADDD %s, %s, %s", r[1], r[0], dst)
	case opSubInt:
		e.line("VPSUBD %s, %s, %s", r[1], r[0], dst)
	case opAnd:
		e.line("%s %s, %s, %s", pick("VPANDD", "VPAND"), r[1], r[0], dst)
	case opOr:
		e.line("%s %s, %s, %s", pick("VPORD", "VPOR"), r[1], r[0], dst)
	case opXor:
		e.line("%s %s, %s, %s", pick("VPXORD", "VPXOR"), r[1], r[0], dst)
	case opSqrt:
		e.line("VSQRTPS %s, %s", r[0], dst)
	case opNearest:
		e.line("%s $8, %s, %s", pick("VRNDSCALEPS", "VROUNDPS"), r[0], dst)
	case opShiftLeft:
		e.line("VPSLLD $%d, %s, %s", in.imm, r[0], dst)
	case opShiftRight:
		e.line("VPSRLD $%d, %s, %s", in.imm, r[0], dst)
	case opFMA, opFNMA:
		m.fused(e, in.op, d, s)
	case opScale2:
		m.scale2(e, d, s)
	case opIfNaN:
		if m.wide {
			e.line("VCMPPS $3, %s, %s, K2", r[0], r[0])
			e.line("VBLENDMPS %s, %s, K2, %s", r[1], r[2], dst)
			return
		}
		e.scratch(1, func(t []int) {
			e.line("VCMPPS $3, %s, %s, Y%d", r[0], r[0], t[0])
			e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[1], r[2], dst)
		})
	case opNonzero:
		if m.wide {
			e.line("VCMPPS $4, %s, %s, K2", r[2], r[1])
			e.line("VMOVAPS.Z %s, K2, %s", r[0], dst)
			return
		}
		e.scratch(1, func(t []int) {
			e.line("VCMPPS $4, %s, %s, Y%d", r[2], r[1], t[0])
			e.line("VANDPS Y%d, %s, %s", t[0], r[0], dst)
		})
	case opPresent:
		if m.wide {
			e.line("VBLENDMPS %s, %s, K1, %s", r[0], r[1], dst)
			return
		}
		e.scratch(1, func(t []int) {
			m.mask(e, p, t[0])
			e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[0], r[1], dst)
		})
	case opSumTo:
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
	case opMaxTo:
		e.line("VMAXPS %s, %s, %s", r[1], r[0], r[0])
	case opNaNTo:
		if m.wide {
			e.line("VCMPPS $3, %s, %s, K2", r[1], r[1])
			e.line("VMOVAPS %s, K2, %s", r[1], r[0])
			return
		}
		e.scratch(1, func(t []int) {
			e.line("VCMPPS $3, %s, %s, Y%d", r[1], r[1], t[0])
			e.line("VBLENDVPS Y%d, %s, %s, %s", t[0], r[1], r[0], r[0])
		})
	case opSquareTo:
		e.scratch(2, func(t []int) {
			low, high := m.reg(t[0]), m.reg(t[1])
			if m.wide {
				e.line("VEXTRACTF64X4 $1, Z%d, Y%d", s[1], t[1])
				e.line("VCVTPS2PD Y%d, %s", s[1], low)
				e.line("VCVTPS2PD Y%d, %s", t[1], high)
			} else {
				e.line("VEXTRACTF128 $1, Y%d, X%d", s[1], t[1])
				e.line("VCVTPS2PD X%d, %s", s[1], low)
				e.line("VCVTPS2PD X%d, %s", t[1], high)
			}
			acc := in.src[0].regs[2*p:]
			e.noted("the product is exact", "VFMADD231PD %s, %s, %s", low, low, m.reg(acc[0]))
			e.line("VFMADD231PD %s, %s, %s", high, high, m.reg(acc[1]))
		})
	default:
		panic(fmt.Sprintf("operation %d on %s", in.op, m.suffix()))
	}
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

// scale2 is a*2^n. AVX2 multiplies by two powers, each a normal number for |n| ≤ 150: only the
// second product can leave the range of f32 and is rounded.
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
