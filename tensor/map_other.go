//go:build !unix && !windows

package tensor

// Nothing is mapped here: these are declared so that the sentence in unsupported.go is the only
// error of a build.

const pageSize = 1

func mapMemory(int) ([]byte, func() error, error) { panic("tensor: no mapped memory") }
