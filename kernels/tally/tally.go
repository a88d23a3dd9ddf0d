// Package tally is a backend without memory. Its arenas have sizes and no bytes, and its operations
// compute nothing: they count what they would have computed and how long that would have taken.
// What runs on it plans itself, so that a plan cannot differ from the program.
package tally

import (
	"spell/kernels"
	"spell/tensor"
)

// A Kind is work that has a rate of its own.
type Kind int

// The kinds: products with weights, their two gradients, attention and its gradient, and operations
// that memory bounds, whose arithmetic is not counted.
const (
	Product Kind = iota
	ProductGradX
	ProductGradW
	Attend
	AttendGrad
	MemoryBound
	Kinds
)

// A Work counts floating-point operations by kind, a multiply-add being two, and the seconds they
// take at the rates of the backend: for each operation the time to compute and to move its
// operands. Seconds is 0 without rates.
type Work struct {
	Flops   [Kinds]float64
	Seconds float64
}

// Add returns w + n*v.
func (w Work) Add(v Work, n float64) Work {
	for k := range w.Flops {
		w.Flops[k] += n * v.Flops[k]
	}
	w.Seconds += n * v.Seconds
	return w
}

// Total returns the operations of all kinds.
func (w Work) Total() float64 {
	sum := 0.0
	for _, f := range w.Flops {
		sum += f
	}
	return sum
}

// An Arena records a call of Alloc or AllocHost.
type Arena struct {
	Name  string
	Bytes int
	Host  bool // whether it was AllocHost
}

// A Backend implements kernels.Backend by counting.
type Backend struct {
	Rates  Rates
	Work   Work    // since the backend was made
	Arenas []Arena // in the order of their calls

	read  []tensor.Mat        // weights that products read, each once, in the order of first use
	known map[tensor.Mat]bool // the matrices in read
	last  *kernels.Attention  // the call that pairs and keys belong to, with this window
	pairs float64             // of a query row and a key that it sees
	keys  float64             // key rows that are read

	window int32
}

var (
	_ kernels.Backend       = (*Backend)(nil)
	_ kernels.HostAllocator = (*Backend)(nil)
)

// New returns a backend for work at these rates. The zero Rates leaves time uncounted.
func New(r Rates) *Backend { return &Backend{Rates: r, known: map[tensor.Mat]bool{}} }

// Bytes returns the size of all arenas.
func (b *Backend) Bytes() int {
	n := 0
	for _, a := range b.Arenas {
		n += a.Bytes
	}
	return n
}

// Weights returns the matrices that products have read as their weights.
func (b *Backend) Weights() []tensor.Mat { return b.read }

// Name returns "tally".
func (b *Backend) Name() string { return "tally" }

// Alloc returns an arena without memory.
func (b *Backend) Alloc(name string, bytes int) (*tensor.Arena, error) {
	return b.alloc(Arena{Name: name, Bytes: bytes})
}

// AllocHost returns an arena without memory that would be the host's.
func (b *Backend) AllocHost(name string, bytes int) (*tensor.Arena, error) {
	return b.alloc(Arena{Name: name, Bytes: bytes, Host: true})
}

func (b *Backend) alloc(a Arena) (*tensor.Arena, error) {
	b.Arenas = append(b.Arenas, a)
	return tensor.NewArena(a.Name, a.Bytes, nil, 0, nil), nil
}

// Close does nothing.
func (b *Backend) Close() error { return nil }

// bytes returns the bytes of all matrices that are not zero.
func bytes(list ...tensor.Mat) float64 {
	n := 0
	for _, m := range list {
		if !m.IsZero() {
			n += tensor.Bytes(m.Type, m.Rows, m.Cols)
		}
	}
	return float64(n)
}

// count adds an operation of kind k that computes flops operations and moves moved bytes.
func (b *Backend) count(k Kind, flops, moved float64) {
	b.Work.Flops[k] += flops
	b.Work.Seconds += b.Rates.seconds(k, flops, moved)
}

// countMove adds an operation that memory bounds and that moves the matrices.
func (b *Backend) countMove(list ...tensor.Mat) { b.count(MemoryBound, 0, bytes(list...)) }

// recordWeights notes that a product reads w.
func (b *Backend) recordWeights(w tensor.Mat) {
	if !b.known[w] {
		b.known[w] = true
		b.read = append(b.read, w)
	}
}

// flops returns the operations of a product of [m, k] and [k, n].
func flops(m, n, k int) float64 { return 2 * float64(m) * float64(n) * float64(k) }

// Write counts what it would do, as the other operations do. Read leaves dst as it is.
func (b *Backend) Write(dst tensor.Mat, _ []byte) { b.countMove(dst) }

// Read counts.
func (b *Backend) Read(_ []byte, src tensor.Mat) { b.countMove(src) }

// Zero counts.
func (b *Backend) Zero(dst tensor.Mat) { b.countMove(dst) }

// Copy counts.
func (b *Backend) Copy(dst, src tensor.Mat) { b.countMove(dst, src) }

// Scale counts.
func (b *Backend) Scale(y, x tensor.Mat, _ float64) { b.countMove(y, x) }

// Quantize counts.
func (b *Backend) Quantize(q, w tensor.Mat) { b.countMove(q, w) }

// Gather counts.
func (b *Backend) Gather(y, _ tensor.Mat, _ []int32) { b.countMove(y, y) }

// Scatter counts.
func (b *Backend) Scatter(_, y tensor.Mat, _ []int32) { b.countMove(y, y) }

// ScatterAdd counts.
func (b *Backend) ScatterAdd(_, dy tensor.Mat, _ []int32) { b.countMove(dy, dy, dy) }

// RMSNorm counts.
func (b *Backend) RMSNorm(y, x, _ tensor.Mat, _ float64) { b.countMove(y, x) }

// RMSNormGrad counts.
func (b *Backend) RMSNormGrad(dx, _, dy, x, _ tensor.Mat, _ float64) { b.countMove(dx, dx, dy, x) }

// MatMul counts.
func (b *Backend) MatMul(y, x, w, _ tensor.Mat, _ bool) {
	b.recordWeights(w)
	b.count(Product, flops(x.Rows, w.Rows, w.Cols), bytes(y, x, w))
}

// MatMulGradX counts.
func (b *Backend) MatMulGradX(dx, dy, w tensor.Mat, _ bool) {
	b.count(ProductGradX, flops(dy.Rows, w.Rows, w.Cols), bytes(dx, dy, w))
}

// MatMulGradW counts.
func (b *Backend) MatMulGradW(dw, _, dy, x tensor.Mat) {
	b.count(ProductGradW, flops(dy.Rows, dw.Rows, dw.Cols), bytes(dw, dw, dy, x))
}

// groupBytes returns the bytes of those rows of w, the stacked weights of groups or their gradient,
// whose group has rows.
func groupBytes(w tensor.Mat, ends []int32) float64 {
	busy, last := 0, int32(0)
	for _, end := range ends {
		if end > last {
			busy++
		}
		last = end
	}
	return bytes(w) * float64(busy) / float64(max(len(ends), 1))
}

// GroupMatMul counts; weights are read of groups that have rows.
func (b *Backend) GroupMatMul(y, x, w tensor.Mat, ends []int32) {
	b.recordWeights(w)
	b.count(Product, flops(x.Rows, y.Cols, x.Cols), bytes(y, x)+groupBytes(w, ends))
}

// GroupMatMulGradX counts.
func (b *Backend) GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, _ bool) {
	b.count(ProductGradX, flops(dy.Rows, dy.Cols, dx.Cols), bytes(dx, dy)+groupBytes(w, ends))
}

// GroupMatMulGradW counts.
func (b *Backend) GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32) {
	b.count(ProductGradW, flops(dy.Rows, dy.Cols, x.Cols), bytes(dy, x)+2*groupBytes(dw, ends))
}

// Route counts. It deals the experts out in turn, so that all have as many rows.
func (b *Backend) Route(ids []int32, weights, logits tensor.Mat, _ bool) {
	b.countMove(weights, logits)
	for i := range ids {
		ids[i] = int32(i % logits.Cols)
	}
}

// RouteGrad counts.
func (b *Backend) RouteGrad(dlogits, dweights, weights, logits tensor.Mat, _ []int32, _ bool) {
	b.countMove(dlogits, dweights, weights, logits)
}

// GatherAdd counts.
func (b *Backend) GatherAdd(y, _ tensor.Mat, rows []int32) {
	b.count(MemoryBound, 0, 2*bytes(y)+float64(len(rows)*y.Cols*y.Type.Size()))
}

// RopeTable counts.
func (b *Backend) RopeTable(cs tensor.Mat, _ []int32, _ kernels.Rotary) { b.countMove(cs) }

// Rope counts.
func (b *Backend) Rope(y, x, cs tensor.Mat, _ bool) { b.countMove(y, x, cs) }

// countAttention sets b.pairs (query row × visible key) and b.keys (key rows read; a span that
// equals the previous query's is counted once).
func (b *Backend) countAttention(a *kernels.Attention) {
	if a == b.last && a.Window == b.window {
		return // of another layer of a cache, or of the gradient
	}
	b.last, b.window, b.pairs, b.keys = a, a.Window, 0, 0
	var before []kernels.Span
	hiddenBefore := 0
	for i := range a.Queries {
		q := &a.Queries[i]
		all := q.Keys()
		hidden, at := a.Hidden(all-int(q.Len)+1), 0 // from all rows
		for k, s := range q.Spans {
			read := shown(s, at, hidden)
			if k < len(before) && before[k] == s {
				read = max(0, read-shown(s, at, hiddenBefore))
			}
			b.keys += float64(read)
			at += int(s.Len)
		}
		before, hiddenBefore = q.Spans, hidden
		b.pairs += visiblePairs(all, int(q.Len), int(a.Window))
	}
}

// shown returns how many keys of span s, the first of which is key at of its query, are not among
// the first hidden of it.
func shown(s kernels.Span, at, hidden int) int {
	return int(s.Len) - min(max(0, hidden-at), int(s.Len))
}

// visiblePairs returns Σ min(keys, window) over n rows, the last of which sees all keys and each
// before it one less; window 0 is none.
func visiblePairs(all, n, window int) float64 {
	whole := n // rows that see less than a window
	if window > 0 {
		whole = min(max(0, n-(all-window)), n)
	}
	most := float64(all - (n - whole)) // keys that the last of them sees
	return float64(whole)*most - float64(whole)*float64(whole-1)/2 + float64(n-whole)*float64(window)
}

// Attend counts two products per pair of a query row and a visible key.
func (b *Backend) Attend(o, _, q, k, v tensor.Mat, a *kernels.Attention) {
	b.countAttention(a)
	b.count(Attend, 4*b.pairs*float64(q.Cols), bytes(o, q)+b.keys*bytes(k.Slice(0, 1), v.Slice(0, 1)))
}

// AttendGrad counts five products per pair.
func (b *Backend) AttendGrad(dq, dk, dv, do, o, _, q, k, v tensor.Mat, a *kernels.Attention) {
	b.countAttention(a)
	b.count(AttendGrad, 10*b.pairs*float64(q.Cols),
		bytes(dq, do, o, q)+b.keys*bytes(dk.Slice(0, 1), dv.Slice(0, 1), k.Slice(0, 1), v.Slice(0, 1)))
}

// SwiGLU counts.
func (b *Backend) SwiGLU(y, gate, up tensor.Mat) { b.countMove(y, gate, up) }

// SwiGLUGrad counts.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat) {
	b.countMove(dgate, dup, dy, gate, up)
}

// ScaledSwiGLU counts.
func (b *Backend) ScaledSwiGLU(y, gate, up, _ tensor.Mat) { b.countMove(y, gate, up) }

// ScaledSwiGLUGrad counts.
func (b *Backend) ScaledSwiGLUGrad(dgate, dup, _, dy, gate, up, _ tensor.Mat) {
	b.countMove(dgate, dup, dy, gate, up)
}

// LogProb counts the product that gives the logits.
func (b *Backend) LogProb(_, x, w tensor.Mat, _ []int32, _ []float32) {
	b.recordWeights(w)
	b.count(Product, flops(x.Rows, w.Rows, w.Cols), bytes(x, w))
}

// LogProbGrad counts the logits, which it computes again, and the products with their gradients.
func (b *Backend) LogProbGrad(dx, dw, _, x, w tensor.Mat, _ []int32, _, _, _ []float32) {
	b.recordWeights(w)
	n := flops(x.Rows, w.Rows, w.Cols)
	b.count(Product, n, bytes(x, w))
	b.count(ProductGradX, n, bytes(dx, w))
	if !dw.IsZero() {
		b.count(ProductGradW, n, bytes(dw, dw, x))
	}
}

// Sample draws -1, which is no id and ends no answer, with log-probability 0.
func (b *Backend) Sample(ids []int32, logp []float32, logits tensor.Mat, _ []kernels.Sampling) {
	b.countMove(logits)
	for i := range ids {
		ids[i], logp[i] = -1, 0
	}
}

// SumSquares counts and returns 0.
func (b *Backend) SumSquares(m tensor.Mat) float64 {
	b.countMove(m)
	return 0
}

// AdamW counts.
func (b *Backend) AdamW(w, master, m, v, grad tensor.Mat, _ kernels.AdamStep) {
	if w == master {
		w = tensor.Mat{}
	}
	b.countMove(w, master, master, m, m, v, v, grad)
}
