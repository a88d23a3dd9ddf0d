//go:build purego || !amd64

package cpu

const peakFlops = 0

func (isa) peak(int) bool { return false }
