//go:build cuda && cgo && linux

package cuda

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// A recurrence is operations whose launches are the same in every step, and whose lists of rows are not.
type recurrence struct {
	b           *Backend
	table, y, x tensor.Mat
	head, stats tensor.Mat
}

const (
	recurrentRows = 8
	recurrentCols = 64
	vocabulary    = 600
)

func newRecurrence(b *Backend) (r recurrence, err error) {
	arena, err := b.Alloc("test", 1<<18)
	if err != nil {
		return r, err
	}
	r = recurrence{b, arena.New(tensor.F32, recurrentRows, recurrentCols), arena.New(tensor.F32, 3, recurrentCols),
		arena.New(tensor.BF16, 3, recurrentCols), arena.New(tensor.BF16, vocabulary, recurrentCols),
		arena.New(tensor.F32, 3, 3)}
	err = fault(func() {
		for i, m := range []tensor.Mat{r.table, r.head} {
			list := make([]float32, m.Len())
			for j := range list {
				list[j] = float32((i+j*j)%37) / 37
			}
			kernels.Upload(b, m, list)
		}
	})
	return r, err
}

// rows returns three rows of the table, others in each step.
func (r *recurrence) rows(step int) []int32 {
	return []int32{int32(step) % recurrentRows, int32(2*step+1) % recurrentRows, int32(step+4) % recurrentRows}
}

// move takes rows of the table, changes them and puts them elsewhere, in moves launches. It returns the rows.
func (r *recurrence) move(step int, factor float64) []float32 {
	r.b.Gather(r.y, r.table, r.rows(step))
	r.b.Scale(r.y, r.y, factor)
	r.b.Scatter(r.table, r.y.Slice(0, 1), r.rows(step + 1)[:1])
	return r.read(r.y)
}

const moves = 3

// score takes rows of the table for the head.
func (r *recurrence) score(step int) []float32 {
	r.b.Gather(r.x, r.table, r.rows(step))
	r.b.LogProb(r.stats, r.x, r.head, []int32{int32(step), 1, int32(9 * step)}, []float32{1, float32(step), 0.5})
	return r.read(r.stats)
}

func (r *recurrence) read(m tensor.Mat) []float32 {
	out := make([]float32, m.Len())
	kernels.Download(r.b, out, m)
	return out
}

// recur returns what the steps of a recurrence return, on a backend that is then closed.
func recur(o Options, steps int, do func(r *recurrence, step int) []float32) (all [][]float32, err error) {
	b, err := New(o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := b.Close(); err == nil {
			err = e
		}
	}()
	r, err := newRecurrence(b)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := r.table.Arena.Free(); err == nil {
			err = e
		}
	}()
	err = fault(func() {
		for step := range steps {
			all = append(all, do(&r, step))
		}
	})
	return all, err
}

// tallied calls f and returns how many calls of entry points of the driver it made.
func tallied(t *testing.T, f func(), entries ...string) []int {
	t.Helper()
	counts := make([]int, len(entries))
	for i, e := range entries {
		counts[i] = -cudatest.Calls(t, e)
	}
	f()
	for i, e := range entries {
		counts[i] += cudatest.Calls(t, e)
	}
	return counts
}

// same reports whether two runs of a recurrence returned the same bits.
func same(a, b [][]float32) bool { return slices.EqualFunc(a, b, slices.Equal[[]float32]) }

// TestGraphs: a list is captured when it comes for the second time, and started as a graph from then on, with
// the bits of launches, without waiting but for the answer, and without memory.
func TestGraphs(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	const before = 2*maxLaunches - 1 // so that there are three lists
	long := func(r *recurrence, step int) []float32 {
		for i := range before {
			r.b.Scale(r.table, r.table, 1+float64(i%3-1)/64)
		}
		return r.move(step, 0.5)
	}
	want, err := recur(Options{Plain: true}, 6, long)
	if err != nil {
		t.Fatal(err)
	}
	got, err := recur(Options{}, 6, func(r *recurrence, step int) (y []float32) {
		counts := tallied(t, func() { y = long(r, step) }, "cuLaunchKernel", "cuGraphLaunch", "cuStreamSynchronize",
			"cuEventSynchronize", "cuMemAlloc_v2", "cuMemHostAlloc")
		expect := []int{0, 3, 1, 0, 0, 0}
		if step < 2 {
			expect[0] = before + moves // when it comes, and when it is captured
			expect[1] = 3 * step
		}
		if !slices.Equal(counts, expect) {
			t.Errorf("step %d has %v launches, graphs, waits, waits for a payload, allocations of both kinds; not %v",
				step, counts, expect)
		}
		return y
	})
	if err != nil || !same(got, want) {
		t.Errorf("graphs give %v (%v), launches %v", got, err, want)
	}
}

// TestGraphsAside: a probe in the midst of an operation leaves its lists as they are, whether a graph is made of
// the launches that follow, or started.
func TestGraphsAside(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	want, err := recur(Options{Plain: true}, 6, (*recurrence).score)
	if err != nil {
		t.Fatal(err)
	}
	got, err := recur(Options{}, 6, func(r *recurrence, step int) []float32 {
		if step != 4 { // which starts the graph of the launches before a probe and those after it, in one
			clear(r.b.agreement)
		}
		return r.score(step)
	})
	if err != nil || !same(got, want) {
		t.Errorf("with probes: %v (%v), without: %v", got, err, want)
	}
}

// TestGraphsKept: the graphs that have not been used for longest make room, and all go before memory does.
func TestGraphsKept(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	left := cudatest.Left(t)
	graphs := func() int {
		return cudatest.Calls(t, "cuGraphInstantiateWithFlags") - cudatest.Calls(t, "cuGraphExecDestroy")
	}
	const lists = maxGraphs + 5
	list := func(i int) float64 { return 1 + float64(i%lists)/16 }
	want, err := recur(Options{Plain: true}, 3*lists,
		func(r *recurrence, i int) []float32 { return r.move(i, list(i/2)) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := recur(Options{}, 3*lists, func(r *recurrence, i int) []float32 {
		y := r.move(i, list(i/2)) // each twice, and then some of them again
		if n := graphs(); n != min((i+1)/2, maxGraphs) {
			t.Errorf("after %d lists there are %d graphs", i+1, n)
		}
		return y
	})
	if err != nil || !same(got, want) {
		t.Errorf("graphs give other bits than launches, or fail: %v", err)
	}
	want, err = recur(Options{Plain: true}, 6, func(r *recurrence, i int) []float32 { return r.move(i, 0.5) })
	if err != nil {
		t.Fatal(err)
	}
	for name, free := range map[string]func(r *recurrence){
		"an arena": func(r *recurrence) {
			arena, err := r.b.Alloc("another", 64)
			r.b.must(err)
			r.b.must(arena.Free())
		},
		"scratch": func(r *recurrence) { r.b.scratchOf(r.b.scratch.size + 1) },
		"payload": func(r *recurrence) { r.b.reserve(leastPayload + 1) },
	} {
		got, err := recur(Options{}, 6, func(r *recurrence, i int) []float32 {
			if i == 3 {
				if n := graphs(); n != 1 {
					t.Errorf("%s: there are %d graphs of a list that has come %d times", name, n, i)
				}
				free(r)
				if n := graphs(); n != 0 {
					t.Errorf("%s has been freed, and there are %d graphs", name, n)
				}
			}
			return r.move(i, 0.5)
		})
		if err != nil || !same(got, want) {
			t.Errorf("after %s was freed: %v (%v), not %v", name, got, err, want)
		}
	}
	if n := cudatest.Left(t); n != left {
		t.Errorf("%d things of the driver have not been given back", n-left)
	}
}

// TestFailingGraphs: where the driver cannot capture, launches go on one by one, and it is said why. A graph
// that does not start or cannot be freed is an error.
func TestFailingGraphs(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	move := func(r *recurrence, step int) []float32 { return r.move(step, 0.5) }
	want, err := recur(Options{Plain: true}, 5, move)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call  string
		nth   int
		fails bool
		left  int // of what could not be given back
	}{
		{"cuStreamBeginCapture_v2", 1, false, 0},
		{"cuStreamEndCapture", 1, false, 0},
		{"cuGraphInstantiateWithFlags", 1, false, 0},
		{"cuGraphDestroy", 1, false, 1},
		{"cuLaunchKernel", moves + 2, false, 0}, // in the midst of the capture
		{"cuGraphLaunch", 1, true, 0},
		{"cuGraphLaunch", 2, true, 0},
		{"cuGraphExecDestroy", 1, true, 1},
	} {
		cudatest.Use(t, cudatest.Device{Settings: fmt.Sprintf("fail=%s:%d:3", c.call, c.nth)})
		left, name := cudatest.Left(t), fmt.Sprintf("call %d of %s", c.nth, c.call)
		var says string
		got, err := recur(Options{}, 5, func(r *recurrence, step int) []float32 {
			y := move(r, step)
			says = r.b.graphs.describe()
			return y
		})
		if !c.fails {
			if err != nil || !same(got, want) {
				t.Errorf("%s failed: %v (%v), not %v", name, got, err, want)
			}
			s := fmt.Sprintf("without graphs: %s for %d launches failed", c.call, moves)
			if !strings.Contains(says, s) {
				t.Errorf("%s failed: %q lacks %q", name, says, s)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.call) {
			t.Errorf("%s failed: %v", name, err)
		}
		if n := cudatest.Left(t) - left; n != c.left {
			t.Errorf("%s failed: %d things of the driver have not been given back, not %d", name, n, c.left)
		}
	}
}

// TestNoGraphs: what wants launches one by one gets them.
func TestNoGraphs(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	t.Setenv("CUDA_LAUNCH_BLOCKING", "1")
	_, err := recur(Options{}, 4, func(r *recurrence, step int) []float32 {
		if says := r.b.graphs.describe(); !strings.Contains(says, "CUDA_LAUNCH_BLOCKING is set") {
			t.Error(says)
		}
		return r.move(step, 2)
	})
	if n := cudatest.Calls(t, "cuGraphLaunch"); n != 0 || err != nil {
		t.Errorf("%d graphs: %v", n, err)
	}
}
