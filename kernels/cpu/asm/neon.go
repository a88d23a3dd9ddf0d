package main

import "fmt"

// A neon is the vector extension of arm64.
type neon struct{}

func (neon) suffix() string { return "NEON" }
func (neon) parts() int     { return 4 }
func (neon) groups() []int  { return []int{4, 2, 1} }

func (neon) registers() (r []int) {
	for i := range 32 {
		r = append(r, i)
	}
	return r
}

func (neon) takes(o op, operand int) bool {
	switch o {
	case opFMA, opFNMA:
		return operand == 2
	case opScale2, opPresent:
		return operand == 0
	case opLoad, opTree, opTreeMax, opTree64, opPeek, opStart, opStart64, opMax, opIfNaN, opNonzero:
		return false
	}
	return true
}

func (neon) text(k *kernel, frame int) string {
	return fmt.Sprintf("TEXT ·%sNEON(SB), NOSPLIT, $%d-%d", k.name, frame, k.args)
}

// slotBytes is room for the tail of one array.
const slotBytes = 64

// frame returns a slot for each array of the loop that has most.
func (neon) frame(k *kernel) int {
	most := 0
	var walk func(list []*instr)
	walk = func(list []*instr) {
		for _, in := range list {
			if in.loop != nil {
				most = max(most, len(in.loop.arrays))
			}
			walk(in.body)
		}
	}
	walk(k.body)
	return slotBytes * most
}

// words are the instructions that the assembler does not know, by the name of their macro.
var words = []struct {
	name string
	code uint32
	note string
}{
	{"FADD4S", 0x4E20D400, "d = n + m"},
	{"FSUB4S", 0x4EA0D400, "d = n - m"},
	{"FMUL4S", 0x6E20DC00, "d = n * m"},
	{"FDIV4S", 0x6E20FC00, "d = n / m"},
	{"FMAX4S", 0x4E20F400, "d = max(n, m)"},
	{"FMIN4S", 0x4EA0F400, "d = min(n, m)"},
	{"FCMGT4S", 0x6EA0E400, "d = all ones where n > m, else 0"},
	{"FCMEQ4S", 0x4E20E400, "d = all ones where n = m, else 0"},
	{"BIC16B", 0x4E601C00, "d = n &^ m"},
	{"FADD2D", 0x4E60D400, "d = n + m in f64"},
}

// unary are those of one operand.
var unary = []struct {
	name string
	code uint32
	note string
}{
	{"FSQRT4S", 0x6EA1F800, "d = √n"},
	{"FRINTN4S", 0x4E218800, "d = n to the nearest integer, ties to even"},
	{"FCVTZS4S", 0x4EA1B800, "d = n as integers"},
	{"FCMEQZ4S", 0x4EA0D800, "d = all ones where n = 0, else 0"},
	{"HALVE4S", 0x4F3F0400, "d = n>>1 of signed integers"},
	{"SHLL4S", 0x2E613800, "d = the 4 lower 16-bit lanes of n, shifted left by 16"},
	{"XTN4H", 0x0E612800, "d = the lower halves of 4 lanes of n"},
	{"FCVTL2D", 0x0E617800, "d = the lower 2 lanes of n in f64"},
	{"FCVTL22D", 0x4E617800, "d = the upper 2 lanes of n in f64"},
	{"FADDP2D", 0x7E70D800, "d = the sum of both f64 of n"},
}

func (neon) header() string {
	s := `// R22 counts the elements left in a loop; R25 points to the struct of constants. The tail of a
// loop runs on copies in the frame, where R24 points to; R23 points to the mask of the lanes that
// exist.
`
	s += "\n// Instructions that the assembler does not know, on registers by number.\n"
	for _, w := range words {
		s += fmt.Sprintf("#define %s(m, n, d) WORD $(0x%08X | (m)<<16 | (n)<<5 | (d)) // %s\n", w.name, w.code, w.note)
	}
	for _, w := range unary {
		s += fmt.Sprintf("#define %s(n, d) WORD $(0x%08X | (n)<<5 | (d)) // %s\n", w.name, w.code, w.note)
	}
	return s + `
// COPYFULL copies R22 elements of f32, less than 16, from R10 to R11.
#define COPYFULL \
	TBZ    $3, R22, 5(PC);        \
	LDP.P  16(R10), (R12, R13);   \
	STP.P  (R12, R13), 16(R11);   \
	LDP.P  16(R10), (R12, R13);   \
	STP.P  (R12, R13), 16(R11);   \
	TBZ    $2, R22, 3(PC);        \
	LDP.P  16(R10), (R12, R13);   \
	STP.P  (R12, R13), 16(R11);   \
	TBZ    $1, R22, 3(PC);        \
	MOVD.P 8(R10), R12;           \
	MOVD.P R12, 8(R11);           \
	TBZ    $0, R22, 3(PC);        \
	MOVWU  (R10), R12;            \
	MOVW   R12, (R11)

// COPYHALF copies R22 elements of bf16, less than 16, from R10 to R11.
#define COPYHALF \
	TBZ     $3, R22, 3(PC);       \
	LDP.P   16(R10), (R12, R13);  \
	STP.P   (R12, R13), 16(R11);  \
	TBZ     $2, R22, 3(PC);       \
	MOVD.P  8(R10), R12;          \
	MOVD.P  R12, 8(R11);          \
	TBZ     $1, R22, 3(PC);       \
	MOVWU.P 4(R10), R12;          \
	MOVW.P  R12, 4(R11);          \
	TBZ     $0, R22, 3(PC);       \
	MOVHU   (R10), R12;           \
	MOVH    R12, (R11)
`
}

func (neon) tables() string {
	s := "\n"
	for i := range 8 {
		s += fmt.Sprintf("DATA lanesNEON<>+%d(SB)/8, $0xffffffffffffffff\n", 8*i)
	}
	return s + "GLOBL lanesNEON<>(SB), RODATA|NOPTR, $128\n"
}

func (neon) uniform(e *emitter, r int, s *source) {
	switch {
	case s.field != "":
		e.line("FMOVS %s(R25), F%d", s.field, r)
		e.line("VDUP V%d.S[0], V%d.S4", r, r)
	case s.arg != "":
		e.line("FMOVS %s+%d(FP), F%d", s.arg, e.k.param(s.arg).off, r)
		e.line("VDUP V%d.S[0], V%d.S4", r, r)
	case s.bits == 0:
		e.line("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r)
	default:
		e.line("MOVD $%#08x, R26", s.bits)
		e.line("VDUP R26, V%d.S4", r)
	}
}

func (neon) copy(e *emitter, d, s int) { e.line("VMOV V%d.B16, V%d.B16", s, d) }

// mask puts the mask of part p in the tail of a loop into r.
func (neon) mask(e *emitter, p, r int) {
	note := e.note
	e.noted("lanes that exist", "FMOVQ %s, F%d", at(16*p, "R23"), r)
	e.note = note
}
