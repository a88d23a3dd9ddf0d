package main

import "fmt"

// A tileNEON writes tiles of 16 columns, four registers per row.
type tileNEON struct{ *tiler }

const tileNEONNotes = `//
// R0 tile, R1 C, R2 B and R3 the bytes between its rows, R4…R9 rows of A, or R4 columns of A and
// R10 the bytes between its steps. R11 steps left, R12 bytes between rows of C. V24…V27 a row of B,
// V28 an element of A, V29 the mask of the upper half of a word, a row r of the tile in
// V(4r)…V(4r+3).
`

func tilesNEON() []byte {
	return tileFile("NEON", "NEON", tileNEONNotes, 16, []int{6, 4, 2, 1}, func(t *tiler) { tileNEON{t}.body() })
}

// quad returns four registers from V(r) on, as loads and stores name them.
func quad(r int) string { return fmt.Sprintf("[V%d.S4, V%d.S4, V%d.S4, V%d.S4]", r, r+1, r+2, r+3) }

// begin loads the arguments and sets the chains to 0 or to C.
func (t tileNEON) begin() {
	t.line("MOVD t+0(FP), R0")
	t.line("MOVD c+8(FP), R1")
	t.line("MOVD a+16(FP), R4")
	t.line("MOVD b+24(FP), R2")
	for _, s := range [][2]string{{"ldb", "R3"}, {"ldc", "R12"}} {
		t.line("MOVD tile_%s(R0), %s", s[0], s[1])
		t.line("LSL  $2, %s", s[1])
	}
	t.line("MOVD tile_k(R0), R11")
	t.noted("does the chain start from C?", "MOVBU tile_resume(R0), R13")
	t.line("CBNZ R13, resume")
	for r := range 4 * t.rows {
		t.line("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r)
	}
	t.line("JMP  chosen")
	t.label("resume")
	t.line("MOVD R1, R13")
	for r := range t.rows {
		t.noted(fmt.Sprintf("row %d", r), "VLD1 (R13), %s", quad(4*r))
		t.line("ADD  R12, R13")
	}
	t.label("chosen")
}

func (t tileNEON) body() {
	t.begin()
	t.noted("no steps?", "CBZ  R11, bias")
	t.noted("is B pairs of bf16?", "MOVD mode+40(FP), R13")
	t.line("CMP  $const_paired, R13")
	t.line("BEQ  pairs")
	t.reduction("whole")
	t.label("pairs")
	t.noted("the upper halves", "VMOVI $255, V29.B16")
	t.line("%s", shiftWord(29, 29))
	t.reduction("pairs")
	t.finish()
}

// reduction writes the two forms of the loop: over rows of A in memory and over columns.
func (t tileNEON) reduction(kind string) {
	t.line("MOVD tile_ks(R0), R10")
	t.noted("are steps of A side by side?", "CMP  $1, R10")
	t.line("BNE  %sCols", kind)
	t.rowsOfA()
	t.loop(kind, kind, false)
	t.label(kind + "Cols")
	t.noted("bytes between steps of A", "LSL  $2, R10")
	t.line("SUB  $%d, R10", 4*t.rows)
	t.loop(kind+"Cols", kind, true)
}

func (t tileNEON) loop(name, kind string, cols bool) {
	t.label(name + "Loop")
	steps := 1
	if kind == "pairs" {
		steps = 2
	}
	for u := range steps {
		t.noted("a row of B", "VLD1 (R2), %s", quad(24))
		for j := 24; kind == "pairs" && j < 28; j++ {
			if u == 0 {
				t.line("VAND V29.B16, V%d.B16, V%d.B16", j, j)
			} else {
				t.line("%s", shiftWord(j, j))
			}
		}
		for r := range t.rows {
			from := fmt.Sprintf("R%d", 4+r)
			if cols {
				from = "R4"
			}
			t.noted(fmt.Sprintf("row %d", r), "VLD1R.P 4(%s), [V28.S4]", from)
			for j := range 4 {
				t.line("VFMLA V%d.S4, V28.S4, V%d.S4", 24+j, 4*r+j)
			}
		}
		if cols {
			t.line("ADD  R10, R4")
		}
	}
	t.line("ADD  R3, R2")
	t.line("SUBS $%d, R11", steps)
	t.line("BNE  %sLoop", name)
	t.line("JMP  bias")
}

// rowsOfA points R4… to rows of A.
func (t tileNEON) rowsOfA() {
	if t.rows > 1 {
		t.line("MOVD tile_rs(R0), R13")
		t.noted("bytes between rows of A", "LSL  $2, R13")
		for r := range t.rows - 1 {
			t.line("ADD  R13, R%d, R%d", 4+r, 5+r)
		}
	}
}

// multiply adds the row of B in V24… times the next elements of A to the chains.
func (t tileNEON) multiply(cols bool) {
	for r := range t.rows {
		from := fmt.Sprintf("R%d", 4+r)
		if cols {
			from = "R4"
		}
		t.noted(fmt.Sprintf("row %d", r), "VLD1R.P 4(%s), [V28.S4]", from)
		for j := range 4 {
			t.line("VFMLA V%d.S4, V28.S4, V%d.S4", 24+j, 4*r+j)
		}
	}
}

// shiftWord returns SHL #16: the lower half of every word of V(from) goes up.
func shiftWord(from, to int) string {
	return fmt.Sprintf("VSHL $16, V%d.S4, V%d.S4", from, to)
}

// finish adds bias and C and writes the tile.
func (t tileNEON) finish() {
	add := func(r int) {
		for j := range 4 {
			d := 4*r + j
			t.line("WORD $%#08x // FADD V%d.4S, V%d.4S, V%d.4S", 0x4e20d400|(24+j)<<16|d<<5|d, d, d, 24+j)
		}
	}
	t.label("bias")
	t.line("MOVD bias+32(FP), R13")
	t.noted("is there a bias?", "CBZ  R13, add")
	t.line("VLD1 (R13), %s", quad(24))
	for r := range t.rows {
		add(r)
	}
	t.label("add")
	t.noted("is C added?", "MOVBU tile_add(R0), R13")
	t.line("CBZ  R13, store")
	t.line("MOVD R1, R13")
	for r := range t.rows {
		t.noted(fmt.Sprintf("row %d", r), "VLD1 (R13), %s", quad(24))
		t.line("ADD  R12, R13")
		add(r)
	}
	t.label("store")
	for r := range t.rows {
		t.noted(fmt.Sprintf("row %d", r), "VST1 %s, (R1)", quad(4*r))
		t.line("ADD  R12, R1")
	}
	t.line("RET")
}
