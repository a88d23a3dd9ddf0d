package tensor

import (
	"fmt"
	"math"
	"sync/atomic"
)

// Align is the alignment in bytes of every matrix carved from an arena: a cache line, and the
// widest vector register.
const Align = 64

// An Arena is one region of a backend's memory, mapped once, outside the Go heap, and carved
// from the front into matrices. Pages that are never touched cost no memory.
type Arena struct {
	// Host is the memory if the host's processor can address it; nil on a device. Only a backend
	// may look inside.
	Host []byte
	// Device is the address on a device; 0 on the host.
	Device uintptr

	name    string
	whole   *Arena // whose memory it lies in; nil: it has its own
	size    int
	used    int
	peak    int
	version atomic.Uint64
	release func() error
}

// NewArena wraps memory a backend has mapped: size bytes at host or device. release, if not nil,
// unmaps it.
func NewArena(name string, size int, host []byte, device uintptr, release func() error) *Arena {
	a := &Arena{name: name, size: size, Host: host, Device: device, release: release}
	a.version.Store(1)
	return a
}

// MapArena maps size bytes of zeroed host memory. The error of a system that has none left says so.
func MapArena(name string, size int) (*Arena, error) {
	if size < 0 {
		return nil, fmt.Errorf("arena %s: negative size %d", name, size)
	}
	size = max((size+pageSize-1)/pageSize*pageSize, pageSize)
	host, release, err := mapMemory(size)
	if err != nil {
		return nil, fmt.Errorf("there is no memory for the %.1f MiB of %s (%w): use a smaller model, "+
			"--precision bf16 or int8, shorter prompts or passes, or raise the limit (ulimit -v)",
			float64(size)/(1<<20), name, err)
	}
	return NewArena(name, size, host, 0, release), nil
}

// Move gives a the memory of whole from byte from on, in place of what it had. Freeing a leaves whole as it
// is.
func (a *Arena) Move(whole *Arena, from int) {
	if from < 0 || from%Align != 0 || from+a.size > whole.size {
		panic(fmt.Sprintf("tensor: arena %s has %d bytes, from byte %d on %d more are asked for %s", whole.name,
			whole.size, from, a.size, a.name))
	}
	a.whole = whole
	if a.Host, a.Device = nil, 0; whole.Host != nil {
		a.Host = whole.Host[from:][:a.size:a.size]
	}
	if whole.Device != 0 {
		a.Device = whole.Device + uintptr(from)
	}
}

// Whole returns the arena whose memory a was moved to, or a itself.
func (a *Arena) Whole() *Arena {
	if a.whole == nil {
		return a
	}
	return a.whole
}

// planSize is more bytes than any machine has: a plan never runs out of arena.
const planSize = math.MaxInt / 8

// PlanArena returns an arena without memory, in which what carves an arena can be run to learn its
// Peak.
func PlanArena() *Arena { return NewArena("plan", planSize, nil, 0, nil) }

// Name returns what the arena is for.
func (a *Arena) Name() string { return a.name }

// Size returns the arena's capacity in bytes.
func (a *Arena) Size() int { return a.size }

// Used returns the bytes carved off so far.
func (a *Arena) Used() int { return a.used }

// Peak returns the largest Used so far.
func (a *Arena) Peak() int { return a.peak }

// Version returns the number of changes that backends announced with Touch, plus 1.
func (a *Arena) Version() uint64 { return a.version.Load() }

// Touch announces that parameters in the arena have changed, so that whatever was derived from them
// (a packed copy) is stale.
func (a *Arena) Touch() { a.version.Add(1) }

// Free unmaps the arena. Its matrices must not be used any more.
func (a *Arena) Free() error {
	if a.release == nil {
		return nil
	}
	r := a.release
	a.release, a.Host, a.Device = nil, nil, 0
	return r()
}

// New carves a rows × cols matrix off the arena, its first element aligned to Align bytes. The
// memory holds whatever was there before. It panics if the arena is too small: sizes are planned,
// so running over is a mistake of the program.
func (a *Arena) New(t DType, rows, cols int) Mat {
	off := (a.used + Align - 1) / Align * Align
	n := Bytes(t, rows, cols)
	if off+n > a.size {
		panic(fmt.Sprintf("tensor: arena %s holds %d bytes, %d in use, %d more asked for [%d, %d] %s",
			a.name, a.size, a.used, n, rows, cols, t))
	}
	a.used = off + n
	a.peak = max(a.peak, a.used)
	return Mat{Arena: a, Off: off / t.Size(), Rows: rows, Cols: cols, Stride: rowElems(t, cols), Type: t}
}

// Mark returns a position for Release. Both make the arena a stack.
func (a *Arena) Mark() int { return a.used }

// Release gives back what was carved since Mark returned mark.
func (a *Arena) Release(mark int) {
	if mark > a.used {
		panic("tensor: arena released beyond its use")
	}
	a.used = mark
}

// Bytes returns what a rows × cols matrix takes from an arena, rounded up to Align.
func Bytes(t DType, rows, cols int) int {
	return (wholeRows(t, 0, rows)*rowElems(t, cols)*t.Size() + Align - 1) / Align * Align
}
