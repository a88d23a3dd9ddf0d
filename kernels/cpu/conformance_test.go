package cpu

import (
	"fmt"
	"testing"

	"spell/kernels"
	"spell/kernels/kerneltest"
)

// TestConformance runs the suite of all backends on every instruction set this machine has: the
// best with all cases and two numbers of workers, the others in short.
func TestConformance(t *testing.T) {
	for _, o := range options() {
		if testing.Short() && o.ISA == generic.String() && bestISA() != generic {
			continue // an emulator has enough to do; builds with purego test it
		}
		suite := kerneltest.Options{Workers: []int{3}, Quick: true}
		if o.ISA == bestISA().String() && o.Dots == "off" && !testing.Short() {
			suite = kerneltest.Options{Workers: []int{1, 3}}
		}
		t.Run(fmt.Sprintf("%s,dots=%s", o.ISA, o.Dots), func(t *testing.T) {
			kerneltest.Run(t, func(workers int) (kernels.Backend, error) {
				o.Workers = workers
				return New(o)
			}, suite)
		})
	}
	if testing.Short() {
		return
	}
	t.Run("streaming stores", func(t *testing.T) {
		kerneltest.Run(t, func(workers int) (kernels.Backend, error) {
			b, err := New(Options{Workers: workers})
			if err == nil {
				b.streamBytes = 0
			}
			return b, err
		}, kerneltest.Options{Workers: []int{3}, Quick: true})
	})
}
