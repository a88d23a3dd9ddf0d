//go:build purego || !(amd64 || arm64)

package cpu

func (isa) product(t *tile, c, a, b, bias []float32, m int) { productGeneric(t, c, a, b, bias, m) }

// skinny says whether productHalf takes products of m rows: never.
func (isa) skinny(int) bool { return false }

func (isa) productHalf(*tile, []float32, []float32, []uint16, []float32, int) {
	panic("cpu: no product with bf16 panels in plain Go")
}
