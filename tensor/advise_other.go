//go:build unix && !linux

package tensor

func advise([]byte) {}
