//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"spell/tensor"
)

// Kernels for one product may be chosen by speed only if their bits are the same, whichever instruction they
// multiply by and whichever operand comes first. What is published of tensor cores says so; a probe asks the
// device.

// Sizes of the product that the probe computes: no multiples of a tile, and more than one across.
const (
	probeRows  = 40
	probeCols  = 264
	probeDepth = 136
)

// agrees reports whether a kernel gives the bits of small on crafted products. It asks the device once.
func (b *Backend) agrees(t multiplier, f form) bool {
	same, known := b.agreement[t.called()]
	if !known {
		b.aside(func() { same = bytes.Equal(b.probe(t, f), b.probe(small[f], f)) })
		b.agreement[t.called()] = same
	}
	return same
}

// aside calls f, which sends no lists, in the midst of an operation. Those that it has sent stay where they are and
// go to the device once more, with its launches: a wait in f ends no operation.
func (b *Backend) aside(f func()) {
	q := &b.queue
	filling, p := q.filling, q.payloads[q.filling]
	f()
	q.filling = filling
	q.payloads[filling].used, q.payloads[filling].copied = p.used, p.copied
}

// probe returns the bits of a product by a kernel.
func (b *Backend) probe(t multiplier, f form) []byte {
	arena, err := b.Alloc("products to compare", 1<<20)
	b.must(err)
	defer arena.Free()
	shapes := [...][2][2]int{
		forward: {{probeRows, probeDepth}, {probeCols, probeDepth}},
		gradX:   {{probeRows, probeDepth}, {probeDepth, probeCols}},
		gradW:   {{probeDepth, probeRows}, {probeDepth, probeCols}},
	}
	r := rand.New(rand.NewPCG(uint64(f), 0))
	var operands [2]mat
	for i, s := range shapes[f] {
		m := arena.New(tensor.BF16, s[0], s[1])
		b.Write(m, craft(r, m.Len()))
		operands[i] = operand("probe", m)
	}
	y := arena.New(tensor.F32, probeRows, probeCols)
	b.Zero(y)
	at := operand("probe", y)
	// One run of products keeps no totals, wherever they are.
	t.multiply(b, &product{form: f, y: at, a: operands[0], b: operands[1], m: probeRows, n: probeCols, k: probeDepth,
		totals: at.at})
	bits := make([]byte, 4*y.Len())
	b.Read(bits, y)
	return bits
}

// craft returns n elements of bf16 as bits, in spans of eight of a kind: of like size, of very unlike sizes, zero or
// not, subnormal or tiny.
func craft(r *rand.Rand, n int) []byte {
	raw := make([]byte, 0, 2*n)
	for i := range n {
		kind := i / 8 * 5 % 7
		low, high := 120, 135
		switch {
		case kind == 1:
			low, high = 70, 150
		case kind == 2:
			low, high = 0, 60
		case kind == 3 && r.IntN(2) == 0:
			low, high = 0, 1
		}
		bits := r.IntN(2)<<15 | (low+r.IntN(high-low))<<7 | r.IntN(128)
		if kind == 3 && high == 1 {
			bits &= 1 << 15
		}
		raw = append(raw, byte(bits), byte(bits>>8))
	}
	return raw
}

// Products says by which instructions products are computed, for people.
func (b *Backend) Products() string {
	ways, other := []string{"mma.sync"}, []string(nil)
	ask := func(t multiplier, f form) bool {
		if b.agrees(t, f) {
			return true
		}
		other = append(other, t.called())
		return false
	}
	if ask(few, forward) {
		ways = append(ways, "mma.sync with operands exchanged")
	}
	if b.device.hasWarpgroups() {
		all := true
		for f, list := range wgmma {
			for _, t := range list {
				all = ask(t, form(f)) && all
			}
		}
		if all {
			ways = append(ways, "wgmma")
		}
	}
	if l := b.library; l != nil && b.libraryTakes() {
		ways = append(ways, "cublasLt")
	} else if l != nil && l.off == nil {
		other = append(other, "cublasLt")
	}
	s := "products by " + strings.Join(ways, ", ")
	if len(ways) > 1 {
		s += ", of the same bits"
	}
	if other != nil {
		s += fmt.Sprintf("; not by %s, of other bits", strings.Join(other, ", "))
	}
	if l := b.library; l != nil && l.off != nil {
		s += fmt.Sprintf("; not by cublasLt: %v", l.off)
	}
	return s
}
