//go:build !(cuda && cgo && linux)

package cuda

import (
	"strings"
	"testing"
)

// TestAbsent: a program without CUDA says how to build one with it.
func TestAbsent(t *testing.T) {
	b, err := Open(Options{})
	if b != nil || !IsAbsent(err) || !strings.Contains(err.Error(), "-tags cuda") {
		t.Errorf("opened %v: %v", b, err)
	}
}
