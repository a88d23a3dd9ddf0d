package main

import (
	"fmt"
	"strings"
)

// The matrix primitive is written apart from the others: it keeps a tile of C in registers while a
// step of the reduction loads one row of B and one element of A for each row of the tile. Every
// chain is acc = fma(a, b, acc) from the first step to the last, so that tiles of all shapes and
// machines give the same bits.

// unroll is the number of steps in the main loop: the additions to its pointers compete with the
// multiplications for ports.
const unroll = 4

const tileDoc = `// Matrix tiles, %s. A tile of R rows and %d columns of C stays in registers while a
// step of the reduction loads a row of B and broadcasts an element of A for each row:
//
//	acc[r][j] = fma(a[r*rs+l*ks], b[l*ldb+j], acc[r][j])   for l = 0…k-1
//
// from 0, or from C to resume; then + bias, if there is one, then + C, if t.add. Of rs and ks
// one is 1. With mode paired, a word of B is two bf16, an even step in its upper half and the next
// in its lower, and k is even; with mode dots, one of A is, too, and k counts words.
%s`

// A tiler writes the tiles of one machine.
type tiler struct {
	strings.Builder
	rows int
	note string // comment of the next line
}

// line writes one instruction, with the pending comment.
func (t *tiler) line(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if t.note != "" {
		s = fmt.Sprintf("%-36s // %s", s, t.note)
		t.note = ""
	}
	t.WriteString("\t" + s + "\n")
}

// noted writes one instruction with a comment.
func (t *tiler) noted(note, format string, args ...any) {
	t.note = note
	t.line(format, args...)
}

func (t *tiler) label(name string) { fmt.Fprintf(t, "\n%s:\n", name) }

// tileFile returns the assembly file of a machine's tiles, one function for each number of rows.
func tileFile(suffix, name, notes string, cols int, rows []int, body func(t *tiler)) []byte {
	t := &tiler{}
	t.WriteString(generated + "\n//go:build !purego\n\n#include \"go_asm.h\"\n#include \"textflag.h\"\n\n")
	fmt.Fprintf(t, tileDoc, name, cols, notes)
	for _, t.rows = range rows {
		fmt.Fprintf(t, "\n// func tile%d%s(t *tile, c, a, b, bias *float32, mode int)\n", t.rows, suffix)
		fmt.Fprintf(t, "TEXT ·tile%d%s(SB), NOSPLIT, $0-48\n", t.rows, suffix)
		body(t)
	}
	return []byte(t.String())
}
