package main

import "fmt"

// Tiles for panels of int8 weights, written apart from the others since a row of scales comes in
// every int8Run steps. A weight is widened to float32(q)*scale, rounded, and then multiplied as any
// f32.

const int8Run = 64 // tensor.Int8Run

// B is prefetched from memory farInt8 bytes ahead, and again, from wherever it has come to,
// nearInt8 before its turn.
const farInt8, nearInt8 = 16384, 2048

const tileInt8Doc = `// Tiles of int8 weights, %s. A tile of R rows and %d columns of C stays in
// registers while a step of the reduction, l = 0…k-1, widens a row of B, %d apart, and broadcasts
// an element of A for each row:
//
//	acc[r][j] = fma(a[r*rs+l], float32(b[l*%[3]d+j])*scales[l/%[4]d*%[3]d+j], acc[r][j])
//
// from 0, or from C to resume; then + bias, if there is one, then + C, if t.add. k is positive.
// The last function writes a panel as f32.
`

// int8File returns the assembly file of a machine's int8 tiles and of the function that widens a panel.
func int8File(suffix, name, notes string, cols int, rows []int,
	tile, widen func(t *tiler)) []byte {
	t := &tiler{}
	t.WriteString(generated + "\n//go:build !purego\n\n#include \"go_asm.h\"\n#include \"textflag.h\"\n\n")
	fmt.Fprintf(t, tileInt8Doc+notes, name, cols, 32, int8Run)
	for _, t.rows = range rows {
		fmt.Fprintf(t, "\n// func int8Tile%d%s(t *tile, c, a *float32, b *int8, bias, scales *float32)\n", t.rows,
			suffix)
		fmt.Fprintf(t, "TEXT ·int8Tile%d%s(SB), NOSPLIT, $0-48\n", t.rows, suffix)
		tile(t)
	}
	fmt.Fprintf(t, "\n// func widenInt8%s(dst *float32, b *int8, scales *float32, k int)\n", suffix)
	fmt.Fprintf(t, "TEXT ·widenInt8%s(SB), NOSPLIT, $0-32\n", suffix)
	widen(t)
	return []byte(t.String())
}

const int8X86Notes = `//
// AX tile, DI C, SI, R8…R10 rows 0, 3, 6, 9 of A and DX the bytes between rows, BX B, R12 scales,
// R13 bytes between rows of C. CX steps left of a run, R15 of all after it.
`

// int8X86 returns the assembly file of the int8 tiles of names, which are those of the instruction
// set called name.
func int8X86(names *isaNames, suffix, name string, cols int, rows []int) []byte {
	return int8File(suffix, name, int8X86Notes, cols, rows,
		func(t *tiler) { (&tileX86{t, names}).int8() }, func(t *tiler) { (&tileX86{t, names}).widenInt8() })
}

// widened leaves 2 registers of B, from off bytes on, in lo and hi.
func (t *tileX86) widened(off int) {
	one := t.bytes / 4 // bytes of B for a register
	t.line("VPMOVSXBD %s, %s", indexed(off, "BX", 0, "", ""), t.lo)
	t.line("VPMOVSXBD %s, %s", indexed(off+one, "BX", 0, "", ""), t.hi)
	t.line("VCVTDQ2PS %s, %[1]s", t.lo)
	t.line("VCVTDQ2PS %s, %[1]s", t.hi)
	t.line("VMULPS %s, %s, %[2]s", t.scaleLo, t.lo)
	t.line("VMULPS %s, %s, %[2]s", t.scaleHi, t.hi)
}

// run takes the steps of the next run from R15 to CX.
func (t *tileX86) run() {
	t.label("run")
	t.line("MOVQ $%d, CX", int8Run)
	t.line("CMPQ R15, CX")
	t.noted("the last run?", "CMOVQLT R15, CX")
	t.line("SUBQ CX, R15")
}

func (t *tileX86) scalesAt(off int) {
	t.noted("scales", "VMOVUPS %s, %s", indexed(off, "R12", 0, "", ""), t.scaleLo)
	t.line("VMOVUPS %s, %s", indexed(off+t.bytes, "R12", 0, "", ""), t.scaleHi)
}

func (t *tileX86) int8() {
	t.arguments()
	t.begin()
	t.rowsOfA()
	t.line("MOVQ scales+40(FP), R12")
	t.line("MOVQ CX, R15")
	t.run()
	t.scalesAt(0)
	t.line("ADDQ $128, R12")
	t.line("SUBQ $%d, CX", unroll)
	t.line("JLT  tail")
	t.line("PCALIGN $32")
	t.label("loop")
	for u := range unroll {
		t.int8Step(u)
		if u%2 == 1 {
			t.line("PREFETCHT2 %d(BX)", 32*(u-1)+farInt8)
			t.line("PREFETCHT0 %d(BX)", 32*(u-1)+nearInt8)
		}
	}
	t.int8Next(unroll)
	t.line("SUBQ $%d, CX", unroll)
	t.line("JGE  loop")
	t.label("tail")
	t.noted("steps left", "ADDQ $%d, CX", unroll)
	t.line("JZ   next")
	t.label("one")
	t.int8Step(0)
	t.int8Next(1)
	t.line("DECQ CX")
	t.line("JNZ  one")
	t.label("next")
	t.line("TESTQ R15, R15")
	t.line("JNZ  run")
	t.finish()
}

func (t *tileX86) int8Step(u int) {
	t.note = fmt.Sprintf("step %d: a row of B", u)
	t.widened(32 * u)
	t.multiply(false, u, false)
}

func (t *tileX86) int8Next(n int) {
	for _, b := range t.bases() {
		t.line("ADDQ $%d, %s", 4*n, b)
	}
	t.line("ADDQ $%d, BX", 32*n)
}

// widenInt8 writes f32, register by register of a panel's row.
func (t *tileX86) widenInt8() {
	t.line("MOVQ dst+0(FP), DI")
	t.line("MOVQ b+8(FP), BX")
	t.line("MOVQ scales+16(FP), R12")
	t.line("MOVQ k+24(FP), R15")
	t.run()
	t.label("step")
	for j := 0; j < 128; j += 2 * t.bytes {
		t.scalesAt(j)
		t.widened(j / 4)
		t.line("VMOVUPS %s, %s", t.lo, indexed(j, "DI", 0, "", ""))
		t.line("VMOVUPS %s, %s", t.hi, indexed(j+t.bytes, "DI", 0, "", ""))
	}
	t.line("ADDQ $32, BX")
	t.line("ADDQ $128, DI")
	t.line("DECQ CX")
	t.line("JNZ  step")
	t.line("ADDQ $128, R12")
	t.line("TESTQ R15, R15")
	t.line("JNZ  run")
	t.line("VZEROUPPER")
	t.line("RET")
}

const int8NEONNotes = `//
// R0 tile, R1 C, R2 B, R3 scales, R4… rows of A, R10 steps left of a run and R11 of all, R12 bytes
// between rows of C. V20…V23 scales, V24…V27 a row of B, V28 an element of A, a row r of the tile
// in V(4r)…V(4r+3).
`

func int8NEON() []byte {
	return int8File("NEON", "NEON", int8NEONNotes, 16, []int{4, 2, 1},
		func(t *tiler) { tileNEON{t}.int8() }, func(t *tiler) { tileNEON{t}.widenInt8() })
}

// word writes an instruction that Go's assembler has no name for.
func (t tileNEON) word(code int, text string, args ...any) {
	t.line("WORD $%#08x // %s", code, fmt.Sprintf(text, args...))
}

// widened leaves the 16 int8 in V29, times the scales in V20…V23, in V24…V27.
func (t tileNEON) widened() {
	t.word(0x0f08a400|29<<5|30, "SXTL V30.8H, V29.8B")
	t.word(0x4f08a400|29<<5|29, "SXTL2 V29.8H, V29.16B")
	for i, from := range []int{30, 30, 29, 29} {
		d := 24 + i
		if i%2 == 0 {
			t.word(0x0f10a400|from<<5|d, "SXTL V%d.4S, V%d.4H", d, from)
		} else {
			t.word(0x4f10a400|from<<5|d, "SXTL2 V%d.4S, V%d.8H", d, from)
		}
	}
	for d := 24; d < 28; d++ {
		t.word(0x4e21d800|d<<5|d, "SCVTF V%d.4S, V%[1]d.4S", d)
	}
	for d := 24; d < 28; d++ {
		t.word(0x6e20dc00|(d-4)<<16|d<<5|d, "FMUL V%d.4S, V%[1]d.4S, V%d.4S", d, d-4)
	}
}

// run takes the steps of the next run from R11 to R10.
func (t tileNEON) run() {
	t.label("run")
	t.line("MOVD $%d, R10", int8Run)
	t.line("CMP  R10, R11")
	t.noted("the last run?", "CSEL LT, R11, R10, R10")
	t.line("SUB  R10, R11")
}

func (t tileNEON) int8() {
	t.begin()
	t.rowsOfA()
	t.line("MOVD scales+40(FP), R3")
	t.run()
	t.line("VLD1 (R3), %s", quad(20))
	t.line("ADD  $128, R3")
	t.label("step")
	t.noted("a row of B", "VLD1 (R2), [V29.B16]")
	t.line("ADD  $32, R2")
	t.widened()
	t.multiply(false)
	t.line("SUBS $1, R10")
	t.line("BNE  step")
	t.line("CBNZ R11, run")
	t.finish()
}

func (t tileNEON) widenInt8() {
	t.line("MOVD dst+0(FP), R1")
	t.line("MOVD b+8(FP), R2")
	t.line("MOVD scales+16(FP), R3")
	t.line("MOVD k+24(FP), R11")
	t.run()
	t.label("step")
	t.line("MOVD R3, R4")
	for range 2 {
		t.line("VLD1.P 64(R4), %s", quad(20))
		t.line("VLD1.P 16(R2), [V29.B16]")
		t.widened()
		t.line("VST1.P %s, 64(R1)", quad(24))
	}
	t.line("SUBS $1, R10")
	t.line("BNE  step")
	t.line("MOVD R4, R3")
	t.line("CBNZ R11, run")
	t.line("RET")
}
