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
	Host      bool   // it lies in the host's memory also if a device computes
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
		return MemoryItem{Name: name, Type: t, Bytes: n, GrowsWith: "parameters"}
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
	kept := func(name string, t tensor.DType, of func(*Param) tensor.Mat) {
		it := item(name, t, list, of)
		it.Host = w.Offload
		items = append(items, it)
	}
	if list[0].Master != list[0].W {
		kept("master weights", w.Acc, func(p *Param) tensor.Mat { return p.Master })
	}
	m, v := w.MomentTypes()
	kept(firstMoments, m, func(p *Param) tensor.Mat { return p.M })
	kept(secondMoments, v, func(p *Param) tensor.Mat { return p.V })
	return append(items, item("gradients", w.Acc, list, func(p *Param) tensor.Mat { return p.Grad }))
}

// Memory lists the scratch of the decoder. It runs the decoder's allocations on an arena without
// memory.
func (d *Decoder) Memory() []MemoryItem {
	a := tensor.PlanArena()
	n, m := d.limits.Shared, d.limits.Batch
	var items []MemoryItem
	at := 0
	add := func(name string, t tensor.DType, bytes int, growsWith string) {
		items = append(items, MemoryItem{Name: name, Type: t, Bytes: bytes, GrowsWith: growsWith})
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

// largest returns the columns of the widest matrix of activations.
func (c *Config) largest() int { return max(c.Hidden, c.FF, c.ExpertFF, c.QDim()) }

// sizes returns what passes of so many rows, each of which sees so many keys, have for operands.
func (w *Weights) sizes(rows, keys int) kernels.Sizes {
	if w.Context > 0 {
		keys = min(keys, w.Context)
	}
	return kernels.Sizes{Act: w.Act, Rows: rows, Columns: w.largest(), Hidden: w.Hidden, Vocab: w.Vocab,
		Heads: w.Heads, KVHeads: w.KVHeads, HeadDim: w.HeadDim, Keys: keys, Routed: rows * w.TopK}
}

// segmentTokens is how many tokens the segments of a forest are taken to have on average, at the least.
const segmentTokens = 16

// Sizes returns what bounds the operands of the decoder's operations.
func (d *Decoder) Sizes() kernels.Sizes {
	rows := max(d.limits.Shared, d.limits.Batch)
	s := d.W.sizes(rows, d.limits.Shared+d.limits.Batch)
	s.Queries, s.Training = (rows+segmentTokens-1)/segmentTokens, d.train
	s.Scored = min(headRows, max(d.limits.MostLive(), d.limits.Batch))
	for _, p := range d.W.Trainable() {
		s.Largest = max(s.Largest, p.Rows*((p.Cols+7)/8*8))
	}
	return s
}

// Sizes returns what bounds the operands of the cache's operations.
func (c *Cache) Sizes() kernels.Sizes {
	s := c.d.W.sizes(c.rows, c.k[0].Rows)
	s.Queries, s.Sampled = c.rows, c.logitRows
	return s
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
		{Name: "key-value cache", Type: w.Act, Bytes: c.kv.Size(), GrowsWith: "tokens of the cache × layers"},
		{Name: "activations of a pass", Type: w.Acc, Bytes: c.d.arena.Size(), GrowsWith: "rows of a pass"},
		{Name: "logits", Type: w.Acc, Bytes: c.logits.Size(), GrowsWith: "vocabulary"},
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
		Bytes: host.ScratchBytes(w.largest(), w.Vocab, w.Trained())}
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
