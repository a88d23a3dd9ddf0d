package model

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"spell/kernels"
	"spell/tensor"
)

// A RowReader appends rows [from, to) of a parameter to raw, little-endian, and returns raw with the
// type of its elements, F32 or BF16. Fill calls it from several goroutines.
type RowReader func(raw []byte, s Shape, from, to int) ([]byte, tensor.DType, error)

// A rowChunk is rows [from, to) of a parameter.
type rowChunk struct {
	*Param
	from, to int
}

// rowsRead are what a reader made of a chunk.
type rowsRead struct {
	chunk int
	raw   []byte
	t     tensor.DType
	err   error
}

// Fill sets all parameters to what read returns. Several goroutines read chunks of rows, so that a disk
// has requests to work on while the backend converts others; only as much lies in host memory as the
// readers hold. Of several errors it returns that of the first chunk; if the context ends, its error.
func (w *Weights) Fill(ctx context.Context, b kernels.Backend, read RowReader) error {
	var chunks []rowChunk
	most := 0
	for _, q := range w.Params {
		for from, to := range kernels.RowChunks(q.Rows, q.Cols) {
			chunks = append(chunks, rowChunk{q, from, to})
			most = max(most, tensor.Bytes(tensor.F32, to-from, q.Cols))
		}
	}
	staging := &stagingArea{backend: b, bytes: most}
	defer staging.free()
	full, empty := readChunks(chunks, read)
	var err error
	failed := len(chunks)
	for r := range full {
		if err == nil && r.err == nil {
			r.err = ctx.Err()
		}
		if err == nil && r.err == nil {
			r.err = chunks[r.chunk].set(b, staging, r)
		}
		if r.err != nil && r.chunk < failed {
			err, failed = r.err, r.chunk
			empty.stop() // those before it are read or being read
		}
		empty.put(r)
	}
	return err
}

// A chunkQueue hands chunks out to readers, each with memory to read into.
type chunkQueue struct {
	next    atomic.Int64
	buffers chan *rowsRead
	chunks  []rowChunk
}

// stop lets no more chunks be read.
func (q *chunkQueue) stop() { q.next.Store(int64(len(q.chunks))) }

// put gives memory back.
func (q *chunkQueue) put(r *rowsRead) { q.buffers <- r }

// take returns the next chunk to read; nil if there is none.
func (q *chunkQueue) take() *rowsRead {
	r := <-q.buffers
	if r.chunk = int(q.next.Add(1)) - 1; r.chunk >= len(q.chunks) {
		q.put(r)
		return nil
	}
	return r
}

// readChunks starts the readers. The channel is closed after the last chunk.
func readChunks(chunks []rowChunk, read RowReader) (<-chan *rowsRead, *chunkQueue) {
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	queue := &chunkQueue{buffers: make(chan *rowsRead, 2*readers), chunks: chunks}
	for range cap(queue.buffers) {
		queue.put(&rowsRead{})
	}
	full := make(chan *rowsRead, readers)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for r := queue.take(); r != nil; r = queue.take() {
				c := &chunks[r.chunk]
				r.raw, r.t, r.err = read(r.raw[:0], c.Shape, c.from, c.to)
				full <- r
			}
		})
	}
	go func() {
		group.Wait()
		close(full)
	}()
	return full, queue
}

// A stagingArea is memory of the backend for a chunk whose type is another than its parameter's. It is
// mapped when there is the first.
type stagingArea struct {
	backend kernels.Backend
	bytes   int
	arena   *tensor.Arena
}

func (s *stagingArea) matrix(t tensor.DType, rows, cols int) (tensor.Mat, error) {
	if s.arena == nil {
		var err error
		if s.arena, err = s.backend.Alloc("staging", s.bytes); err != nil {
			return tensor.Mat{}, fmt.Errorf("loading weights: %w", err)
		}
	}
	s.arena.Release(0)
	return s.arena.New(t, rows, cols), nil
}

func (s *stagingArea) free() {
	if s.arena != nil {
		s.arena.Free()
	}
}

// set writes what was read to the parameter and its master copy.
func (c *rowChunk) set(b kernels.Backend, staging *stagingArea, r *rowsRead) error {
	w := c.W.Slice(c.from, c.to)
	if r.t == w.Type {
		b.Write(w, r.raw)
		if hasMaster(c.Param) {
			b.Copy(c.Master.Slice(c.from, c.to), w)
		}
		return nil
	}
	m, err := staging.matrix(r.t, c.to-c.from, c.Cols)
	if err != nil {
		return err
	}
	b.Write(m, r.raw)
	if w.Type == tensor.I8 {
		b.Quantize(w, m)
		return nil
	}
	b.Copy(w, m)
	if hasMaster(c.Param) {
		b.Copy(c.Master.Slice(c.from, c.to), m)
	}
	return nil
}

// hasMaster reports whether a parameter has a master copy apart from its weights.
func hasMaster(q *Param) bool { return q.Stored() != q.W }
