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

// tiles returns how many there are in a product of one group.
func (t tile) tiles(p *product) int { return ceil(p.m, t.down) * ceil(p.n, t.across) }

// A tiling is a kernel whose warps multiply, by mma.sync or without tensor cores.
type tiling struct {
	*kernel[productArgs]
	tile
}

func defineTiling(file, name string, t tile, threads, stages int) tiling {
	shared := stages * (t.down + t.across) * productStep * 2
	return tiling{define[productArgs](file, name, threads, shared), t}
}

// defineFMA names a kernel of fma.cu for tiles of side × side.
func defineFMA(name string, side, perProcessor int) tiling {
	return tiling{define[productArgs]("fma.cu", name, 256, 2*fmaStep*(side+4)*4), tile{side, side, perProcessor}}
}

// Of product.h, mma.h and fma.cu.
const (
	productRun  = 2048
	productStep = 32
	fmaStep     = 16
)

// The tilings of each form. Operands whose rows are not aligned to 16 bytes take ragged, those that are
// not both bf16 take fma. Few is for few rows: there y is computed transposed.
var (
	large = [...]tiling{
		defineTiling("matmul.cu", "matmul_large", largeTile, 256, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_x_large", largeTile, 256, 4),
		defineTiling("matmul_grad.cu", "matmul_grad_w_large", tile{128, 128, 1}, 256, 4),
	}
	small = [...]tiling{
		defineTiling("matmul.cu", "matmul_small", smallTile, 128, 3),
		defineTiling("matmul_grad.cu", "matmul_grad_x_small", smallTile, 128, 3),
		defineTiling("matmul_grad.cu", "matmul_grad_w_small", smallTile, 128, 3),
	}
	ragged = [...]tiling{
		defineTiling("matmul.cu", "matmul_ragged", smallTile, 128, 3),
		defineTiling("matmul_grad.cu", "matmul_grad_x_ragged", smallTile, 128, 3),
		defineTiling("matmul_grad.cu", "matmul_grad_w_ragged", smallTile, 128, 3),
	}
	fmaLarge = [...]tiling{defineFMA("fma_forward_large", 128, 1), defineFMA("fma_grad_x_large", 128, 1),
		defineFMA("fma_grad_w_large", 128, 1)}
	fmaSmall = [...]tiling{defineFMA("fma_forward_small", 64, 2), defineFMA("fma_grad_x_small", 64, 2),
		defineFMA("fma_grad_w_small", 64, 2)}
	few = defineTiling("matmul.cu", "matmul_few", fewTile, 64, 6)
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
		return b.bySize(p, fmaLarge[p.form], fmaSmall[p.form])
	case p.a.wide == 0 || p.b.wide == 0:
		return ragged[p.form]
	case b.options.Plain:
		return small[p.form]
	case p.form == forward && p.ends == nil && p.m <= fewRows && b.agrees(few, forward):
		return few
	}
	if t := b.libraryFor(p); t != nil {
		return t
	}
	for _, t := range b.warpgroups(p) {
		if t.tiles(p) >= b.leastTiles && b.agrees(t, p.form) && !b.passOver() {
			return t
		}
	}
	return b.bySize(p, large[p.form], small[p.form])
}

// bySize returns large if p has tiles enough of it for all multiprocessors, else small.
func (b *Backend) bySize(p *product, large, small tiling) tiling {
	if !b.options.Plain && large.tiles(p) >= b.leastTiles && !b.passOver() {
		return large
	}
	return small
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
		a.totals = b.scratchOf(b.device.gpu().totalsBytes())[0]
	}
	a.down, a.across = int32(down), int32(across)
	a.blocks = int32(min(down*across, t.perProcessor*int(b.device.about.multiprocessors)))
	return a
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
