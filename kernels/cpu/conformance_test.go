package cpu

import (
	"testing"

	"spell/kernels"
	"spell/kernels/kerneltest"
)

// TestConformance runs the suite of all backends on every instruction set this machine has: the
// best with all cases and two numbers of workers, the others in short.
func TestConformance(t *testing.T) {
	for _, s := range append(assembly(), generic) {
		opts := kerneltest.Options{Workers: []int{3}, Quick: true}
		if s == bestISA() {
			opts = kerneltest.Options{Workers: []int{1, 3}}
		}
		t.Run(s.String(), func(t *testing.T) {
			kerneltest.Run(t, func(workers int) (kernels.Backend, error) {
				return New(Options{Workers: workers, ISA: s.String()})
			}, opts)
		})
	}
}
