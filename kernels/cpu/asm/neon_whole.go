package main

import "fmt"

func (m neon) whole(e *emitter, in *instr) {
	var d []int
	if in.dst != nil {
		d = in.dst.regs
	}
	var s [][]int
	for _, v := range in.src {
		s = append(s, v.regs)
	}
	switch in.op {
	case opStart:
		for _, r := range d {
			m.copy(e, r, s[0][0])
		}
	case opStart64:
		for _, r := range d {
			e.line("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r)
		}
	case opTree:
		m.tree(e, d[0], s[0], func(note string, a, b, d int) {
			e.noted(note, "FADD4S(%d, %d, %d)", b, a, d)
		})
	case opTreeMax:
		m.tree(e, d[0], s[0], func(note string, a, b, d int) {
			e.scratch(1, func(t []int) {
				e.line("FCMGT4S(%d, %d, %d)", b, a, t[0])
				e.noted(note, "VBSL V%d.B16, V%d.B16, V%d.B16", b, a, t[0])
				m.copy(e, d, t[0])
			})
		})
	case opTree64:
		r := s[0]
		e.scratch(2, func(t []int) {
			e.noted("lanes 8 apart", "FADD2D(%d, %d, %d)", r[4], r[0], d[0])
			e.line("FADD2D(%d, %d, %d)", r[6], r[2], t[0])
			e.noted("4 apart", "FADD2D(%d, %d, %d)", t[0], d[0], d[0])
			e.line("FADD2D(%d, %d, %d)", r[5], r[1], t[0])
			e.line("FADD2D(%d, %d, %d)", r[7], r[3], t[1])
			e.line("FADD2D(%d, %d, %d)", t[1], t[0], t[0])
			e.noted("2 apart", "FADD2D(%d, %d, %d)", t[0], d[0], d[0])
			e.noted("1 apart", "FADDP2D(%d, %d)", d[0], d[0])
		})
	case opPeek, opPoke:
		base, inRow := e.row[in.param]
		if note := e.note; !inRow {
			base = "R26"
			e.noted(in.param.name, "MOVD %s_base+%d(FP), %s", in.param.name, in.param.off, base)
			e.note = note
		}
		if in.op == opPoke {
			e.line("FMOVS F%d, %s", s[0][0], at(in.imm, base))
			return
		}
		e.line("FMOVS %s, F%d", at(in.imm, base), d[0])
		e.line("VDUP V%d.S[0], V%d.S4", d[0], d[0])
	case opReturn:
		e.line("FMOVS F%d, %s+%d(FP)", s[0][0], in.param.name, in.param.off)
	case opReturn64:
		e.line("FMOVD F%d, %s+%d(FP)", s[0][0], in.param.name, in.param.off)
	case opAssign:
		m.copy(e, s[0][0], s[1][0])
	}
}

// tree combines the lanes of an accumulator into lane 0 of d: lanes 8 apart, then 4, 2 and 1.
func (m neon) tree(e *emitter, d int, s []int, combine func(note string, a, b, d int)) {
	e.scratch(1, func(t []int) {
		combine("lanes 8 apart", s[0], s[2], d)
		combine("", s[1], s[3], t[0])
		combine("4 apart", d, t[0], d)
		e.line("VEXT $8, V%d.B16, V%d.B16, V%d.B16", d, d, t[0])
		combine("2 apart", d, t[0], d)
		e.line("VDUP V%d.S[1], V%d.S4", d, t[0])
		combine("1 apart", d, t[0], d)
	})
}

func (m neon) handwritten(e *emitter) {
	if e.k.handwritten == "peak" {
		m.peak(e)
	} else {
		m.transpose(e)
	}
	m.leave(e)
}

// peak goes four times through 24 chains of 4.
func (m neon) peak(e *emitter) {
	e.line("MOVD n+0(FP), R0")
	m.label(e, "loop")
	for range 4 {
		for i := range 24 {
			e.line("VFMLA V31.S4, V30.S4, V%d.S4", i)
		}
	}
	e.line("SUBS $1, R0")
	e.line("BNE  loop")
}

// transpose takes 4 columns a round, 4 rows at a time: two rounds of interleaving turn 4 rows of 4
// into 4 columns of 4.
func (m neon) transpose(e *emitter) {
	k := e.k
	e.noted("dst", "MOVD dst_base+%d(FP), R0", k.param("dst").off)
	e.line("MOVD ldd+%d(FP), R1", k.param("ldd").off)
	e.noted("bytes between rows of dst", "LSL $2, R1")
	e.noted("src", "MOVD src_base+%d(FP), R2", k.param("src").off)
	e.line("MOVD lds+%d(FP), R3", k.param("lds").off)
	e.noted("bytes between rows of src", "LSL $2, R3")
	e.line("MOVD cols+%d(FP), R4", k.param("cols").off)
	m.label(e, "loop")
	e.noted("row 0", "MOVD R2, R5")
	for p := range 4 {
		for r := range 4 {
			e.noted(fmt.Sprintf("row %d", 4*p+r), "VLD1.P (R5)(R3), [V%d.S4]", r)
		}
		e.noted("columns 0 and 1 of rows 0 and 1", "VZIP1 V1.S4, V0.S4, V4.S4")
		e.noted("columns 2 and 3", "VZIP2 V1.S4, V0.S4, V5.S4")
		e.noted("columns 0 and 1 of rows 2 and 3", "VZIP1 V3.S4, V2.S4, V6.S4")
		e.noted("columns 2 and 3", "VZIP2 V3.S4, V2.S4, V7.S4")
		e.noted("column 0", "VZIP1 V6.D2, V4.D2, V0.D2")
		e.noted("column 1", "VZIP2 V6.D2, V4.D2, V1.D2")
		e.noted("column 2", "VZIP1 V7.D2, V5.D2, V2.D2")
		e.noted("column 3", "VZIP2 V7.D2, V5.D2, V3.D2")
		e.line("ADD $%d, R0, R6", 16*p)
		for c := range 4 {
			e.line("VST1.P [V%d.S4], (R6)(R1)", c)
		}
	}
	e.noted("4 columns on", "ADD R1<<2, R0")
	e.line("ADD $16, R2")
	e.line("SUBS $4, R4")
	e.line("BGT  loop")
}
