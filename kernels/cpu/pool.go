package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A call is an operation cut into independent tasks. Which worker runs a task, and when, never
// changes a result: tasks write disjoint memory.
type call interface {
	task(w *worker, i int)
}

// A worker is one thread of execution with its own scratch memory.
type worker struct {
	s    isa
	mem  []float32
	used int // floats of mem that are taken
	rank ranking
}

// take returns n floats of scratch, 64-byte aligned relative to each other, valid until the task
// ends, holding whatever was there before.
func (w *worker) take(n int) []float32 {
	room := (n + 15) &^ 15
	if w.used+room > len(w.mem) {
		// What was taken from the old memory stays alive through its slices.
		w.mem, w.used = make([]float32, max(2*len(w.mem), room, 1<<14)), 0
	}
	b := w.mem[w.used : w.used+n : w.used+n]
	w.used += room
	return b
}

// A pool runs calls on a fixed set of goroutines and the caller's own.
//
// The tasks of a call are dealt out in shares, which workers claim from the front: one share for
// all, or one for each worker, which takes its own first. A claim that succeeds keeps the call
// alive until the task is done. So a worker that wakes late finds either work or nothing, and
// nobody waits for it.
type pool struct {
	workers []worker      // workers[0] is the caller
	shares  []share       // of the running call, one for each worker
	calls   atomic.Uint64 // number of calls so far; a worker that sees a new one claims tasks
	done    atomic.Int64  // tasks of the running call that have ended
	current call          // the running call

	sleepers atomic.Int32  // workers that are parked, or about to be
	wake     chan struct{} // one message wakes one sleeper
	closed   atomic.Bool
	group    sync.WaitGroup
}

// A share holds the tasks that nobody has claimed, [next, end), in one word, alone in its cache
// line.
type share struct {
	word atomic.Uint64
	_    [56]byte
}

const (
	endShift = 32
	maxTasks = 1<<24 - 1
)

// deal sets the tasks.
func (s *share) deal(next, end int) { s.word.Store(uint64(end)<<endShift | uint64(next)) }

// claim takes the next task, and reports whether there was one.
func (s *share) claim() (int, bool) {
	for {
		w := s.word.Load()
		next := w & maxTasks
		if next >= w>>endShift {
			return 0, false
		}
		if s.word.CompareAndSwap(w, w+1) {
			return int(next), true
		}
	}
}

// newPool starts n-1 workers beside the caller.
func newPool(n int, s isa) *pool {
	p := &pool{workers: make([]worker, n), shares: make([]share, n), wake: make(chan struct{}, n)}
	for i := range p.workers {
		p.workers[i].s = s
	}
	for i := 1; i < n; i++ {
		p.group.Add(1)
		go p.serve(i)
	}
	return p
}

// close ends the workers and waits for them.
func (p *pool) close() {
	if !p.closed.Swap(true) {
		for range p.workers {
			p.wake <- struct{}{}
		}
		p.group.Wait()
	}
}

// claim takes a task of the running call for worker rank: from its own share, or else from the next
// that has some.
func (p *pool) claim(rank int) (i int, ok bool) {
	for k := 0; !ok && k < len(p.shares); k++ {
		i, ok = p.shares[(rank+k)%len(p.shares)].claim()
	}
	return i, ok
}

func (p *pool) run(w *worker, i int) {
	w.used = 0
	p.current.task(w, i)
}

// do runs tasks 0…n-1 of c, which begin in that order, and returns when all are done. A call that
// is not parallel costs less than waking another worker, and runs here.
func (p *pool) do(c call, n int, parallel bool) { p.deal(c, n, parallel, 1) }

// doInShares is do with a share per worker, for tasks that read memory one after the other: what a
// task prefetches beyond its end is for the next, which should be the same worker's.
func (p *pool) doInShares(c call, n int, parallel bool) { p.deal(c, n, parallel, len(p.workers)) }

// deal runs a call in shares shares.
//
// Tasks run with denormals flushed to zero. A softmax far from its maximum makes denormals by the
// thousand, they add nothing, and one in a fused multiply-add costs over a hundred cycles: they
// tripled the time of a training step. The setting is a thread's own, so the goroutine keeps its
// thread meanwhile.
func (p *pool) deal(c call, n int, parallel bool, runs int) {
	if flushed != 0 {
		runtime.LockOSThread()
		was := floatControl()
		setFloatControl(was | flushed)
		defer func() {
			setFloatControl(was)
			runtime.UnlockOSThread()
		}()
	}
	if !parallel || n < 2 || len(p.workers) == 1 {
		w := &p.workers[0]
		for i := range n {
			w.used = 0
			c.task(w, i)
		}
		return
	}
	if n > maxTasks {
		panic("cpu: too many tasks")
	}
	p.current = c
	p.done.Store(0)
	for k := range p.shares {
		if k < runs {
			p.shares[k].deal(k*n/runs, (k+1)*n/runs)
		}
	}
	p.calls.Add(1)
	for k := n - 1; k > 0; k-- {
		s := p.sleepers.Load()
		if s == 0 {
			break
		}
		if p.sleepers.CompareAndSwap(s, s-1) {
			p.wake <- struct{}{}
		}
	}
	for {
		i, ok := p.claim(0)
		if !ok {
			break
		}
		p.run(&p.workers[0], i)
		p.done.Add(1)
	}
	for k := 0; p.done.Load() < int64(n); k++ {
		if pause(); k%1024 == 1023 {
			runtime.Gosched()
		}
	}
	p.current = nil
}

// serve runs a worker: claim, spin, park.
func (p *pool) serve(rank int) {
	defer p.group.Done()
	if flushed != 0 {
		runtime.LockOSThread() // and with the goroutine the thread ends
		setFloatControl(floatControl() | flushed)
	}
	seen := uint64(0) // calls that have nothing left
	for idle := 0; ; {
		if n := p.calls.Load(); n != seen {
			for i, ok := p.claim(rank); ok; i, ok = p.claim(rank) {
				p.run(&p.workers[rank], i)
				p.done.Add(1)
			}
			seen, idle = n, 0
			continue
		}
		if idle++; idle < spins {
			pause()
			continue
		}
		idle = 0
		if p.closed.Load() {
			return
		}
		p.sleepers.Add(1)
		if p.calls.Load() != seen && p.stayAwake() {
			continue
		}
		<-p.wake
		if p.closed.Load() {
			return
		}
	}
}

// stayAwake withdraws a worker that found work from the sleepers, unless a caller has already
// counted it out and is about to wake it.
func (p *pool) stayAwake() bool {
	for {
		s := p.sleepers.Load()
		if s == 0 {
			return false
		}
		if p.sleepers.CompareAndSwap(s, s-1) {
			return true
		}
	}
}
