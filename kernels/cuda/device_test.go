//go:build cuda && cgo && linux

package cuda

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"spell/kernels"
	"spell/kernels/kerneltest"
	"spell/tensor"
)

// TestDevice runs the suite of all backends on the device that there is. SPELL_CUDA_DEVICE asks for it, as
// f32 or bf16, the type of operands: see bench/cuda.sh.
func TestDevice(t *testing.T) {
	types := map[string]tensor.DType{"f32": tensor.F32, "bf16": tensor.BF16}
	typ, ok := types[os.Getenv("SPELL_CUDA_DEVICE")]
	if !ok {
		t.Skip("SPELL_CUDA_DEVICE is neither f32 nor bf16")
	}
	kerneltest.Run(t, func(workers int) (kernels.Backend, error) { return Open(Options{Plain: workers == 2}) },
		kerneltest.Options{Types: []tensor.DType{typ}, Workers: []int{1, 2}})
}

// TestFillCache compiles all kernels for the compute capability in SPELL_CUDA_COMPILE, such as 90, into the
// user's folder for caches.
func TestFillCache(t *testing.T) {
	capability, err := strconv.Atoi(os.Getenv("SPELL_CUDA_COMPILE"))
	if err != nil {
		t.Skip("SPELL_CUDA_COMPILE is no compute capability")
	}
	var files []string
	for _, e := range entries {
		if !slices.Contains(files, e.file) {
			files = append(files, e.file)
		}
	}
	var wg sync.WaitGroup
	places := make(chan bool, runtime.GOMAXPROCS(0)) // a compiler takes a hundred megabytes
	for _, f := range files {
		wg.Go(func() {
			places <- true
			defer func() { <-places }()
			c, err := openCompiler("", capability)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.close()
			if _, err := c.image(f, ""); err != nil {
				t.Error(strings.TrimSpace(err.Error()))
			}
		})
	}
	wg.Wait()
	t.Logf("%d files of kernels for sm_%d", len(files), capability)
}
