//go:build cuda && cgo && linux

package cuda

import (
	"spell/tensor"
)

// A form is a product's: of x and wᵀ, of dy and w, or of dyᵀ and x. The numbers are Form's of product.h.
type form int

const (
	forward form = iota
	gradX
	gradW
)

// A multiplier is a kernel for products of one form.
type multiplier interface {
	multiply(b *Backend, p *product)
	called() string
}

// A tile is of down × across elements of y. A multiprocessor works on some at a time.
type tile struct{ down, across, perProcessor int }

// tiles returns how many there are in a product of one group.
func (t tile) tiles(p *product) int { return ceil(p.m, t.down) * ceil(p.n, t.across) }

// A tiling is a kernel whose warps multiply, by mma.sync or without tensor cores.
type tiling struct {
	*kernel[productArgs]
	tile
}

func defineTiling(file, name string, down, across, threads, stages, perProcessor int) tiling {
	shared := stages * (down + across) * productStep * 2
	return tiling{define[productArgs](file, name, threads, shared), tile{down, across, perProcessor}}
}

// Of product.h, mma.h and fma.cu.
const (
	productRun  = 2048
	productStep = 32
	fmaSide     = 64
	fmaShared   = 2 * 16 * (fmaSide + 4) * 4
)

// The tilings of each form. Operands whose rows are not aligned to 16 bytes take ragged, those that are
// not both bf16 take fma. Few is for few rows: there y is computed transposed.
var (
	large = [...]tiling{
		defineTiling("matmul.cu", "matmul_large", 128, 128, 256, 4, 2),
		defineTiling("matmul_grad.cu", "matmul_grad_x_large", 128, 128, 256, 4, 2),
		defineTiling("matmul_grad.cu", "matmul_grad_w_large", 128, 128, 256, 4, 1),
	}
	small = [...]tiling{
		defineTiling("matmul.cu", "matmul_small", 64, 64, 128, 3, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_x_small", 64, 64, 128, 3, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_w_small", 64, 64, 128, 3, 4),
	}
	ragged = [...]tiling{
		defineTiling("matmul.cu", "matmul_ragged", 64, 64, 128, 3, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_x_ragged", 64, 64, 128, 3, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_w_ragged", 64, 64, 128, 3, 4),
	}
	fma = [...]tiling{
		{define[productArgs]("fma.cu", "fma_forward", 256, fmaShared), tile{fmaSide, fmaSide, 3}},
		{define[productArgs]("fma.cu", "fma_grad_x", 256, fmaShared), tile{fmaSide, fmaSide, 3}},
		{define[productArgs]("fma.cu", "fma_grad_w", 256, fmaShared), tile{fmaSide, fmaSide, 3}},
	}
	few = defineTiling("matmul.cu", "matmul_few", 32, 16, 64, 6, 8)
)

// fewRows is the most rows that few takes.
const fewRows = 32

type productArgs struct {
	y, a, b, bias        mat
	parts, totals        uint64
	m, n, k              int32
	down, across, blocks int32
	acc, transposed      int32
}

// A part is struct Part of product.h.
type part struct{ first, end, base, _ int32 }

// A product is a call: m × n elements of y, each the sum of k products of elements of a and b. With ends
// there are groups of rows, each of them a product of its own.
type product struct {
	form    form
	y, a, b mat
	bias    mat
	m, n, k int
	ends    []int32
	acc     bool
	totals  uint64 // scratch of totalsBytes, if the caller uses scratch, too
}

// choose returns the kernel for p.
func (b *Backend) choose(p *product) multiplier {
	switch {
	case p.a.typ != int32(tensor.BF16) || p.b.typ != int32(tensor.BF16):
		return fma[p.form]
	case p.a.wide == 0 || p.b.wide == 0:
		return ragged[p.form]
	case b.options.Plain:
		return small[p.form]
	case p.form == forward && p.ends == nil && p.m <= fewRows && b.agrees(few, forward):
		return few
	}
	for _, t := range b.warpgroups(p) {
		if t.tiles(p) >= b.leastTiles && b.agrees(t, p.form) {
			return t
		}
	}
	if l := large[p.form]; l.tiles(p) >= int(b.device.about.multiprocessors) {
		return l
	}
	return small[p.form]
}

// multiply launches a product.
func (b *Backend) multiply(p product) {
	if p.m > 0 && p.n > 0 {
		b.choose(&p).multiply(b, &p)
	}
}

func (t tiling) called() string { return t.name }

func (t tiling) multiply(b *Backend, p *product) {
	swapped := t == few
	if swapped {
		p.a, p.b, p.m, p.n = p.b, p.a, p.n, p.m
	}
	a := b.arrange(p, t.tile)
	a.transposed = flag(swapped)
	launch(b, t.kernel, int(a.blocks), a)
}

// arrange returns the arguments of p in tiles.
func (b *Backend) arrange(p *product, t tile) productArgs {
	a := productArgs{y: p.y, a: p.a, b: p.b, bias: p.bias, m: int32(p.m), n: int32(p.n), k: int32(p.k),
		acc: flag(p.acc)}
	down, across := ceil(p.m, t.down), ceil(p.n, t.across)
	if p.ends != nil {
		parts := p.parts(t)
		b.reserve(16 * len(parts))
		a.parts = send(b, parts)
		if down = len(parts); p.form == gradW {
			down *= ceil(p.m, t.down)
		}
	}
	if a.totals = p.totals; a.totals == 0 {
		a.totals = b.scratchOf(b.totalsBytes())[0]
	}
	a.down, a.across = int32(down), int32(across)
	a.blocks = int32(min(down*across, t.perProcessor*int(b.device.about.multiprocessors)))
	return a
}

// totalsBytes returns the bytes of the totals that any product may keep.
func (b *Backend) totalsBytes() int {
	list := []tile{large[forward].tile, small[forward].tile, few.tile}
	if b.device.hasWarpgroups() {
		list = append(list, wgmma[forward][0].tile)
	}
	most := 0
	for _, t := range list {
		most = max(most, 4*t.down*t.across*t.perProcessor*int(b.device.about.multiprocessors))
	}
	return most
}

// parts returns the rows of tiles of all groups; for dW, the groups.
func (p *product) parts(t tile) []part {
	var list []part
	first := 0
	for e, end := range p.ends {
		switch p.form {
		case gradW:
			list = append(list, part{first: int32(first), end: end, base: int32(e * p.m)})
		default:
			each := p.n // rows of w
			if p.form == gradX {
				each = p.k
			}
			for row := first; row < int(end); row += t.down {
				list = append(list, part{first: int32(row), end: end, base: int32(e * each)})
			}
		}
		first = int(end)
	}
	return list
}
