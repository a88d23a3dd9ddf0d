//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"path/filepath"
	"regexp"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
)

// stepArgs are the arguments of the kernels in testdata/hopper_faults.cu, a product of [64, 128] and
// [128, 128].
type stepArgs struct {
	x, w   tensorMap
	d      uint64
	stride int64
	_      [6]uint64
}

// hopperFaults are kernels with a mistake each, and what the emulated device says of it.
var hopperFaults = []struct{ name, says string }{
	{"no_full_wait", "race on shared byte|which nothing has written"},
	{"no_empty_wait", "race on shared byte|more than the 1 arrivals"},
	{"wrong_parity", "no thread can go on"},
	{"few_bytes", "race on shared byte|expects -?[0-9]+ bytes more|no thread can go on"},
	{"many_bytes", "no thread can go on"},
	{"barrier_not_shown", "without mbarrier_init_fence"},
	{"no_block_barrier", "not initialized|race on shared byte|which nothing has written"},
	{"uneven_stage", "no place in shared memory for 64 lines"},
	{"no_wgmma_fence", "wgmma without wgmma_fence"},
	{"short_wgmma_wait", "race on shared byte"},
	{"no_wgmma_wait", "products that no wgmma_wait has waited for"},
	{"early_release", "race on shared byte"},
	{"no_proxy_fence", "without proxy_fence"},
	{"no_sync_warp_after_wait", "race on shared byte|which nothing has written"},
}

// TestHopperFaults runs kernels with a mistake each in their use of bulk copies and warpgroups, and those
// without it, in five orders.
func TestHopperFaults(t *testing.T) {
	for _, order := range []string{"order=up", "order=up late=0", "order=down", "order=random seed=7",
		"order=random seed=8 late=0"} {
		cudatest.Use(t, cudatest.Device{Checked: true, Settings: order,
			Kernels: []string{filepath.Join("testdata", "hopper_faults.cu")}})
		for _, name := range []string{"steps_right", "threads_right", "lane_waits_right"} {
			if right, err := runSteps(t, name); err != nil || !right {
				t.Errorf("%s: %s: %v, numbers right: %v", order, name, err, right)
			}
		}
		for _, f := range hopperFaults {
			says := regexp.MustCompile("kernel " + f.name + ", block .*(" + f.says + ")")
			if _, err := runSteps(t, f.name); err == nil || !says.MatchString(err.Error()) {
				t.Errorf("%s: %s: %v, which lacks %q", order, f.name, err, f.says)
			}
		}
	}
}

// TestHopperFaultsUnchecked: what a late copy or product leaves undone is seen in the numbers, too.
func TestHopperFaultsUnchecked(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Kernels: []string{filepath.Join("testdata", "hopper_faults.cu")}})
	for _, name := range []string{"no_full_wait", "no_empty_wait", "few_bytes", "short_wgmma_wait"} {
		if right, err := runSteps(t, name); err == nil && right {
			t.Errorf("%s is not noticed", name)
		}
	}
}

// runSteps runs a kernel and reports whether its numbers are those of a product by mma.sync.
func runSteps(t *testing.T, name string) (right bool, err error) {
	t.Helper()
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	defer func() {
		if r, ok := recover().(*kernels.Fault); ok {
			err = r
		}
	}()
	c := newProductCase(b, forward, [3]int{64, 128, 128}, false)
	defer c.around.Arena.Free() // fails after a fault, as it does on a device
	want := c.by(b, small[forward])
	return bytes.Equal(want, c.by(b, stepKernel{name})), nil
}

// A stepKernel is a kernel of testdata/hopper_faults.cu.
type stepKernel struct{ name string }

func (s stepKernel) called() string { return s.name }

func (s stepKernel) multiply(b *Backend, p *product) {
	const threads, shared = 256, 4*3*8192 + 64
	k := &kernel[stepArgs]{&entry{"copy.cu", s.name, threads, shared, 320}}
	launch(b, k, 1, stepArgs{
		x: b.tensorMap(box{m: p.a, rows: 64, cols: 128, lines: 64}),
		w: b.tensorMap(box{m: p.b, rows: 128, cols: 128, lines: 128}),
		d: p.y.at, stride: p.y.stride,
	})
}
