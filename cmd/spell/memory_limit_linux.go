package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"spell/rl/budget"
)

// The memory that the Go runtime takes at a time for its heap, and that a new thread takes beside
// its stack, at most.
const (
	heapStep    = 64 << 20
	threadSlack = 24 << 20
)

// A limit is a bound of the memory that this process may map, in bytes, and how much of it is
// mapped. The Go runtime ends the program without a sentence when it meets one.
type limit struct {
	name, of   string // as the shell knows it; what it bounds
	most, used int64
}

func (l limit) room() int64 { return l.most - l.used }

// limits returns the bounds there are.
func limits() (list []limit) {
	var status map[string]int64
	for _, l := range []struct {
		resource        int
		name, of, field string
	}{
		{unix.RLIMIT_AS, "ulimit -v", "the address space", "VmSize:"},
		{unix.RLIMIT_DATA, "ulimit -d", "the data", "VmData:"},
	} {
		var r unix.Rlimit
		if unix.Getrlimit(l.resource, &r) != nil || r.Cur == unix.RLIM_INFINITY || r.Cur > 1<<62 {
			continue
		}
		if status == nil {
			status = numbers("/proc/self/status")
		}
		list = append(list, limit{l.name, l.of, int64(r.Cur), status[l.field] << 10})
	}
	return list
}

// reserveThreads starts the threads that so many workers and the Go runtime will need, if the
// memory of this process is limited: later, one that cannot be started would end the program in the
// midst of its work. What the limits leave then is what memory reports. It returns an error if they
// do not leave enough for the program itself.
func reserveThreads(workers int) error {
	list := limits()
	if len(list) == 0 {
		return nil
	}
	workers = max(workers, runtime.GOMAXPROCS(0))
	threads := workers + runtime.GOMAXPROCS(0) + 6
	missing := threads - int(numbers("/proc/self/status")["Threads:"])
	for _, l := range list {
		if least := int64(max(missing, 0))*threadStack() + 2*heapStep; l.room() < least {
			const mib = 1 << 20
			enough := l.used + least + int64(budget.Program(0, 0).Bytes)
			return fmt.Errorf("%s limits %s of the program to %d MiB, of which it takes %d before it begins: "+
				"raise the limit to %d MiB or more", l.name, l.of, l.most/mib, l.used/mib, enough/mib)
		}
	}
	startThreads(missing)
	list = limits()
	tightest := list[0]
	for _, l := range list {
		if l.room() < tightest.room() {
			tightest = l
		}
	}
	debug.SetMemoryLimit(max(tightest.room()/2, heapStep)) // the rest is for arenas
	if _, machine := memoryAt("/"); machine == 0 || tightest.room() < machine {
		budget.Limit = fmt.Sprintf(" (%s limits %s to %s)", tightest.name, tightest.of, budget.Bytes(tightest.most))
	}
	return nil
}

// startThreads starts n threads, which the runtime keeps. A C library gives each new thread an
// arena of 64 MiB of address space if there is room, which none of ours uses; so the room is held
// meanwhile.
func startThreads(n int) {
	held := newBallast()
	running, end := make(chan struct{}), make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread()
			running <- struct{}{}
			<-end
			runtime.UnlockOSThread()
		}()
		<-running
		held.leave(threadStack() + threadSlack)
	}
	close(end)
	held.leave(1 << 62)
}

// threadStack returns the address space of a thread's stack.
func threadStack() int64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &r) != nil || r.Cur > 1<<30 {
		return 8 << 20
	}
	return max(int64(r.Cur), 64<<10)
}

// A ballast is address space that is mapped so that nobody else takes it.
type ballast struct {
	at   unsafe.Pointer
	size int64
}

// newBallast maps what the address space has left but for a thread.
func newBallast() *ballast {
	b := &ballast{}
	for _, l := range limits() {
		size := (l.room() - threadStack() - threadSlack) &^ (1<<16 - 1)
		if l.name != "ulimit -v" || size <= 0 || size > 1<<40 {
			continue // beyond a terabyte there is room for all
		}
		const flags = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE
		at, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_NONE, flags)
		if err == nil {
			b.at, b.size = at, size
		}
	}
	return b
}

// leave gives back from the end what makes the room for n bytes, as far as there is any.
func (b *ballast) leave(n int64) {
	for _, l := range limits() {
		back := min(b.size, (n-l.room()+1<<16-1)&^(1<<16-1))
		if l.name == "ulimit -v" && back > 0 && unix.MunmapPtr(unsafe.Add(b.at, b.size-back), uintptr(back)) == nil {
			b.size -= back
		}
	}
}
