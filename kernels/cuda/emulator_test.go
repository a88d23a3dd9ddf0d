//go:build cuda && cgo && linux

package cuda

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// faultArgs are the arguments of the kernels in testdata/faults.cu.
type faultArgs struct{ in, out uint64 }

// A mistake is a kernel of faults.cu that has one, run in that many blocks, and what the emulated device
// says of it, by the order of the threads one thing or another.
type mistake struct {
	name   string
	blocks int
	says   string
}

var mistakes = []mistake{
	{"no_barrier", 1, "race on shared byte|which nothing has written"},
	{"no_second_barrier", 1, "race on shared byte"},
	{"no_sync_warp", 1, "race on shared byte|which nothing has written"},
	{"unwritten", 1, "which nothing has written"},
	{"beyond_shared", 1, "no memory of the device"},
	{"beyond_load", 1, "no memory of the device"},
	{"beyond_store", 1, "no memory of the device"},
	{"unaligned", 1, "not aligned"},
	{"two_blocks", 2, "race on global memory"},
	{"parted_shuffle", 1, "the lanes of a warp part"},
	{"parted_barrier", 1, "no thread can go on"},
	{"short_wait", 1, "race on shared byte"},
	{"never_waited", 1, "asynchronous copies that it has not waited for"},
	{"wait_without_barrier", 1, "race on shared byte|which nothing has written"},
	{"unaligned_copy", 1, "not aligned to 16 bytes"},
	{"early_sum", 1, "race on shared byte"},
}

// TestEmulatorCatches runs kernels with a mistake each, and without it, in three orders of threads.
func TestEmulatorCatches(t *testing.T) {
	for _, order := range []string{"order=up", "order=down", "order=random seed=7"} {
		cudatest.Use(t, cudatest.Device{Checked: true, Settings: order,
			Kernels: []string{filepath.Join("testdata", "faults.cu")}})
		for _, f := range mistakes {
			right, err := f.run(t, "_right")
			if err != nil || !right {
				t.Errorf("%s: %s without the mistake: %v, numbers right: %v", order, f.name, err, right)
			}
			says := regexp.MustCompile("kernel " + f.name + "_wrong, block .*(" + f.says + ")")
			if _, err := f.run(t, "_wrong"); err == nil || !says.MatchString(err.Error()) {
				t.Errorf("%s: %s: %v, which lacks %q", order, f.name, err, f.says)
			}
		}
	}
}

// run runs the kernel of that ending and reports whether its numbers are right.
func (f mistake) run(t *testing.T, ending string) (right bool, err error) {
	t.Helper()
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 64
	in, out := make([]float32, n), make([]float32, n)
	for i := range in {
		in[i] = float32(i + 1)
	}
	var mats []tensor.Mat
	for range 2 {
		arena, err := b.Alloc("test", 4*n) // to the byte, so that what lies beyond is nobody's
		if err != nil {
			t.Fatal(err)
		}
		mats = append(mats, arena.New(tensor.F32, 1, n))
	}
	defer func() {
		for _, m := range mats {
			m.Arena.Free() // fails after a fault, as it does on a device
		}
		b.Close()
	}()
	err = fault(func() {
		kernels.Upload(b, mats[0], in)
		k := &kernel[faultArgs]{&entry{"copy.cu", f.name + ending, n, 4 * n, 16}}
		launch(b, k, f.blocks, faultArgs{address(mats[0]), address(mats[1])})
		kernels.Download(b, out, mats[1])
	})
	return slices.Equal(in, out), err
}

// TestLaunchSize: arguments of another size than the kernel's are refused.
func TestLaunchSize(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	err := faultOf(t, func(b *Backend) {
		launch(b, &kernel[uint64]{&entry{"copy.cu", "zero", elementwise, 0, 8}}, 1, 5)
		b.flush()
	})
	if err == nil || !strings.Contains(err.Error(), "cuLaunchKernel of zero in 1 blocks of 256 threads") {
		t.Errorf("a launch with arguments of the wrong size: %v", err)
	}
}

// faultOf opens a backend and returns the fault of what f does with it.
func faultOf(t *testing.T, f func(b *Backend)) error {
	t.Helper()
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return fault(func() { f(b) })
}
