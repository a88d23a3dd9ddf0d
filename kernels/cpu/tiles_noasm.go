//go:build purego || !(amd64 || arm64)

package cpu

func (isa) dotLayout() layout { return floats }

func (isa) dotsFaster() bool { return false }

func (isa) product(t *tile, c, a, b, bias []float32, m int) { productGeneric(t, c, a, b, bias, m) }

// smallM and readsPairs report whether there are productInt8 and productPairs for some rows: never.
func (isa) smallM(int) bool { return false }

func (isa) readsPairs(int, int) bool { return false }

func (isa) productPairs(*tile, []float32, []float32, []float32, []float32, int) {
	panic("cpu: no product with pairs in plain Go")
}

func (isa) productDots(*tile, []float32, []float32, []float32, []float32, int) {
	panic("cpu: no product of pairs in plain Go")
}
