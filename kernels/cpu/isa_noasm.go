//go:build purego || !(amd64 || arm64)

package cpu

// present reports whether this build has s.
func (s isa) present() bool { return s == generic }
