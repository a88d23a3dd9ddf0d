//go:build cuda && cgo && linux

package cuda

// #include "driver.h"
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"unsafe"
)

// maxGraphs is how many graphs are kept, and how many lists that have come once are remembered.
const maxGraphs = 64

// A graphs is the lists of launches that have come more than once, as graphs of the driver, which starts all
// launches of one in the time of a few. A pass that decodes a token is the lists of the token before, but for
// what is in the payload: that is copied before the graph starts, so that it need not be the same.
//
// The arguments of a graph are addresses. It starts only in place of launches that are its own to the last bit:
// the same kernels on the same addresses. That is the same work whatever has become of the memory since the
// graph was made, and memory that the operations of this list own now. Nevertheless no graph outlives memory that
// it may name: before any is freed, or moved, all graphs are.
type graphs struct {
	off   error // why there are none
	seed  maphash.Seed
	kept  map[uint64]*graph // by hash
	once  [maxGraphs]uint64 // hashes of lists that have come once, the last ones
	next  int               // the oldest of them
	clock int               // counts uses of graphs
}

// A graph is a list of launches with their arguments, and what the driver made of it.
type graph struct {
	launches []C.launch
	args     []byte
	made     unsafe.Pointer
	used     int // by the clock
}

var (
	errNoGraphs = errors.New("the driver is older than CUDA 11.4")
	errBlocking = errors.New("CUDA_LAUNCH_BLOCKING is set")
	errPlain    = errors.New("plain kernels are asked for")
)

func newGraphs(d *device, o Options) graphs {
	s := graphs{seed: maphash.MakeSeed(), kept: map[uint64]*graph{}}
	switch blocking := os.Getenv("CUDA_LAUNCH_BLOCKING"); {
	case C.cuda_has_graphs(d.c) == 0:
		s.off = errNoGraphs
	case blocking != "" && blocking != "0": // it could not say which kernel of a graph is at fault
		s.off = errBlocking
	case o.Plain:
		s.off = errPlain
	}
	return s
}

// describe says whether there are graphs, and if not, why.
func (s *graphs) describe() string {
	if s.off != nil {
		return fmt.Sprintf("launches one by one, without graphs: %v", s.off)
	}
	return "repeated launches as graphs"
}

// of returns the graph of the list that has gathered, or nil if it comes for the first time or cannot be a graph.
// If the driver fails, that is remembered for people, and lists go on without graphs.
func (s *graphs) of(b *Backend) unsafe.Pointer {
	q := &b.queue
	if s.off != nil || len(q.launches) < 2 {
		return nil
	}
	key := s.hash(q)
	s.clock++
	if g, ok := s.kept[key]; ok {
		if !slices.Equal(g.launches, q.launches) || !bytes.Equal(g.args, q.args) {
			return nil
		}
		g.used = s.clock
		return g.made
	}
	if !slices.Contains(s.once[:], key) {
		s.once[s.next], s.next = key, (s.next+1)%maxGraphs
		return nil
	}
	g := &graph{launches: slices.Clone(q.launches), args: slices.Clone(q.args), used: s.clock}
	if s.off = s.makeRoom(b.device); s.off != nil {
		return nil
	}
	s.off = b.device.failure(C.cuda_capture(b.device.c, unsafe.SliceData(q.launches), C.int(len(q.launches)),
		(*C.uint8_t)(unsafe.SliceData(q.args)), &g.made), "for %d launches", len(q.launches))
	if s.off != nil {
		return nil
	}
	s.kept[key] = g
	return g.made
}

// hash returns a number that equal lists have in common.
func (s *graphs) hash(q *queue) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, name := range q.names {
		h.WriteString(name)
	}
	h.Write(q.args)
	return h.Sum64()
}

// makeRoom frees the graph that has not been used for longest if there is no room for another.
func (s *graphs) makeRoom(d *device) error {
	if len(s.kept) < maxGraphs {
		return nil
	}
	oldest := uint64(0)
	for key, g := range s.kept {
		if o, ok := s.kept[oldest]; !ok || g.used < o.used {
			oldest = key
		}
	}
	g := s.kept[oldest]
	delete(s.kept, oldest)
	return g.free(d)
}

// free frees a graph. If the device is at work on it, the driver does so afterwards.
func (g *graph) free(d *device) error { return d.failure(C.cuda_free_graph(d.c, g.made), "") }

// freeGraphs frees all graphs. Their lists are remembered, and made graphs again when they come again.
func (b *Backend) freeGraphs() (err error) {
	for key, g := range b.graphs.kept {
		err = errors.Join(err, g.free(b.device))
		delete(b.graphs.kept, key)
	}
	return err
}
