//go:build purego || !(amd64 || arm64)

package cpu

func (isa) widenInt8(dst []float32, b int8Panel) { widenInt8Generic(dst, b) }

func (isa) productInt8(*tile, []float32, []float32, int8Panel, []float32, int) {
	panic("cpu: no product with int8 panels in plain Go")
}
