//go:build cuda && cgo && linux

package cuda

import (
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/kernels/kerneltest"
)

// TestConformance runs the suite of all backends on the emulated device. Of the two backends one takes
// other kernels wherever there are several.
func TestConformance(t *testing.T) {
	conform(t, cudatest.Device{}, testing.Short())
}

// TestConformanceChecked does the same with every access to memory checked, in a random order, on an older
// device.
func TestConformanceChecked(t *testing.T) {
	conform(t, cudatest.Device{Checked: true, Settings: "order=random sm=80 tensor=80"}, true)
}

func conform(t *testing.T, d cudatest.Device, quick bool) {
	cudatest.Use(t, d)
	open := func(workers int) (kernels.Backend, error) {
		b, err := New(Options{Plain: workers == 2})
		if err != nil {
			return nil, err
		}
		b.leastTiles = 1
		return b, nil
	}
	kerneltest.Run(t, open, kerneltest.Options{Workers: []int{1, 2}, Quick: quick})
}
