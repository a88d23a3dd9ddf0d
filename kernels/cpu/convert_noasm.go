//go:build purego || !amd64

package cpu

func (isa) widen(dst []float32, src []uint16) { widenGeneric(dst, src) }

func (isa) narrow(dst []uint16, src []float32) { narrowGeneric(dst, src) }

func (isa) round(x []float32) { roundGeneric(x) }

func (isa) load(dst []float32, ldd int, m *mat, i, rows, j, cols int) {
	loadGeneric(dst, ldd, m, i, rows, j, cols)
}

func (isa) transpose(dst []float32, ldd int, src []float32, lds, cols int) {
	transposeGeneric(dst, ldd, src, lds, cols)
}
