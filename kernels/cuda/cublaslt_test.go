//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"spell/kernels/cuda/cudatest"
)

// TestLibrary compares products by cublasLt with those of a kernel, bit by bit, amid NaNs: sums of less than a run,
// of a run, of several, added to y and not. What the library cannot compute so, kernels do.
func TestLibrary(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Library: true})
	left := cudatest.Left(t)
	for _, c := range []struct {
		form       form
		shape      [3]int
		more, bias bool // y is of bf16 and added to
		by         string
	}{
		{form: forward, shape: [3]int{260, 150, 64}, by: "cublasLt"},
		{form: forward, shape: [3]int{34, 24, productRun}, by: "cublasLt"},
		{form: forward, shape: [3]int{34, 24, 2*productRun + 100}, by: "cublasLt"},
		{form: forward, shape: [3]int{40, 101, 70}, more: true, by: "cublasLt"},
		{form: forward, shape: [3]int{40, 101, 70}, more: true, bias: true},
		{form: forward, shape: [3]int{34, 24, productRun + 8}, more: true},
		{form: forward, shape: [3]int{fewRows, 300, 64}},
		{form: gradX, shape: [3]int{40, 100, 72}, by: "cublasLt"},
		{form: gradX, shape: [3]int{40, 100, 72}, more: true, by: "cublasLt"},
		{form: gradX, shape: [3]int{34, 24, productRun + 9}, by: "cublasLt"},
		{form: gradW, shape: [3]int{40, 100, 72}},
	} {
		err := faultOf(t, func(b *Backend) {
			b.leastTiles = 1
			p := newProductCase(b, c.form, c.shape, c.more)
			defer p.around.Arena.Free()
			if !c.bias {
				p.bias = mat{}
			}
			taken := b.choose(&p.product)
			if name := taken.called(); (name == "cublasLt") != (c.by != "") {
				t.Errorf("%+v is taken by %s", c, name)
			}
			want := p.by(b, small[c.form])
			for range 3 { // of several runs, the last ones as graphs
				if !bytes.Equal(p.by(b, taken), want) {
					t.Errorf("%+v: other bits than those of %s", c, small[c.form].name)
				}
			}
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if n := cudatest.Left(t) - left; n != 0 {
		t.Errorf("%d things have not been given back", n)
	}
}

// TestFailingLibrary: a cublasLt of other bits, without algorithms or whose calls fail is not used, and people are
// told. A product that fails is an error.
func TestFailingLibrary(t *testing.T) {
	const both, without = "products by mma.sync, mma.sync with operands exchanged, cublasLt, of the same bits",
		"products by mma.sync, mma.sync with operands exchanged, of the same bits; not by cublasLt"
	for _, c := range []struct{ settings, says string }{
		{"", both},
		{"tensor=80", without + ", of other bits"},
		{"cublaslt=80", without + ", of other bits"},
		{"cublaslt=0", without + ", of other bits"},
		{"fail=cublasLtCreate:1:3", without + ": cublasLtCreate failed with the status 3"},
		{"fail=cublasLtMatmulDescCreate:1:3", without + ": cublasLtMatmulDescCreate failed with the status 3"},
		{"fail=cublasLtMatmulDescSetAttribute:1:3", without + ": cublasLtMatmulDescSetAttribute failed"},
		{"fail=cublasLtMatrixLayoutCreate:2:3", without + ": cublasLtMatrixLayoutCreate failed"},
		{"fail=cublasLtMatmulPreferenceCreate:1:3", without + ": cublasLtMatmulPreferenceCreate failed"},
		{"fail=cublasLtMatmulPreferenceSetAttribute:2:3", without + ": cublasLtMatmulPreferenceSetAttribute failed"},
		{"fail=cublasLtMatmulAlgoGetHeuristic:1:3", without + ": cublasLtMatmulAlgoGetHeuristic failed"},
		{"fail=cublasLtMatmulAlgoConfigGetAttribute:1:3", without + ": cublasLtMatmulAlgoConfigGetAttribute failed"},
	} {
		cudatest.Use(t, cudatest.Device{Library: true, Settings: "sm=80 " + c.settings})
		left := cudatest.Left(t)
		err := faultOf(t, func(b *Backend) {
			if got := b.Products(); !strings.HasPrefix(got, c.says) {
				t.Errorf("%q: %s; not %s", c.settings, got, c.says)
			}
		})
		if n := cudatest.Left(t) - left; n != 0 || err != nil {
			t.Errorf("%q: %d things have not been given back: %v", c.settings, n, err)
		}
	}
	cudatest.Use(t, cudatest.Device{Library: true, Settings: "sm=80 fail=cublasLtMatmul:1:13"})
	err := faultOf(t, func(b *Backend) { b.Products() })
	if err == nil || !strings.Contains(fmt.Sprint(err), "cublasLtMatmul for 1 launches failed with the status 13") {
		t.Errorf("a product that fails: %v", err)
	}
}
