//go:build cuda && cgo && linux

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

// Matrices in the host's memory go through the device in slabs of rows, in two slots by turns: the stream of
// launches copies a slab to its slot and works on it, another stream copies it back, while the next slab is on its
// way to the other slot.

// A stage is the slots. It is made with the first arena of the host's memory.
type stage struct {
	slots [slots]slot
	next  int
	back  unsafe.Pointer // the stream that copies back
}

// A slot is memory of the device for a slab.
type slot struct {
	scratch
	ready, done unsafe.Pointer // events: launches have filled it; it has been copied back
	filling     [][]byte       // what it is copied back to
}

// onHost reports whether the elements of m lie in the host's memory.
func onHost(m tensor.Mat) bool { return m.Arena != nil && m.Arena.Host != nil }

// hostBytes returns the rows of m, which lie one after the other.
func hostBytes(m tensor.Mat) []byte {
	if m.Type == tensor.M8 || m.Type == tensor.V8 {
		m = m.Words()
	}
	kernels.Check("host memory", m.Contiguous(), "%v has gaps between its rows", m)
	size := m.Type.Size()
	return m.Arena.Host[m.Off*size:][:m.Len()*size]
}

// StreamBytes returns what the device holds of the host's matrices.
func (b *Backend) StreamBytes() int { return slots * slotBytes(b.slab()) }

// slab returns the bytes of a slab.
func (b *Backend) slab() int {
	if b.options.Slab > 0 {
		return b.options.Slab
	}
	return slabBytes
}

// AllocHost maps an arena in the host's memory: pinned, if the system allows so much, which makes copies faster.
func (b *Backend) AllocHost(name string, bytes int) (*tensor.Arena, error) {
	if err := b.openStage(); err != nil {
		return nil, err
	}
	d, size := b.device, max(bytes, tensor.Align)
	var p unsafe.Pointer
	var memory []byte
	var release func() error
	if o := C.cuda_alloc_host(d.c, C.size_t(size), &p); o.code == 0 {
		memory = unsafe.Slice((*byte)(p), size)
		clear(memory)
		release = func() error { return d.failure(C.cuda_free_host(d.c, p), "") }
	} else {
		a, err := tensor.MapArena(name, size)
		if err != nil {
			return nil, err
		}
		memory, release = a.Host, a.Free
	}
	b.arenas++
	return tensor.NewArena(name, size, memory, 0, func() error {
		var err error
		if !b.closed {
			err = fault(b.settle)
		}
		b.arenas--
		return errors.Join(err, release(), b.leave())
	}), nil
}

// openStage makes the stage, once.
func (b *Backend) openStage() error {
	s, d := &b.stage, b.device
	if s.back != nil {
		return nil
	}
	for i := range s.slots {
		k := &s.slots[i]
		if err := errors.Join(d.failure(C.cuda_event(d.c, &k.ready), ""), d.failure(C.cuda_event(d.c, &k.done), ""),
			k.fit(d, slotBytes(b.slab()))); err != nil {
			return errors.Join(err, s.free(d))
		}
	}
	return d.failure(C.cuda_copy_stream(d.c, &s.back), "")
}

// fit makes the slot hold n bytes. Nothing uses it.
func (k *slot) fit(d *device, n int) error {
	if n <= k.size {
		return nil
	}
	if err := k.scratch.free(d); err != nil {
		return err
	}
	address, err := d.alloc(n, "slabs of the host's matrices")
	if err == nil {
		k.scratch = scratch{address, n}
	}
	return err
}

// free frees the stage. The device has been waited for.
func (s *stage) free(d *device) (err error) {
	keep := func(e error) { err = errors.Join(err, e) }
	if s.back != nil {
		keep(d.failure(C.cuda_synchronize(d.c, s.back), ""))
		keep(d.failure(C.cuda_free_stream(d.c, s.back), ""))
	}
	for i := range s.slots {
		k := &s.slots[i]
		keep(k.scratch.free(d))
		for _, event := range []unsafe.Pointer{k.ready, k.done} {
			if event != nil {
				keep(d.failure(C.cuda_free_event(d.c, event), ""))
			}
		}
	}
	*s = stage{}
	return err
}

// settle waits until the host's matrices hold what the operations so far leave there, and nothing reads them.
func (b *Backend) settle() {
	b.flush()
	b.must(b.device.synchronize())
	if s := &b.stage; s.back != nil {
		b.must(b.device.failure(C.cuda_synchronize(b.device.c, s.back), ""))
		for i := range s.slots {
			s.slots[i].filling = nil
		}
	}
}

// staged is an operand that may lie in the host's memory, and whether an operation reads and writes it.
type staged struct {
	m       tensor.Mat
	in, out bool
	types   []tensor.DType // of its elements beside f32 and bf16
}

// staged calls f, which launches an operation, for rows [from, to) of all operands on the device: once for all of
// them if none lies in the host's memory.
func (b *Backend) staged(op string, rows int, list []staged, f func(from, to int, m []mat)) {
	bytes := 0 // of a row, with the host
	for _, o := range list {
		if onHost(o.m) {
			bytes += o.m.Stride * o.m.Type.Size()
		}
	}
	m := make([]mat, len(list))
	if bytes == 0 {
		for i, o := range list {
			m[i] = operand(op, o.m, o.types...)
		}
		f(0, rows, m)
		return
	}
	chunks(rows, max(1, b.slab()/bytes), func(from, to int) {
		k := b.takeSlot(slotBytes((to - from) * bytes))
		at := 0
		var back []uint64
		for i, o := range list {
			part := o.m.Slice(from, to)
			if !onHost(part) {
				m[i] = operand(op, part, o.types...)
				continue
			}
			raw, place := hostBytes(part), k.address+uint64(at)
			at += (len(raw) + tensor.Align - 1) / tensor.Align * tensor.Align
			if o.in {
				b.await(raw)
				b.must(b.device.upload(place, raw))
			}
			if o.out {
				k.filling, back = append(k.filling, raw), append(back, place)
			}
			m[i] = matAt(place, part)
		}
		f(from, to, m)
		b.flush()
		b.copyBack(k, back)
	})
}

// takeSlot returns the next slot, for a slab that takes n bytes of it, in the order of launches.
func (b *Backend) takeSlot(n int) *slot {
	s := &b.stage
	k := &s.slots[s.next]
	s.next = (s.next + 1) % slots
	if n > k.size {
		b.settle()
		b.must(k.fit(b.device, n))
	}
	b.flush()
	if k.filling != nil {
		b.must(b.device.failure(C.cuda_follow(b.device.c, nil, k.done), ""))
		k.filling = nil
	}
	return k
}

// await has the launches to come wait for what is copied back to memory that they read.
func (b *Backend) await(raw []byte) {
	for i := range b.stage.slots {
		k := &b.stage.slots[i]
		for _, f := range k.filling {
			if overlap(f, raw) {
				b.must(b.device.failure(C.cuda_follow(b.device.c, nil, k.done), ""))
				break
			}
		}
	}
}

// overlap reports whether two pieces of memory have bytes in common.
func overlap(a, b []byte) bool {
	x, y := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return x < y+uintptr(len(b)) && y < x+uintptr(len(a))
}

// copyBack copies what the launches so far leave at places of a slot to where it belongs, beside those to come.
func (b *Backend) copyBack(k *slot, places []uint64) {
	if len(places) == 0 {
		return
	}
	c, back := b.device.c, b.stage.back
	b.must(b.device.failure(C.cuda_mark(c, nil, k.ready), ""))
	b.must(b.device.failure(C.cuda_follow(c, back, k.ready), ""))
	for i, raw := range k.filling {
		b.must(b.device.failure(C.cuda_copy_back(c, back, unsafe.Pointer(unsafe.SliceData(raw)),
			C.uint64_t(places[i]), C.size_t(len(raw))), "of %d bytes", len(raw)))
	}
	b.must(b.device.failure(C.cuda_mark(c, back, k.done), ""))
}
