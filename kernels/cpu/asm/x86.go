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

// takes reports whether the result may take the register of an operand: whether the first
// instruction that writes it is the last to read the operand.
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

// frame returns room for the tails of slices of bf16, which AVX2 cannot mask.
func (m *x86) frame(k *kernel) int {
	if m.wide {
		return 0
	}
	return halfBytes * len(k.halfSlices())
}

// halfBytes is room for the tail of one slice of bf16.
const halfBytes = 32

// halfSlices returns the slices of bf16.
func (k *kernel) halfSlices() (list []*param) {
	for _, p := range k.params {
		if p.elem() == 2 {
			list = append(list, p)
		}
	}
	return list
}

// halfTail returns where part p of the tail of a slice of bf16 lies in the frame.
func (m *x86) halfTail(k *kernel, a *param, p int) string {
	return fmt.Sprintf("tail-%d(SP)", m.frame(k)-halfBytes*slices.Index(k.halfSlices(), a)-16*p)
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

// at returns an address in assembly.
func at(off int, base string) string {
	if off == 0 {
		return "(" + base + ")"
	}
	return fmt.Sprintf("%d(%s)", off, base)
}
