package main

import "fmt"

const quadsNEONDoc = `// Tiles of bf16 with BFMMLA, for NEON with BF16. A tile of R rows
// and 32 columns of C goes through registers eight columns at a time:
//
//	c[r*32+j] += Σ a[l][r][i] * b[l][j][i]   for l = 0…q-1 and i = 0…3
//
// a is [q][R][4] and b [q][32][4]. BFMMLA takes two rows and two columns; a register of C holds
// their four elements.
//
// R0 C, R1 A, R2 B of the block of columns, R3 q, R4 blocks left, R5…R8 walk. V0…V15 C, V16…V19 A,
// V20…V23 B.
`

// quadsNEON returns the assembly file of the tiles, one function for each number of rows.
func quadsNEON() []byte {
	t := &tiler{}
	t.WriteString(generated + "\n//go:build !purego\n\n#include \"textflag.h\"\n\n" + quadsNEONDoc)
	for _, t.rows = range []int{8, 4, 2} {
		fmt.Fprintf(t, "\n// func quads%dNEON(c, a, b *float32, q int)\n", t.rows)
		fmt.Fprintf(t, "TEXT ·quads%dNEON(SB), NOSPLIT, $0-32\n", t.rows)
		t.quads()
	}
	return []byte(t.String())
}

// zips are the instructions that join the lower and the upper halves of two registers.
var zips = [2]string{"VZIP1", "VZIP2"}

// zip returns the instruction that joins halves of a and b in d: the lower ones for 0, the upper
// ones for 1.
func zip(upper, a, b, d int) string {
	return fmt.Sprintf("%s V%d.D2, V%d.D2, V%d.D2", zips[upper], b, a, d)
}

func (t *tiler) quads() {
	pairs := t.rows / 2
	for i, arg := range []string{"c", "a", "b", "q"} {
		t.line("MOVD %s+%d(FP), R%d", arg, 8*i, i)
	}
	t.line("MOVD $4, R4")
	t.label("block")
	t.line("MOVD R0, R5")
	for p := range pairs {
		t.noted(fmt.Sprintf("rows %d and %d of C", 2*p, 2*p+1), "VLD1 (R5), [V16.S4, V17.S4]")
		t.line("ADD  $128, R5")
		t.line("VLD1 (R5), [V18.S4, V19.S4]")
		t.line("ADD  $128, R5")
		for j := range 4 {
			t.line("%s", zip(j%2, 16+j/2, 18+j/2, 4*p+j))
		}
	}
	t.line("MOVD R1, R6")
	t.line("MOVD R2, R7")
	t.line("MOVD R3, R8")
	t.label("loop")
	t.noted("four steps of eight columns", "VLD1 (R7), %s", quad(20))
	t.line("ADD  $256, R7")
	regs := []string{"", "[V16.S4]", "[V16.S4, V17.S4]", "", quad(16)}[pairs]
	t.noted("and of the rows", "VLD1.P %d(R6), %s", 16*pairs, regs)
	for p := range pairs {
		for j := range 4 {
			t.line("WORD $%#08x // BFMMLA V%d.4S, V%d.8H, V%d.8H", 0x6e40ec00|(20+j)<<16|(16+p)<<5|(4*p+j), 4*p+j, 16+p,
				20+j)
		}
	}
	t.line("SUBS $1, R8")
	t.line("BNE  loop")
	t.line("MOVD R0, R5")
	for p := range pairs {
		for r := range 2 {
			t.noted(fmt.Sprintf("row %d", 2*p+r), "%s", zip(r, 4*p, 4*p+1, 16))
			t.line("%s", zip(r, 4*p+2, 4*p+3, 17))
			t.line("VST1 [V16.S4, V17.S4], (R5)")
			t.line("ADD  $128, R5")
		}
	}
	t.noted("the next eight columns", "ADD  $32, R0")
	t.line("ADD  $64, R2")
	t.line("SUBS $1, R4")
	t.line("BNE  block")
	t.line("RET")
}
