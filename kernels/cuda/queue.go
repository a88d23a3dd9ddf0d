//go:build cuda && cgo && linux

package cuda

// #include "driver.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	"spell/kernels"
)

const (
	maxLaunches   = 128     // before the device gets them
	payloadAlign  = 16      // bytes, of every list
	leastPayload  = 1 << 20 // bytes
	argumentAlign = 64
)

// A queue holds launches that the device has not got yet, with their arguments and payload: what
// operations read beside matrices, such as lists of rows. While the device works on one payload the
// host fills the other.
type queue struct {
	launches []C.launch
	names    []string
	args     []byte
	payloads [2]payload
	filling  int // which of them
}

// A payload is memory of the host that is copied to the device before the launches.
type payload struct {
	host   unsafe.Pointer
	device uint64
	size   int
	used   int
	event  unsafe.Pointer // when the device is done with it
	sent   bool           // and not waited for
}

// launch appends a launch of that many blocks, none if there are none.
func launch[A any](b *Backend, k *kernel[A], blocks int, args A) {
	if blocks == 0 {
		return
	}
	f := b.function(k.entry)
	q := &b.queue
	at := (len(q.args) + argumentAlign - 1) / argumentAlign * argumentAlign
	size := int(unsafe.Sizeof(args))
	q.args = slices.Grow(q.args, at+size-len(q.args))[:at+size]
	copy(q.args[at:], unsafe.Slice((*byte)(unsafe.Pointer(&args)), size))
	q.launches = append(q.launches, C.launch{function: f, args: C.size_t(at), size: C.size_t(size),
		blocks: C.uint(blocks), threads: C.uint(k.threads), shared: C.uint(k.shared)})
	q.names = append(q.names, k.name)
	if len(q.launches) == maxLaunches {
		b.flush()
	}
}

// reserve makes room for lists of that many bytes in all, so that they travel together. It comes before
// the first send of an operation.
func (b *Backend) reserve(bytes ...int) {
	n := 0
	for _, size := range bytes {
		n += (size + payloadAlign - 1) / payloadAlign * payloadAlign
	}
	p := &b.queue.payloads[b.queue.filling]
	if p.used+n <= p.size {
		return
	}
	b.flush()
	p = &b.queue.payloads[b.queue.filling]
	if n > p.size {
		b.must(b.device.synchronize())
		b.must(b.freePayload(p))
		b.must(b.allocPayload(p, n+n/2))
	}
}

// allocPayload makes a payload of that many bytes.
func (b *Backend) allocPayload(p *payload, bytes int) error {
	d := b.device
	*p = payload{size: bytes}
	if err := d.failure(C.cuda_alloc_host(d.c, C.size_t(bytes), &p.host), "of %d bytes for lists", bytes); err != nil {
		return err
	}
	address, err := d.alloc(bytes, "lists")
	if err != nil {
		return err
	}
	p.device = address
	return d.failure(C.cuda_event(d.c, &p.event), "")
}

// freePayload frees what allocPayload made.
func (b *Backend) freePayload(p *payload) error {
	d := b.device
	for _, o := range []C.outcome{C.cuda_free_host(d.c, p.host), C.cuda_free(d.c, C.uint64_t(p.device)),
		C.cuda_free_event(d.c, p.event)} {
		if err := d.failure(o, ""); err != nil {
			return err
		}
	}
	*p = payload{}
	return nil
}

// send appends a list to the payload and returns its address on the device, 0 of none.
func send[E any](b *Backend, list []E) uint64 {
	if len(list) == 0 {
		return 0
	}
	p := &b.queue.payloads[b.queue.filling]
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), len(list)*int(unsafe.Sizeof(list[0])))
	at := p.used
	copy(unsafe.Slice((*byte)(p.host), p.size)[at:], raw)
	p.used = (at + len(raw) + payloadAlign - 1) / payloadAlign * payloadAlign
	return p.device + uint64(at)
}

// flush gives the device what has gathered, and turns to the other payload.
func (b *Backend) flush() {
	q := &b.queue
	p := &q.payloads[q.filling]
	if len(q.launches) == 0 && p.used == 0 {
		return
	}
	var done C.int
	o := C.cuda_run(b.device.c, unsafe.SliceData(q.launches), C.int(len(q.launches)),
		(*C.uint8_t)(unsafe.SliceData(q.args)), C.uint64_t(p.device), p.host, C.size_t(p.used), p.event, &done)
	n := int(done)
	for _, name := range q.names[:max(0, n)] {
		if !slices.Contains(b.device.recent, name) {
			b.device.recent = append(b.device.recent, name)
		}
	}
	var err error
	if o.code != 0 && n >= 0 && n < len(q.launches) {
		l := q.launches[n]
		err = b.device.failure(o, "of %s in %d blocks of %d threads with %d bytes of shared memory", q.names[n],
			l.blocks, l.threads, l.shared)
	} else {
		err = b.device.failure(o, "before %d launches", len(q.launches))
	}
	q.launches, q.names, q.args = q.launches[:0], q.names[:0], q.args[:0]
	p.used, p.sent = 0, true
	q.filling = 1 - q.filling
	b.must(err)
	if p := &q.payloads[q.filling]; p.sent {
		b.must(b.device.failure(C.cuda_wait(b.device.c, p.event), ""))
		p.sent = false
	}
}

// fault returns what f panics with, if that is a fault.
func fault(f func()) (err error) {
	defer func() {
		r := recover()
		if cause, ok := r.(*kernels.Fault); ok {
			err = cause
		} else if r != nil {
			panic(r)
		}
	}()
	f()
	return nil
}

// must panics with a fault unless err is nil.
func (b *Backend) must(err error) {
	if err != nil {
		panic(&kernels.Fault{Err: fmt.Errorf("%s: %w", b.Name(), err)})
	}
}
