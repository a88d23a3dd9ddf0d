package main

import (
	"fmt"
	"math/bits"
)

// A tileX86 writes the tiles of AVX-512, 32 columns with masks for the last ones, or those of AVX2,
// 16 columns.
type tileX86 struct {
	*tiler
	*isaNames
}

// isaNames are the registers and instructions of tiles that AVX-512 and AVX2 name differently.
type isaNames struct {
	wide             bool   // AVX-512
	letter           string // of a register
	bytes            int    // of a register
	lo, hi           string // a row of B
	one              string // an element of A, in all lanes
	upper            string // the mask of the upper half of a word
	scaleLo, scaleHi string // a row of scales of int8 weights
	xor, and         string
}

var (
	namesAVX512 = &isaNames{wide: true, letter: "Z", bytes: 64, lo: "Z30", hi: "Z31", one: "Z29", upper: "Z28",
		scaleLo: "Z27", scaleHi: "Z28", xor: "VPXORD", and: "VPANDD"}
	namesAVX2 = &isaNames{letter: "Y", bytes: 32, lo: "Y13", hi: "Y14", one: "Y15", upper: "Y12",
		scaleLo: "Y11", scaleHi: "Y12", xor: "VXORPS", and: "VPAND"}
)

const tileX86Notes = `//
// AX tile, DI C, SI, R8…R10 rows 0, 3, 6, 9 of A and DX the bytes between rows; or SI columns of A
// and R11, R8 the bytes of one and three steps. BX B, R14 where it is prefetched, R12, R15 the bytes
// of one and three of its rows. R13 bytes between rows of C, CX steps left. With mode
// paired, the last register but three masks the upper half of a word. Over rows of A, modes whole and
// dots prefetch a line at R11 for each step, too: see fetch.
`

// tilesAVX512 returns the assembly file of the tiles for AVX-512.
func tilesAVX512() []byte {
	notes := tileX86Notes + "// K1 and K2 mask the columns from t.n on: in C and bias always, in B with mode ragged.\n"
	return tileFile("AVX512", "AVX-512", notes, 32, []int{12, 8, 4, 2, 1},
		func(t *tiler) { (&tileX86{t, namesAVX512}).body() })
}

// tilesAVX2 returns the assembly file of the tiles for AVX2.
func tilesAVX2() []byte {
	return tileFile("AVX2", "AVX2 and FMA", tileX86Notes, 16, []int{6, 4, 2, 1},
		func(t *tiler) { (&tileX86{t, namesAVX2}).body() })
}

// reg returns the name of register r.
func (t *tileX86) reg(r int) string { return fmt.Sprintf("%s%d", t.letter, r) }

// acc returns the registers of a row.
func (t *tileX86) acc(r int) (lo, hi string) { return t.reg(2 * r), t.reg(2*r + 1) }

// bases returns the registers that point to every third row of A.
func (t *tileX86) bases() []string { return []string{"SI", "R8", "R9", "R10"}[:(t.rows+2)/3] }

// load reads two registers at addr, masked if the machine has masks and they are needed.
func (t *tileX86) load(addr, lo, hi string, masked bool) {
	if t.wide && masked {
		t.line("VMOVUPS.Z (%s), K1, %s", addr, lo)
		t.line("VMOVUPS.Z 64(%s), K2, %s", addr, hi)
		return
	}
	t.line("VMOVUPS (%s), %s", addr, lo)
	t.line("VMOVUPS %d(%s), %s", t.bytes, addr, hi)
}

func (t *tileX86) store(addr, lo, hi string) {
	if t.wide {
		t.line("VMOVUPS %s, K1, (%s)", lo, addr)
		t.line("VMOVUPS %s, K2, 64(%s)", hi, addr)
		return
	}
	t.line("VMOVUPS %s, (%s)", lo, addr)
	t.line("VMOVUPS %s, %d(%s)", hi, t.bytes, addr)
}

// short skips what follows in a tile of few steps, whose C is near.
func (t *tileX86) short() {
	t.noted("a short one?", "CMPQ CX, $256")
	t.line("JLT  chosen")
}

func (t *tileX86) fetch(n int, note string) {
	for r := range n {
		t.note = fmt.Sprintf(note, r)
		for off := 0; off < 2*t.bytes; off += 64 {
			t.line("PREFETCHT0 %s", indexed(off, "R14", 0, "", ""))
		}
		t.line("ADDQ R13, R14")
	}
}

// begin sets the chains to 0 or to C.
func (t *tileX86) begin() {
	t.noted("does the chain start from C?", "CMPB tile_resume(AX), $0")
	t.line("JNE  resume")
	for r := range t.rows {
		lo, hi := t.acc(r)
		for _, v := range []string{lo, hi} {
			t.line("%s %s, %s, %s", t.xor, v, v, v)
		}
	}
	if t.rows > 4 {
		t.short()
		t.line("MOVQ DI, R14")
		t.fetch(t.rows, "row %d of C, to be written")
	}
	t.line("JMP  chosen")
	t.label("resume")
	t.line("MOVQ DI, R14")
	for r := range t.rows {
		lo, hi := t.acc(r)
		t.note = fmt.Sprintf("row %d", r)
		t.load("R14", lo, hi, true)
		t.line("ADDQ R13, R14")
	}
	if t.rows > 4 {
		t.short()
		t.fetch(t.rows, "row %d of the next tile")
	}
	t.label("chosen")
}

func (t *tileX86) body() {
	t.arguments()
	t.begin()
	t.line("MOVQ R12, R14")
	t.noted(fmt.Sprintf("%d rows of B ahead", t.ahead()), "SHLQ $%d, R14", bits.TrailingZeros(uint(t.ahead())))
	t.line("MOVQ R12, R11")
	t.noted("4, if they lie far apart, in few sets of the cache", "SHLQ $2, R11")
	t.line("CMPQ R12, $1024")
	t.line("CMOVQGT R11, R14")
	t.line("ADDQ BX, R14")
	t.line("MOVQ mode+40(FP), DX")
	t.noted("no steps?", "TESTQ CX, CX")
	t.line("JZ   bias")
	kinds := []string{"whole"}
	if t.wide {
		t.noted("may memory end within a row of B?", "CMPQ DX, $const_ragged")
		t.line("JEQ  ragged")
		kinds = append(kinds, "ragged")
	}
	if t.smallM() {
		t.noted("is B pairs of bf16?", "CMPQ DX, $const_paired")
		t.line("JEQ  pairs")
		kinds = append(kinds, "pairs")
	}
	if t.wide {
		t.noted("and A, too?", "CMPQ DX, $const_dots")
		t.line("JEQ  dots")
		kinds = append(kinds, "dots")
	}
	for i, kind := range kinds {
		if i > 0 {
			t.label(kind)
		}
		t.reduction(kind)
	}
	t.finish()
}

// smallM reports whether tiles of these rows also take B as pairs of bf16 beside an A of f32: with
// few rows the cost of widening is less than that of memory.
func (t *tileX86) smallM() bool { return t.rows <= 8 }

// ahead returns how many rows of B are prefetched: more if memory is all that a tile waits for.
func (t *tileX86) ahead() int {
	if t.smallM() {
		return 64
	}
	return 32
}

func (t *tileX86) arguments() {
	t.line("MOVQ t+0(FP), AX")
	t.line("MOVQ c+8(FP), DI")
	t.line("MOVQ a+16(FP), SI")
	t.line("MOVQ b+24(FP), BX")
	for _, s := range [][2]string{{"ldb", "R12"}, {"ldc", "R13"}} {
		t.line("MOVQ tile_%s(AX), %s", s[0], s[1])
		t.line("SHLQ $2, %s", s[1])
	}
	t.noted("three rows of B", "LEAQ (R12)(R12*2), R15")
	if t.wide {
		t.noted("masks of the columns", "MOVQ tile_n(AX), CX")
		t.line("MOVQ $1, R14")
		t.line("SHLQ CX, R14")
		t.line("DECQ R14")
		t.line("KMOVW R14, K1")
		t.line("SHRQ $16, R14")
		t.line("KMOVW R14, K2")
	}
	t.line("MOVQ tile_k(AX), CX")
}

// reduction writes the two forms of the loop: over rows of A in memory and over columns.
func (t *tileX86) reduction(kind string) {
	t.noted("are steps of A side by side?", "CMPQ tile_ks(AX), $1")
	t.line("JNE  %sCols", kind)
	t.rowsOfA()
	t.loop(kind, false)
	t.label(kind + "Cols")
	t.line("MOVQ tile_ks(AX), R11")
	t.noted("bytes between steps of A", "SHLQ $2, R11")
	t.noted("three steps", "LEAQ (R11)(R11*2), R8")
	t.loop(kind+"Cols", true)
}

func (t *tileX86) loop(name string, cols bool) {
	kind := name
	if cols {
		kind = name[:len(name)-len("Cols")]
	}
	least := 1 // steps that are taken together
	if kind == "pairs" {
		least = 2
		t.noted("the upper halves", "%s", t.ones(t.upper))
		t.line("VPSLLD $16, %s, %s", t.upper, t.upper)
	}
	next := func(n int) {
		if cols {
			t.line("LEAQ (SI)(R11*%d), SI", n)
		} else {
			for _, b := range t.bases() {
				t.line("ADDQ $%d, %s", 4*n, b)
			}
		}
		t.line("LEAQ (BX)(R12*%d), BX", n/least)
		t.line("LEAQ (R14)(R12*%d), R14", n/least)
	}
	if t.fetches(kind, cols) {
		t.line("MOVQ (tile_fetch+fetch_at)(AX), R11")
		t.noted("nothing to prefetch?", "TESTQ R11, R11")
		t.line("CMOVQEQ BX, R11")
	}
	t.line("SUBQ $%d, CX", unroll)
	t.line("JLT  %sTail", name)
	t.line("PCALIGN $32")
	t.label(name + "Loop")
	for u := range unroll {
		t.step(kind, cols, u)
	}
	next(unroll)
	t.line("SUBQ $%d, CX", unroll)
	t.line("JGE  %sLoop", name)
	t.label(name + "Tail")
	t.noted("steps left", "ADDQ $%d, CX", unroll)
	t.line("JZ   bias")
	t.label(name + "One")
	for u := range least {
		t.step(kind, cols, u)
	}
	next(least)
	t.line("SUBQ $%d, CX", least)
	t.line("JNZ  %sOne", name)
	t.line("JMP  bias")
}

// fetches reports whether a loop prefetches what the tile names, which tiles of few rows have no time
// for.
func (t *tileX86) fetches(kind string, cols bool) bool {
	return t.rows >= 4 && !cols && (kind == "whole" || kind == "dots")
}

// ones sets all bits of a register.
func (t *tileX86) ones(r string) string {
	if t.wide {
		return fmt.Sprintf("VPTERNLOGD $0xff, %s, %s, %s", r, r, r)
	}
	return fmt.Sprintf("VPCMPEQD %s, %s, %s", r, r, r)
}

// indexed returns disp(base) plus u times the register one; three holds three times one.
func indexed(disp int, base string, u int, one, three string) string {
	s := fmt.Sprintf("(%s)", base)
	if disp != 0 {
		s = fmt.Sprint(disp) + s
	}
	switch u {
	case 1, 2:
		s += fmt.Sprintf("(%s*%d)", one, u)
	case 3:
		s += fmt.Sprintf("(%s*1)", three)
	}
	return s
}

// step writes step u of a round.
func (t *tileX86) step(kind string, cols bool, u int) {
	lo, hi := t.lo, t.hi
	row := u
	if kind == "pairs" {
		row = u / 2
	}
	b := func(off int) string { return indexed(off, "BX", row, "R12", "R15") }
	t.note = fmt.Sprintf("step %d: a row of B", u)
	switch {
	case kind == "pairs" && u%2 == 0:
		t.line("%s %s, %s, %s", t.and, b(0), t.upper, lo)
		t.line("%s %s, %s, %s", t.and, b(t.bytes), t.upper, hi)
	case kind == "pairs" && t.wide:
		t.line("VPSLLD $16, %s, %s", b(0), lo)
		t.line("VPSLLD $16, %s, %s", b(t.bytes), hi)
	case kind == "ragged":
		t.line("VMOVUPS.Z %s, K1, %s", b(0), lo)
		t.line("VMOVUPS.Z %s, K2, %s", b(64), hi)
	default:
		t.line("VMOVUPS %s, %s", b(0), lo)
		t.line("VMOVUPS %s, %s", b(t.bytes), hi)
	}
	if kind == "pairs" && u%2 == 1 && !t.wide {
		t.line("VPSLLD $16, %s, %s", lo, lo)
		t.line("VPSLLD $16, %s, %s", hi, hi)
	}
	for off := 0; kind != "ragged" && (kind != "pairs" || u%2 == 0) && off < 2*t.bytes; off += 64 {
		t.line("PREFETCHT0 %s", indexed(off, "R14", row, "R12", "R15"))
	}
	if t.fetches(kind, cols) {
		t.line("PREFETCHT1 (R11)")
		t.line("ADDQ (tile_fetch+fetch_step)(AX), R11")
	}
	t.multiply(cols, u, kind == "dots")
}

// multiply adds a row of B times the elements of A at step u of a round to the chains. dots says
// that both are pairs.
func (t *tileX86) multiply(cols bool, u int, dots bool) {
	for r := range t.rows {
		addr := indexed(4*r, "SI", u, "R11", "R8")
		if !cols {
			addr = indexed(4*u, t.bases()[r/3], r%3, "DX", "")
		}
		lo, hi := t.acc(r)
		t.noted(fmt.Sprintf("row %d", r), "VBROADCASTSS %s, %s", addr, t.one)
		if dots {
			t.line("%s", dot(t.lo, t.one, lo))
			t.line("%s", dot(t.hi, t.one, hi))
			continue
		}
		t.line("VFMADD231PS %s, %s, %s", t.lo, t.one, lo)
		t.line("VFMADD231PS %s, %s, %s", t.hi, t.one, hi)
	}
}

// rowsOfA points the bases to rows of A and DX to the bytes between rows.
func (t *tileX86) rowsOfA() {
	t.line("MOVQ tile_rs(AX), DX")
	t.noted("bytes between rows of A", "SHLQ $2, DX")
	if t.rows > 3 {
		t.noted("three rows", "LEAQ (DX)(DX*2), R11")
		for i, b := range t.bases()[1:] {
			t.line("LEAQ (%s)(R11*1), %s", t.bases()[i], b)
		}
	}
}

// dot returns VDPBF16PS, which Go's assembler does not know: every word of d gains the product of
// the upper halves of a and b, then that of the lower ones, each by a fused multiply-add.
func dot(a, b, d string) string {
	var n [3]int
	for i, r := range []string{a, b, d} {
		fmt.Sscanf(r, "Z%d", &n[i])
	}
	x, y, z := n[0], n[1], n[2]
	not := func(r, bit int) int { return (r>>bit&1 ^ 1) }
	p0 := not(z, 3)<<7 | not(x, 4)<<6 | not(x, 3)<<5 | not(z, 4)<<4 | 2
	p1 := (^y&15)<<3 | 4 | 2
	p2 := 2<<5 | not(y, 4)<<3
	return fmt.Sprintf("BYTE $0x62; BYTE $%#02x; BYTE $%#02x; BYTE $%#02x; BYTE $0x52; BYTE $%#02x"+
		" // VDPBF16PS %s, %s, %s",
		p0, p1, p2, 0xc0|z&7<<3|x&7, a, b, d)
}

// finish adds bias and C and writes the tile.
func (t *tileX86) finish() {
	t.label("bias")
	t.line("MOVQ bias+32(FP), R14")
	t.noted("is there a bias?", "TESTQ R14, R14")
	t.line("JZ   add")
	t.load("R14", t.lo, t.hi, true)
	for r := range t.rows {
		lo, hi := t.acc(r)
		t.line("VADDPS %s, %s, %s", t.lo, lo, lo)
		t.line("VADDPS %s, %s, %s", t.hi, hi, hi)
	}
	t.label("add")
	t.noted("is C added?", "CMPB tile_add(AX), $0")
	t.line("JEQ  store")
	t.line("MOVQ DI, R14")
	for r := range t.rows {
		lo, hi := t.acc(r)
		t.note = fmt.Sprintf("row %d", r)
		t.load("R14", t.lo, t.hi, true)
		t.line("VADDPS %s, %s, %s", t.lo, lo, lo)
		t.line("VADDPS %s, %s, %s", t.hi, hi, hi)
		t.line("ADDQ R13, R14")
	}
	t.label("store")
	for r := range t.rows {
		lo, hi := t.acc(r)
		t.note = fmt.Sprintf("row %d", r)
		t.store("DI", lo, hi)
		t.line("ADDQ R13, DI")
	}
	t.line("VZEROUPPER")
	t.line("RET")
}
