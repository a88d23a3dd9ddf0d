//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// warpgroupShapes are rows, columns and depth of products: less than a tile, several tiles of which a block
// takes more than one, remainders of everything, and sums of several runs.
var warpgroupShapes = [][3]int{
	{1, 8, 8}, {5, 33, 70}, {130, 260, 129}, {260, 300, 64}, {9, 24, 2*productRun + 100},
}

// TestWarpgroups compares products by warpgroups with those by mma.sync, bit by bit, amid NaNs.
func TestWarpgroups(t *testing.T) {
	for _, d := range []cudatest.Device{{}, {Settings: "late=0 order=down"}} {
		compareWarpgroups(t, d, warpgroupShapes)
	}
}

// TestWarpgroupsChecked does the same with every access to memory checked, in several orders.
func TestWarpgroupsChecked(t *testing.T) {
	for _, order := range []string{"order=up", "order=random seed=5", "order=random seed=6 late=0"} {
		compareWarpgroups(t, cudatest.Device{Checked: true, Settings: order}, [][3]int{{5, 33, 70}, {130, 260, 460}})
	}
}

func compareWarpgroups(t *testing.T, d cudatest.Device, shapes [][3]int) {
	t.Helper()
	cudatest.Use(t, d)
	for f, tilings := range wgmma {
		for _, tiling := range tilings {
			for n, s := range shapes {
				t.Run(fmt.Sprintf("%s/%dx%dx%d/%s", tiling.name, s[0], s[1], s[2], d.Settings), func(t *testing.T) {
					err := faultOf(t, func(b *Backend) {
						c := newProductCase(b, form(f), s, n%2 == 0)
						defer c.around.Arena.Free()
						if !bytes.Equal(c.by(b, small[f]), c.by(b, tiling)) {
							t.Errorf("other bits than those of %s", small[f].name)
						}
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// A productCase is a product, and what its y and what lies around it hold before.
type productCase struct {
	product
	around tensor.Mat
	before []byte
}

// newProductCase draws a product. Among its operands are NaNs, where no product may look. With more, y is of
// bf16 and added to, and has a bias, where the form knows them.
func newProductCase(b *Backend, f form, shape [3]int, more bool) *productCase {
	m, n, k := shape[0], shape[1], shape[2]
	r := rand.New(rand.NewPCG(3, uint64(m)))
	arena, err := b.Alloc("products", 16<<20)
	b.must(err)
	c := &productCase{}
	draw := func(typ tensor.DType, rows, cols int) mat {
		c.around = arena.New(typ, rows+3, (cols+15)/8*8)
		c.before = bytes.Repeat([]byte{0xff}, c.around.Len()*typ.Size())
		for i := range rows * cols {
			bits := binary.LittleEndian.AppendUint32(nil,
				uint32(r.IntN(2))<<31|uint32(118+r.IntN(10))<<23|r.Uint32N(1<<23))
			copy(c.before[(i/cols*c.around.Cols+i%cols)*typ.Size():], bits[4-typ.Size():])
		}
		b.Write(c.around, c.before)
		part := c.around.Slice(0, rows)
		part.Cols = cols
		return operand("test", part)
	}
	c.form, c.m, c.n, c.k = f, m, n, k
	switch f {
	case forward:
		c.a, c.b = draw(tensor.BF16, m, k), draw(tensor.BF16, n, k)
	case gradX:
		c.a, c.b = draw(tensor.BF16, m, k), draw(tensor.BF16, k, n)
	case gradW:
		c.a, c.b = draw(tensor.BF16, k, m), draw(tensor.BF16, k, n)
	}
	typ := tensor.F32
	if more && f != gradW {
		typ, c.acc = tensor.BF16, true
	}
	if more && f == forward {
		c.bias = draw(tensor.BF16, 1, n)
	}
	c.y = draw(typ, m, n)
	return c
}

// by returns y, and what lies around it, after the product by a kernel.
func (c *productCase) by(b *Backend, t multiplier) []byte {
	b.Write(c.around, c.before)
	p := c.product
	t.multiply(b, &p)
	after := make([]byte, len(c.before))
	b.Read(after, c.around)
	return after
}

// TestProbe: kernels whose bits are not those of the others are found, and not taken.
func TestProbe(t *testing.T) {
	for _, c := range []struct{ settings, says, takes string }{
		{"", "products by mma.sync, mma.sync with operands exchanged, wgmma, of the same bits", "wgmma_forward_wide"},
		{"tensor=80", "products by mma.sync, mma.sync with operands exchanged, wgmma, of the same bits",
			"wgmma_forward_wide"},
		{"sm=80", "products by mma.sync, mma.sync with operands exchanged, of the same bits", "matmul_large"},
		{"wgmma=80", "products by mma.sync, mma.sync with operands exchanged, of the same bits; not by " +
			"wgmma_forward_wide, wgmma_forward_narrow, wgmma_grad_x_wide, wgmma_grad_x_narrow, wgmma_grad_w_wide, " +
			"wgmma_grad_w_narrow, of other bits", "matmul_large"},
	} {
		cudatest.Use(t, cudatest.Device{Settings: c.settings})
		err := faultOf(t, func(b *Backend) {
			b.leastTiles = 1
			wide := mat{typ: int32(tensor.BF16), wide: 1}
			if got := b.choose(&product{form: forward, a: wide, b: wide, m: 512, n: 512,
				k: 64}).called(); got != c.takes {
				t.Errorf("%q: a product is taken by %s, not %s", c.settings, got, c.takes)
			}
			if got := b.Products(); got != c.says {
				t.Errorf("%q: %s; not %s", c.settings, got, c.says)
			}
		})
		if err != nil {
			t.Errorf("%q: %v", c.settings, err)
		}
	}
}

// TestTensorMapFails: an operand that the driver refuses to describe is named by its size.
func TestTensorMapFails(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Settings: "fail=cuTensorMapEncodeTiled:1:1"})
	err := faultOf(t, func(b *Backend) {
		c := newProductCase(b, forward, [3]int{5, 33, 70}, false)
		defer c.around.Arena.Free()
		c.by(b, wgmma[forward][0])
	})
	if err == nil || !strings.Contains(err.Error(), "cuTensorMapEncodeTiled of [5, 70] in boxes of 128 lines failed") {
		t.Errorf("a failing cuTensorMapEncodeTiled: %v", err)
	}
}
