package tensor

import (
	"strings"
	"testing"
)

// TestMapArenaWithoutMemory: what the system cannot map is an error that says what it was for, and
// what to do.
func TestMapArenaWithoutMemory(t *testing.T) {
	a, err := MapArena("key-value cache", 1<<60)
	if err == nil {
		a.Free()
		t.Fatal("2⁶⁰ bytes were mapped")
	}
	for _, s := range []string{
		"MiB of key-value cache", "use a smaller model", "--precision bf16 or int8", "ulimit -v",
	} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q lacks %q", err, s)
		}
	}
}
