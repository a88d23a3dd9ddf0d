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
	top  int
	rank ranking
}

// take is n floats of scratch, 64-byte aligned relative to each other, valid until the task
// ends, holding whatever was there before.
func (w *worker) take(n int) []float32 {
	room := (n + 15) &^ 15
	if w.top+room > len(w.mem) {
		w.mem, w.top = make([]float32, max(2*len(w.mem), room, 1<<14)), 0 // what was taken stays alive through its slices
	}
	b := w.mem[w.top : w.top+n : w.top+n]
	w.top += room
	return b
}

// spins is how many times an idle worker looks for work before it parks: some tens of
// microseconds, so that operations that follow each other closely find it awake.
const spins = 40_000

// A pool runs calls on a fixed set of goroutines and the caller's own.
//
// The tasks of the running call are claimed through one word, state: call number, number of
// tasks, next task. A claim that succeeds keeps the call alive until the task is done, so a
// worker that wakes late finds either work or nothing, and nobody waits for it.
type pool struct {
	workers []worker // workers[0] is the caller
	state   atomic.Uint64
	done    atomic.Int64
	current call

	sleepers atomic.Int32
	wake     chan struct{}
	closed   atomic.Bool
	group    sync.WaitGroup
}

const (
	taskBits = 22
	taskMask = 1<<taskBits - 1
	maxTasks = taskMask
)

func newPool(n int, s isa) *pool {
	p := &pool{workers: make([]worker, n), wake: make(chan struct{}, n)}
	for i := range p.workers {
		p.workers[i].s = s
	}
	for i := 1; i < n; i++ {
		p.group.Add(1)
		go p.serve(&p.workers[i])
	}
	return p
}

func (p *pool) close() {
	if !p.closed.Swap(true) {
		for range p.workers {
			p.wake <- struct{}{}
		}
		p.group.Wait()
	}
}

// claim takes the next task of the current call.
func (p *pool) claim() (int, bool) {
	for {
		s := p.state.Load()
		next, n := s&taskMask, s>>taskBits&taskMask
		if next >= n {
			return 0, false
		}
		if p.state.CompareAndSwap(s, s+1) {
			return int(next), true
		}
	}
}

func (p *pool) run(w *worker, i int) {
	w.top = 0
	p.current.task(w, i)
}

// do runs tasks 0…n-1 of c and returns when all are done. Wide calls use every worker; a call
// that is not wide costs less than waking one, and runs here.
//
// Tasks run with denormals flushed to zero. A softmax far from its maximum makes denormals by the
// thousand, they add nothing, and one in a fused multiply-add costs over a hundred cycles: they
// tripled the time of a training step. The setting is a thread's own, so the goroutine keeps its
// thread meanwhile.
func (p *pool) do(c call, n int, wide bool) {
	if flushed != 0 {
		runtime.LockOSThread()
		was := floatControl()
		setFloatControl(was | flushed)
		defer func() {
			setFloatControl(was)
			runtime.UnlockOSThread()
		}()
	}
	if !wide || n < 2 || len(p.workers) == 1 {
		w := &p.workers[0]
		for i := range n {
			w.top = 0
			c.task(w, i)
		}
		return
	}
	if n > maxTasks {
		panic("cpu: too many tasks")
	}
	p.current = c
	p.done.Store(0)
	s := p.state.Load()
	p.state.Store((s>>(2*taskBits)+1)<<(2*taskBits) | uint64(n)<<taskBits)
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
		i, ok := p.claim()
		if !ok {
			break
		}
		p.run(&p.workers[0], i)
		p.done.Add(1)
	}
	for k := 0; p.done.Load() < int64(n); k++ {
		if k%1024 == 1023 {
			runtime.Gosched()
		}
	}
	p.current = nil
}

// serve is the life of a worker: claim, spin, park.
func (p *pool) serve(w *worker) {
	defer p.group.Done()
	if flushed != 0 {
		runtime.LockOSThread() // and with the goroutine the thread ends
		setFloatControl(floatControl() | flushed)
	}
	for idle := 0; ; {
		if i, ok := p.claim(); ok {
			p.run(w, i)
			p.done.Add(1)
			idle = 0
			continue
		}
		if idle++; idle < spins {
			continue
		}
		idle = 0
		if p.closed.Load() {
			return
		}
		p.sleepers.Add(1)
		s := p.state.Load()
		if s&taskMask < s>>taskBits&taskMask && p.stayAwake() {
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
