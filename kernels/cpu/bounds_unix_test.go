//go:build unix

package cpu

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fence gives out slices that end at a page without access, or begin after one.
type fence struct {
	pages [][]byte
	next  int
	front bool
}

func newFence(t *testing.T, n int) *fence {
	f, page := &fence{}, os.Getpagesize()
	for range n {
		m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Munmap(m) })
		for _, p := range [][]byte{m[:page], m[2*page:]} {
			if err := unix.Mprotect(p, unix.PROT_NONE); err != nil {
				t.Fatal(err)
			}
		}
		f.pages = append(f.pages, m[page:2*page])
	}
	return f
}

// take returns n bytes beside a page without access.
func (f *fence) take(n int) unsafe.Pointer {
	p := f.pages[f.next]
	f.next = (f.next + 1) % len(f.pages)
	if f.front || n == 0 {
		return unsafe.Pointer(&p[0])
	}
	return unsafe.Pointer(&p[len(p)-n])
}

func (f *fence) memory() memory {
	return memory{
		func(n int) []float32 { return unsafe.Slice((*float32)(f.take(4*n)), n) },
		func(n int) []uint16 { return unsafe.Slice((*uint16)(f.take(2*n)), n) },
	}
}

// TestBounds runs every primitive on slices beside memory that it must not touch.
func TestBounds(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	f := newFence(t, 8)
	for _, s := range append(assembly(), generic) {
		for _, p := range primitives {
			for _, n := range lengths() {
				for _, f.front = range []bool{false, true} {
					f.next = 0
					rng := rand.New(rand.NewPCG(uint64(n), 0))
					o := draw(rng, n, 0, f.memory())
					if fault := faults(func() { p.run(s, o) }); fault != nil {
						t.Fatalf("%s of %d elements, %v, fence in front %v: %v", p.name, n, s, f.front, fault)
					}
				}
			}
		}
	}
}

// faults returns what f panics with.
func faults(f func()) (fault any) {
	defer func() { fault = recover() }()
	f()
	return nil
}
