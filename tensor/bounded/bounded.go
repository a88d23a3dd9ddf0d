// Package bounded holds the promise of all readers of model files: what a file merely claims is never
// allocated. Only tests import it.
package bounded

import (
	"runtime"
	"testing"
)

// slack is what a reader may allocate beyond the bytes of its files.
const slack = 64 << 20

// Read calls read, which reads files of n bytes, and fails the test if it allocates more than n bytes
// and 64 MB. All that it allocates counts, freed or not, so that the heap cannot have grown by more
// in between.
func Read(t testing.TB, n int, read func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(n)+slack {
		t.Errorf("reading %d bytes allocated %d", n, took)
	}
}
