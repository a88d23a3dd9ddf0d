package cpu

import (
	"testing"

	"spell/kernels"
	"spell/kernels/kerneltest"
)

// TestConformance runs the suite of all backends on every instruction set this machine has.
func TestConformance(t *testing.T) {
	for _, isa := range []string{"generic", "avx512"} {
		t.Run(isa, func(t *testing.T) {
			if _, err := chooseISA(isa); err != nil {
				t.Skip(err)
			}
			kerneltest.Run(t, func(workers int) (kernels.Backend, error) {
				return New(Options{Workers: workers, ISA: isa})
			}, kerneltest.Options{Workers: []int{1, 3}, Quick: isa == "generic"})
		})
	}
}
