//go:build cuda && cgo && linux

package cuda

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/tensor"
)

// TestWithoutDevice: what is missing is said, in a sentence.
func TestWithoutDevice(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(empty, []byte("no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settings string
		options  Options
		says     string
	}{
		{"", Options{Driver: "/nowhere/libcuda.so.1"}, "the NVIDIA driver cannot be loaded: /nowhere/libcuda.so.1"},
		{"", Options{Driver: empty}, "the NVIDIA driver cannot be loaded: " + empty},
		{"", Options{Driver: "libc.so.6"}, "it has no cuInit"},
		{"", Options{Compiler: "/nowhere/libnvrtc.so"}, "NVRTC, which compiles the kernels, cannot be loaded"},
		{"devices=0", Options{}, "the NVIDIA driver finds no GPU"},
		{"sm=75", Options{}, "emulated sm_75 has compute capability 7.5; the kernels need 8.0"},
		{"fail=cuInit:1:999", Options{}, "cuInit failed with the error 999"},
	} {
		cudatest.Use(t, cudatest.Device{Settings: c.settings})
		b, err := New(c.options)
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %v: %v, which lacks %q", c.settings, c.options, err, c.says)
		}
	}
}

// TestDescribe: what spell doctor says of a device.
func TestDescribe(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Settings: "memory=1024 sm=86"})
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name() != "cuda (emulated sm_86)" {
		t.Errorf("the name is %q", b.Name())
	}
	text, err := b.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"emulated sm_86, compute capability 8.6, 4 multiprocessors, 1024.0 MiB of memory, ",
		" MiB free; driver for CUDA 12.4, NVRTC 1.0; ",
		"products by mma.sync, mma.sync with operands exchanged, of the same bits; repeated launches as graphs",
	} {
		if !strings.Contains(text, s) {
			t.Errorf("%q lacks %q", text, s)
		}
	}
}

// TestFailingCalls: each call of the driver fails once. Nothing else breaks, the error names it, and all that
// can be given back is.
func TestFailingCalls(t *testing.T) {
	for _, call := range []string{
		"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceTotalMem_v2",
		"cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuStreamCreate", "cuMemHostAlloc",
		"cuMemAlloc_v2", "cuMemsetD8Async", "cuEventCreate", "cuModuleLoadData", "cuModuleGetFunction",
		"cuLaunchKernel", "cuEventRecord",
		"cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuStreamSynchronize", "cuStreamWaitEvent", "cuEventSynchronize",
		"cuMemFree_v2",
		"cuMemFreeHost", "cuEventDestroy_v2", "cuModuleUnload", "cuStreamDestroy_v2", "cuDevicePrimaryCtxRelease_v2",
		"nvrtcVersion", "nvrtcCompileProgram", "nvrtcGetCUBINSize", "nvrtcGetCUBIN", "nvrtcCreateProgram",
	} {
		cudatest.Use(t, cudatest.Device{Settings: "fail=" + call + ":1:3"})
		left := cudatest.Left(t)
		err := everyCall(t)
		if err == nil {
			t.Errorf("%s failed, and nobody noticed", call)
		} else if want := strings.TrimPrefix(call, "nvrtc"); !strings.Contains(err.Error(), want) &&
			!strings.Contains(err.Error(), "NVRTC") {
			t.Errorf("%s failed: %v", call, err)
		}
		gives := regexp.MustCompile("Free|Destroy|Unload").MatchString(call)
		if n := cudatest.Left(t) - left; n > 1 || n == 1 && !gives {
			t.Errorf("%s failed, and %d things of the driver have not been given back", call, n)
		}
	}
	cudatest.Use(t, cudatest.Device{})
	if err := everyCall(t); err != nil {
		t.Errorf("no call failed: %v", err)
	}
}

// everyCall makes all calls of the driver and returns the first error.
func everyCall(t *testing.T) (err error) {
	b, err := New(Options{})
	if err != nil {
		return err
	}
	var arena, host *tensor.Arena
	defer func() {
		keep := func(e error) {
			if err == nil {
				err = e
			}
		}
		if f, ok := recover().(*kernels.Fault); ok {
			keep(f)
		}
		for _, a := range []*tensor.Arena{host, arena} {
			if a != nil {
				keep(a.Free())
			}
		}
		keep(b.Close())
	}()
	if arena, err = b.Alloc("test", 1<<16); err != nil {
		return err
	}
	m := arena.New(tensor.F32, 4, 8)
	b.Write(m, make([]byte, 4*m.Len()))
	b.Scatter(m, m.Slice(0, 2), []int32{3, 2})
	b.flush()
	for range 3 { // one payload after the other
		b.reserve(leastPayload)
		b.Scatter(m, m.Slice(0, 2), []int32{3, 2})
	}
	b.Read(make([]byte, 4*m.Len()), m)
	if host, err = b.AllocHost("test", 1<<16); err != nil {
		return err
	}
	b.Copy(host.New(tensor.F32, 4, 8), m)
	return nil
}

// TestOutOfMemory: the error says how much there is and what to do.
func TestOutOfMemory(t *testing.T) {
	cudatest.Use(t, cudatest.Device{Settings: "memory=64"})
	err := faultOf(t, func(b *Backend) {
		_, err := b.Alloc("key-value cache", 1<<30)
		b.must(err)
	})
	for _, s := range []string{"MiB free of 64.0 MiB", "1024.0 MiB of key-value cache",
		"--precision bf16 or int8", "CUDA_ERROR_OUT_OF_MEMORY"} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%v lacks %q", err, s)
		}
	}
}

// TestManyLaunches: lists beyond the payload, and more launches than a queue takes, come in order.
func TestManyLaunches(t *testing.T) {
	cudatest.Use(t, cudatest.Device{})
	err := faultOf(t, func(b *Backend) {
		const n = 300_000 // of four bytes, more than a payload
		arena, err := b.Alloc("test", 16*n)
		b.must(err)
		defer arena.Free()
		table, y := arena.New(tensor.F32, 3, 1), arena.New(tensor.F32, n, 1)
		kernels.Upload(b, table, []float32{1, 2, 3})
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(i % 3)
		}
		b.Gather(y, table, rows)
		for range 3*maxLaunches + 5 {
			b.Gather(table, table, []int32{1, 2, 0}[:3:3]) // each row is read before it is written
		}
		sum := b.SumSquares(y)
		if want := n / 3 * 14.0; math.Abs(sum-want) > 0 {
			t.Errorf("the squares of %d numbers sum to %v, not %v", n, sum, want)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
