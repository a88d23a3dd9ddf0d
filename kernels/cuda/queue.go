//go:build cuda && cgo && linux

package cuda

// #include "driver.h"
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"spell/kernels"
)

const (
	maxLaunches   = 128 // before the device gets them
	payloadAlign  = 16  // bytes, of every list
	argumentAlign = 64
)

// A queue holds launches that the device has not got yet, with their arguments and payload: what
// operations read beside matrices, such as lists of rows. When one payload is full the host goes on in
// the other, while the device works on the first. When the device has been waited for, both are empty.
type queue struct {
	launches []C.launch
	names    []string
	args     []byte
	payloads [payloads]payload
	filling  int // which of them
}

// A payload is memory of the host that is copied to the device before the launches.
type payload struct {
	host   unsafe.Pointer
	device uint64
	size   int
	used   int
	copied int            // of the bytes used
	event  unsafe.Pointer // when the device is done with it
	sent   bool           // and not waited for
	tables [tableKinds]place
}

// A place is bytes of a payload.
type place struct{ at, size int }

// launch appends a launch of that many blocks, none if there are none.
func launch[A any](b *Backend, k *kernel[A], blocks int, args A) {
	if blocks == 0 {
		return
	}
	b.add(C.launch{function: b.function(k.entry), blocks: C.uint(blocks), threads: C.uint(k.threads),
		shared: C.uint(k.shared)}, k.name, unsafe.Slice((*byte)(unsafe.Pointer(&args)), unsafe.Sizeof(args)))
}

// add appends a launch with its arguments.
func (b *Backend) add(l C.launch, name string, args []byte) {
	q := &b.queue
	at := (len(q.args) + argumentAlign - 1) / argumentAlign * argumentAlign
	q.args = append(q.args, make([]byte, at-len(q.args))...)
	q.args = append(q.args, args...)
	l.args, l.size = C.size_t(at), C.size_t(len(args))
	q.launches = append(q.launches, l)
	q.names = append(q.names, name)
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
	q := &b.queue
	if p := &q.payloads[q.filling]; p.used+n <= p.size {
		return
	}
	b.flush()
	q.filling = 1 - q.filling
	p := &q.payloads[q.filling]
	if p.sent {
		b.must(b.device.failure(C.cuda_wait(b.device.c, p.event), ""))
	}
	p.clear()
	if n > p.size {
		b.must(b.device.synchronize())
		b.must(b.freeGraphs())
		b.must(b.freePayload(p))
		b.must(b.allocPayload(p, payloadFor(n)))
	}
}

// clear empties a payload that the device is done with.
func (p *payload) clear() {
	p.used, p.copied, p.sent = 0, 0, false
	clear(p.tables[:])
}

// rewind empties both payloads when the device has been waited for, and no operation is under way.
func (q *queue) rewind() {
	for i := range q.payloads {
		q.payloads[i].clear()
	}
	q.filling = 0
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

// freePayload frees what allocPayload made, all or a part of it.
func (b *Backend) freePayload(p *payload) (err error) {
	d := b.device
	keep := func(o C.outcome) { err = errors.Join(err, d.failure(o, "")) }
	if p.host != nil {
		keep(C.cuda_free_host(d.c, p.host))
	}
	if p.device != 0 {
		keep(C.cuda_free(d.c, C.uint64_t(p.device)))
	}
	if p.event != nil {
		keep(C.cuda_free_event(d.c, p.event))
	}
	*p = payload{}
	return err
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

// Kinds of tables that operations one after the other often have in common.
const (
	blockTable = iota
	wholeTable
	partTable
	mergeTable
	tableKinds
)

// sendTable is send for a list of a kind, which goes only if it is not the last one of its kind again.
func sendTable[E any](b *Backend, kind int, list []E) uint64 {
	if len(list) == 0 {
		return 0
	}
	p := &b.queue.payloads[b.queue.filling]
	host := unsafe.Slice((*byte)(p.host), p.size)
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), len(list)*int(unsafe.Sizeof(list[0])))
	if t := p.tables[kind]; bytes.Equal(host[t.at:t.at+t.size], raw) {
		return p.device + uint64(t.at)
	}
	p.tables[kind] = place{p.used, len(raw)}
	return send(b, list)
}

// flush gives the device what has gathered.
func (b *Backend) flush() {
	q := &b.queue
	if len(q.launches) == 0 {
		return
	}
	p := &q.payloads[q.filling]
	graph := b.graphs.of(b)
	var done C.int
	o := C.cuda_run(b.device.c, unsafe.SliceData(q.launches), C.int(len(q.launches)),
		(*C.uint8_t)(unsafe.SliceData(q.args)), graph, C.uint64_t(p.device)+C.uint64_t(p.copied),
		unsafe.Add(p.host, p.copied), C.size_t(p.used-p.copied), p.event, &done)
	n := int(done)
	for _, name := range q.names[:max(0, n)] {
		if !slices.Contains(b.device.recent, name) {
			b.device.recent = append(b.device.recent, name)
		}
	}
	var err error
	if o.code != 0 && n >= 0 && n < len(q.launches) && q.launches[n].product == nil {
		l := q.launches[n]
		err = b.device.failure(o, "of %s in %d blocks of %d threads with %d bytes of shared memory", q.names[n],
			l.blocks, l.threads, l.shared)
	} else {
		err = b.device.failure(o, "for %d launches", len(q.launches))
	}
	q.launches, q.names, q.args = q.launches[:0], q.names[:0], q.args[:0]
	p.copied, p.sent = p.used, true
	b.must(err)
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
