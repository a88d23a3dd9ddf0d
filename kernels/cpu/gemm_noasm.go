//go:build purego || !amd64

package cpu

func (s isa) product(t *tile, c, a, b, bias []float32, m int) { productGeneric(t, c, a, b, bias, m) }
