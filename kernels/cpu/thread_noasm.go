//go:build purego || !(amd64 || arm64)

package cpu

const flushed = 0

const spins = 400_000

func floatControl() uint32     { return 0 }
func setFloatControl(c uint32) {}
func pause()                   {}
