package model

import (
	"slices"

	"spell/kernels/tally"
	"spell/tensor"
)

// A Part is a share of the memory that something takes in a backend's arenas. The parts of a thing add up to its
// arenas, to the byte.
type Part struct {
	Name  string
	Type  tensor.DType
	Bytes int
	Per   string // what it grows with
}

// Updated says whether the part is first touched by an update.
func (p Part) Updated() bool { return p.Name == firstMoments || p.Name == secondMoments }

const firstMoments, secondMoments = "first moments", "second moments"

// Total is the bytes of all parts.
func Total(parts []Part) int {
	n := 0
	for _, p := range parts {
		n += p.Bytes
	}
	return n
}

// Parts is the memory of the parameters and of what trains them.
func (w *Weights) Parts() []Part {
	size := func(of func(*Param) tensor.Mat) int {
		n := 0
		for _, p := range w.Params {
			if m := of(p); !m.IsZero() {
				n += tensor.Bytes(m.Type, m.Rows, m.Cols)
			}
		}
		return n
	}
	parts := []Part{{"weights", w.Weight, size(func(p *Param) tensor.Mat { return p.W }), "parameters"}}
	if !w.Trained() {
		return parts
	}
	if w.Weight != w.Acc {
		parts = append(parts, Part{"master weights", w.Acc, size(func(p *Param) tensor.Mat { return p.Master }), "parameters"})
	}
	m, v := w.moments()
	return append(parts,
		Part{firstMoments, m, size(func(p *Param) tensor.Mat { return p.M }), "parameters"},
		Part{secondMoments, v, size(func(p *Param) tensor.Mat { return p.V }), "parameters"},
		Part{"gradients", w.Acc, size(func(p *Param) tensor.Mat { return p.Grad }), "parameters"})
}

// Parts is the scratch of the decoder, planned: its allocations, run on an arena without memory.
func (d *Decoder) Parts() []Part {
	a := tensor.NewArena("plan", 1<<60, nil, 0, nil)
	n, m := d.room.Stems, d.room.Batch
	var parts []Part
	at := 0
	add := func(name string, t tensor.DType, bytes int, per string) {
		parts = append(parts, Part{name, t, bytes, per})
		at += bytes
	}
	s := d.newKeys(a, n, m, d.train)
	add("keys and values", d.W.Act, held(s.k)+held(s.v), "tokens of pass and batch × layers")
	if d.train {
		add("their gradients", d.W.Acc, held(s.dk)+held(s.dv), "tokens of pass and batch × layers")
		if d.W.Head == d.W.Embed {
			a.New(d.W.Acc, d.W.Vocab, d.W.Hidden) // of newEmbedGrad, at most
			add("embedding gradient of a pass", d.W.Acc, a.Used()-at, "vocabulary")
		}
	}
	stems := d.newPass(a, n, n)
	mark := a.Mark()
	add("block inputs", d.W.Act, mark-at, "tokens of a pass × layers")
	size := func(p *pass) {
		at := a.Mark()
		if d.train {
			newGrads(a, &d.W.Config, d.W.Precision, p.n)
		}
		d.actsAtOnce(a, p)
		inner := a.Mark()
		d.newHead(a, min(headRows, max(n, m)), d.train)
		a.Release(inner)
		if !d.keep {
			a.Release(at)
		}
	}
	size(stems)
	if !d.keep {
		a.Release(mark)
	}
	size(d.newPass(a, m, m))
	per := "the more tokens of pass and batch"
	if d.keep {
		per = "tokens of pass and batch × layers: all are kept"
	}
	add("activations at work", d.W.Acc, a.Peak()-at, per)
	return parts
}

// held is the bytes of a list of matrices, of which some may be one.
func held(list []tensor.Mat) int {
	n := 0
	for i, m := range list {
		if !slices.Contains(list[:i], m) {
			n += tensor.Bytes(m.Type, m.Rows, m.Cols)
		}
	}
	return n
}

// Parts is the memory of the cache.
func (c *Cache) Parts() []Part {
	w := c.d.W
	return []Part{
		{"key-value cache", w.Act, c.kv.Size(), "tokens of the cache × layers"},
		{"activations of a pass", w.Acc, c.d.arena.Size(), "rows of a pass"},
		{"logits", w.Acc, c.logits.Size(), "vocabulary"},
	}
}

// Beside is what the host takes beside the arenas when it runs what t has counted: packed copies of the matrices
// of w that products read, and its scratch.
func (w *Weights) Beside(host tally.Host, t *tally.Backend) (packs, scratch Part) {
	packs = Part{Name: "packed weights", Type: w.Weight, Per: "parameters"}
	for _, m := range t.Weights() {
		if m.Arena == w.arenas[0] {
			packs.Bytes += host.PackBytes(m)
		}
	}
	scratch = Part{Name: "scratch of kernels", Type: w.Acc, Per: "workers",
		Bytes: host.ScratchBytes(max(w.Hidden, w.FF, w.QDim()), w.Vocab)}
	return packs, scratch
}
