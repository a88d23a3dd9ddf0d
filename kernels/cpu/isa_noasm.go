//go:build purego || !(amd64 || arm64)

package cpu

func (s isa) present() bool { return s == generic }
