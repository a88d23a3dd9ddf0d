//go:build cuda && cgo && linux

package cuda

import (
	commandline "flag"
	"math/rand/v2"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cuda/cudatest"
	"spell/kernels/kerneltest"
)

// TestConformance runs the suite of all backends on the emulated device. Of the two backends one takes
// other kernels wherever there are several, and the other now this one, now that one for its products. It fails
// if the suite leaves a kernel out.
func TestConformance(t *testing.T) {
	conform(t, cudatest.Device{}, kerneltest.Options{})
}

// TestConformanceChecked does the same with every access to memory checked, in a random order, on an older
// device, for one in ninety-six calls in short mode. TestWarpgroupsChecked has the kernels that such a device lacks.
func TestConformanceChecked(t *testing.T) {
	o := kerneltest.Options{Quick: true}
	if testing.Short() {
		o.Every = 96
	}
	conform(t, cudatest.Device{Checked: true, Settings: "order=random sm=80 tensor=80"}, o)
}

func conform(t *testing.T, d cudatest.Device, o kerneltest.Options) {
	cudatest.Use(t, d)
	groups := false
	open := func(workers int) (kernels.Backend, error) {
		b, err := New(Options{Plain: workers == 2})
		if err != nil {
			return nil, err
		}
		b.leastTiles, groups = 1, b.device.hasWarpgroups()
		chance := rand.New(rand.NewPCG(7, uint64(workers)))
		b.passOver = func() bool { return chance.IntN(2) == 0 }
		return b, nil
	}
	o.Workers = []int{1, 2}
	kerneltest.Run(t, open, o)
	var out []string
	for _, e := range entries {
		if cudatest.Launches(t, e.name) == 0 && (groups || e.file != wgmmaFile) {
			out = append(out, e.name)
		}
	}
	part := o.Every > 1 || strings.Contains(commandline.Lookup("test.run").Value.String(), "/")
	if len(out) > 0 && !part && !t.Failed() {
		t.Errorf("the suite launches none of %s", strings.Join(out, ", "))
	} else {
		t.Logf("not launched: %s", strings.Join(out, ", "))
	}
}
