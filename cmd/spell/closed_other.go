//go:build !(cgo && unix)

package main

// outputClosed reports whether the program was started without a standard output; without C it
// cannot be known.
func outputClosed() bool { return false }
