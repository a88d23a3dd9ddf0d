//go:build purego || !amd64

package cpu

func bestISA() isa { return generic }
