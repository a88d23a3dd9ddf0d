package main

import "fmt"

func (m *x86) whole(e *emitter, in *instr) {
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
			if m.wide {
				e.line("VPXORD Z%d, Z%d, Z%d", r, r, r)
			} else {
				e.line("VXORPD Y%d, Y%d, Y%d", r, r, r)
			}
		}
	case opTree:
		m.tree(e, "VADD", d[0], s[0])
	case opTreeMax:
		m.tree(e, "VMAX", d[0], s[0])
	case opTree64:
		m.tree64(e, d[0], s[0])
	case opPeek, opPoke:
		base, inRow := e.row[in.param]
		if note := e.note; !inRow {
			base = "R10"
			e.noted(in.param.name, "MOVQ %s_base+%d(FP), %s", in.param.name, in.param.off, base)
			e.note = note
		}
		if in.op == opPeek {
			e.line("VBROADCASTSS %s, %s", at(in.imm, base), m.reg(d[0]))
		} else {
			e.line("VMOVSS X%d, %s", s[0][0], at(in.imm, base))
		}
	case opReturn:
		e.line("VMOVSS X%d, %s+%d(FP)", s[0][0], in.param.name, in.param.off)
	case opReturn64:
		e.line("VMOVSD X%d, %s+%d(FP)", s[0][0], in.param.name, in.param.off)
	case opAssign:
		m.copy(e, s[0][0], s[1][0])
	}
}

// tree combines the lanes of an accumulator into lane 0 of d: lanes 8 apart, then 4, 2 and 1.
func (m *x86) tree(e *emitter, name string, d int, s []int) {
	e.scratch(1, func(t []int) {
		if m.wide {
			e.line("VEXTRACTF64X4 $1, Z%d, Y%d", s[0], t[0])
			e.noted("lanes 8 apart", "%sPS Y%d, Y%d, Y%d", name, t[0], s[0], d)
		} else {
			e.noted("lanes 8 apart", "%sPS Y%d, Y%d, Y%d", name, s[1], s[0], d)
		}
		e.line("%s $1, Y%d, X%d", m.upper(), d, t[0])
		e.noted("4 apart", "%sPS X%d, X%d, X%d", name, t[0], d, d)
		e.line("VPERMILPS $0x0E, X%d, X%d", d, t[0])
		e.noted("2 apart", "%sPS X%d, X%d, X%d", name, t[0], d, d)
		e.line("VPERMILPS $0x01, X%d, X%d", d, t[0])
		e.noted("1 apart", "%sSS X%d, X%d, X%d", name, t[0], d, d)
	})
}

// upper returns the instruction that takes the upper half of a Y register, of the first 16 in AVX2.
func (m *x86) upper() string {
	if m.wide {
		return "VEXTRACTF32X4"
	}
	return "VEXTRACTF128"
}

func (m *x86) tree64(e *emitter, d int, s []int) {
	e.scratch(1, func(t []int) {
		if m.wide {
			e.noted("lanes 8 apart", "VADDPD Z%d, Z%d, Z%d", s[1], s[0], d)
			e.line("VEXTRACTF64X4 $1, Z%d, Y%d", d, t[0])
		} else {
			e.noted("lanes 8 apart", "VADDPD Y%d, Y%d, Y%d", s[2], s[0], d)
			e.line("VADDPD Y%d, Y%d, Y%d", s[3], s[1], t[0])
		}
		e.noted("4 apart", "VADDPD Y%d, Y%d, Y%d", t[0], d, d)
		e.line("%s $1, Y%d, X%d", m.upper(), d, t[0])
		e.noted("2 apart", "VADDPD X%d, X%d, X%d", t[0], d, d)
		e.line("VPERMILPD $1, X%d, X%d", d, t[0])
		e.noted("1 apart", "VADDSD X%d, X%d, X%d", t[0], d, d)
	})
}

func (m *x86) handwritten(e *emitter) {
	if e.k.handwritten == "peak" {
		m.peak(e)
	} else {
		m.transpose(e)
	}
	m.leave(e)
}

// peak writes 24*16 chains in AVX-512; AVX2 goes four times through 12 chains of 8.
func (m *x86) peak(e *emitter) {
	chains, times := 24, 1
	if !m.wide {
		chains, times = 12, 4
	}
	e.line("MOVQ n+0(FP), CX")
	m.label(e, "loop")
	for range times {
		for i := range chains {
			x := m.reg(len(m.registers()) - 1)
			e.line("VFMADD231PS %s, %s, %s", x, x, m.reg(i))
		}
	}
	e.line("DECQ CX")
	e.line("JNZ  loop")
}

// transpose takes 4 columns a round. A part holds 4 elements of each of the rows r, r+4, … in its
// quarters, for r = 0 to 3; two rounds of interleaving turn those four into 4 columns.
func (m *x86) transpose(e *emitter) {
	k := e.k
	e.noted("dst", "MOVQ dst_base+%d(FP), DI", k.param("dst").off)
	e.line("MOVQ ldd+%d(FP), BX", k.param("ldd").off)
	e.noted("bytes between rows of dst", "SHLQ $2, BX")
	e.noted("src", "MOVQ src_base+%d(FP), SI", k.param("src").off)
	e.line("MOVQ lds+%d(FP), AX", k.param("lds").off)
	e.noted("bytes between rows of src", "SHLQ $2, AX")
	e.line("MOVQ cols+%d(FP), CX", k.param("cols").off)
	e.noted("row 1", "LEAQ (SI)(AX*1), R8")
	e.noted("row 2", "LEAQ (SI)(AX*2), R9")
	e.noted("row 3", "LEAQ (R8)(AX*2), R10")
	e.noted("4 rows", "LEAQ (AX*4), DX")
	e.noted("12 rows", "LEAQ (DX)(DX*2), R12")
	e.noted("3 rows of dst", "LEAQ (BX)(BX*2), R11")
	m.label(e, "loop")
	step := []string{"", "(DX*1)", "(DX*2)", "(R12*1)"}
	for p := range m.parts() {
		quarters := 4 / m.parts()
		for r, base := range []string{"SI", "R8", "R9", "R10"} {
			for q := range quarters {
				row := quarters*p + q
				if q == 0 {
					e.noted(fmt.Sprintf("row %d", 4*row+r), "VMOVUPS (%s)%s, X%d", base, step[row], r)
				} else if m.wide {
					e.noted(fmt.Sprintf("row %d", 4*row+r), "VINSERTF32X4 $%d, (%s)%s, Z%d, Z%d", q, base, step[row], r,
						r)
				} else {
					e.noted(fmt.Sprintf("row %d", 4*row+r), "VINSERTF128 $%d, (%s)%s, Y%d, Y%d", q, base, step[row], r,
						r)
				}
			}
		}
		for _, u := range []struct {
			name    string
			b, a, d int
			note    string
		}{
			{"VUNPCKLPS", 1, 0, 4, "columns 0 and 1 of rows 0 and 1"},
			{"VUNPCKHPS", 1, 0, 5, "columns 2 and 3"},
			{"VUNPCKLPS", 3, 2, 6, "columns 0 and 1 of rows 2 and 3"},
			{"VUNPCKHPS", 3, 2, 7, "columns 2 and 3"},
			{"VUNPCKLPD", 6, 4, 0, "column 0"},
			{"VUNPCKHPD", 6, 4, 1, "column 1"},
			{"VUNPCKLPD", 7, 5, 2, "column 2"},
			{"VUNPCKHPD", 7, 5, 3, "column 3"},
		} {
			e.noted(u.note, "%s %s, %s, %s", u.name, m.reg(u.b), m.reg(u.a), m.reg(u.d))
		}
		for c, row := range []string{"", "(BX*1)", "(BX*2)", "(R11*1)"} {
			e.line("VMOVUPS %s, %s%s", m.reg(c), at(32*p, "DI"), row)
		}
	}
	e.noted("4 columns on", "LEAQ (DI)(BX*4), DI")
	for _, r := range []string{"SI", "R8", "R9", "R10"} {
		e.line("ADDQ $16, %s", r)
	}
	e.line("SUBQ $4, CX")
	e.line("JGT  loop")
}
