package model

import (
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// A MemoryItem is one use of memory. The items of a Memory method add up to the arenas of their
// owner, to the byte.
type MemoryItem struct {
	Name      string
	Type      tensor.DType
	Bytes     int
	GrowsWith string // what the size is proportional to, in words
}

// Updated reports whether the memory is first touched by an update.
func (p MemoryItem) Updated() bool { return p.Name == firstMoments || p.Name == secondMoments }

const firstMoments, secondMoments = "first moments", "second moments"

// Total returns the bytes of all items.
func Total(items []MemoryItem) int {
	n := 0
	for _, it := range items {
		n += it.Bytes
	}
	return n
}

// Memory lists the memory of the parameters, of their adapters and of what trains either.
func (w *Weights) Memory() []MemoryItem {
	item := func(name string, t tensor.DType, list []*Param, of func(*Param) tensor.Mat) MemoryItem {
		n := 0
		for _, p := range list {
			if m := of(p); !m.IsZero() {
				n += tensor.Bytes(m.Type, m.Rows, m.Cols)
			}
		}
		return MemoryItem{name, t, n, "parameters"}
	}
	values := func(p *Param) tensor.Mat { return p.W }
	items := []MemoryItem{item("weights", w.Weight, w.Params, values)}
	if len(w.adapters) > 0 {
		items = append(items, item("adapters", w.Act, w.adapters, values))
	}
	list := w.Trainable()
	if list == nil {
		return items
	}
	if list[0].Master != list[0].W {
		items = append(items, item("master weights", w.Acc, list, func(p *Param) tensor.Mat { return p.Master }))
	}
	m, v := w.MomentTypes()
	return append(items,
		item(firstMoments, m, list, func(p *Param) tensor.Mat { return p.M }),
		item(secondMoments, v, list, func(p *Param) tensor.Mat { return p.V }),
		item("gradients", w.Acc, list, func(p *Param) tensor.Mat { return p.Grad }))
}

// Memory lists the scratch of the decoder. It runs the decoder's allocations on an arena without
// memory.
func (d *Decoder) Memory() []MemoryItem {
	a := tensor.PlanArena()
	n, m := d.limits.Shared, d.limits.Batch
	var items []MemoryItem
	at := 0
	add := func(name string, t tensor.DType, bytes int, growsWith string) {
		items = append(items, MemoryItem{name, t, bytes, growsWith})
		at += bytes
	}
	kv := d.newBundleKV(a, n, m, d.train)
	add("keys and values", d.W.Act, distinctBytes(kv.k)+distinctBytes(kv.v), "tokens of pass and batch × layers")
	if d.train {
		add("their gradients", d.W.Acc, distinctBytes(kv.dk)+distinctBytes(kv.dv), "tokens of pass and batch × layers")
		if d.W.Head == d.W.Embed && !d.W.Embed.Grad.IsZero() {
			ids := min(d.W.Vocab-n, d.limits.MostBranches()) + n
			a.New(d.W.Acc, ids, d.W.Hidden) // of newEmbedGradient, at most
			add("embedding gradient of a pass", d.W.Acc, a.Used()-at, "the fewer of vocabulary and tokens of a step")
		}
	}
	shared := d.newPass(a, n, d.limits.MostLive())
	mark := a.Mark()
	add("block inputs", d.W.Act, mark-at, "tokens of a pass × layers")
	size := func(p *pass) {
		at := a.Mark()
		if d.train {
			newGradients(a, &d.W.Config, d.W.Precision, p.rows, d.mlpRows(p.rows))
		}
		d.planActivations(a, p)
		inner := a.Mark()
		d.newHeadChunk(a, min(headRows, max(n, m)), d.train)
		a.Release(inner)
		if !d.keep {
			a.Release(at)
		}
	}
	size(shared)
	if !d.keep {
		a.Release(mark)
	}
	size(d.newPass(a, m, m))
	growsWith := "the more tokens of pass and batch"
	if d.keep {
		growsWith = "tokens of pass and batch × layers: all are kept"
	}
	add("activations at work", d.W.Acc, a.Peak()-at, growsWith)
	return items
}

// planActivations carves what the blocks of a pass need at once, keys and values aside.
func (d *Decoder) planActivations(a *tensor.Arena, p *pass) {
	c, prec := &d.W.Config, d.W.Precision
	block := func(l, live int) {
		newActivations(a, c, prec, l, p.rows, live, d.mlpRows(live), tensor.Mat{}, tensor.Mat{})
		inner := a.Mark()
		d.W.carveTransient(a, l, p.rows, live)
		a.Release(inner)
	}
	for l := range c.Layers - 1 {
		mark := a.Mark()
		block(l, p.rows)
		if !d.keep {
			a.Release(mark)
		}
	}
	mark := a.Mark()
	block(c.Layers-1, p.live)
	a.Release(mark)
	block(c.Layers-1, max(min(p.live, p.rows-1), 0)) // live rows that are apart take more
}

// distinctBytes returns the bytes of a list of matrices, of which some may be one.
func distinctBytes(list []tensor.Mat) int {
	n := 0
	for i, m := range list {
		if !slices.Contains(list[:i], m) {
			n += tensor.Bytes(m.Type, m.Rows, m.Cols)
		}
	}
	return n
}

// Memory lists the memory of the cache.
func (c *Cache) Memory() []MemoryItem {
	w := c.d.W
	return []MemoryItem{
		{"key-value cache", w.Act, c.kv.Size(), "tokens of the cache × layers"},
		{"activations of a pass", w.Acc, c.d.arena.Size(), "rows of a pass"},
		{"logits", w.Acc, c.logits.Size(), "vocabulary"},
	}
}

// HostMemory returns what the backend allocates outside its arenas: packed copies of those matrices
// of w that are among read, the weights of products, and kernel scratch.
func (w *Weights) HostMemory(host kernels.HostMemory, read []tensor.Mat) (packs, scratch MemoryItem) {
	packs = MemoryItem{Name: "packed weights", Type: w.Weight, GrowsWith: "parameters"}
	if packs.Type == tensor.I8 { // it has none, what is beside it has
		packs.Type = w.Act
	}
	for _, m := range read {
		if slices.Contains(w.arenas, m.Arena) {
			packs.Bytes += w.packBytes(host, m)
		}
	}
	scratch = MemoryItem{Name: "scratch of kernels", Type: w.Acc, GrowsWith: "workers",
		Bytes: host.ScratchBytes(max(w.Hidden, w.FF, w.ExpertFF, w.QDim()), w.Vocab, w.Trained())}
	return packs, scratch
}

// packBytes returns the bytes of the packed copy of a matrix of w. Experts are packed one by one if
// their rows fill no whole panels.
func (w *Weights) packBytes(host kernels.HostMemory, m tensor.Mat) int {
	i := slices.IndexFunc(w.Params, func(p *Param) bool { return p.W == m })
	if i < 0 || w.Params[i].Experts == 0 {
		return host.PackBytes(m)
	}
	n := w.Params[i].Experts
	return n * host.PackBytes(m.Slice(0, m.Rows/n))
}
