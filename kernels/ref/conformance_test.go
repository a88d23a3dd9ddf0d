package ref_test

import (
	"testing"

	"spell/kernels"
	"spell/kernels/kerneltest"
	"spell/kernels/ref"
	"spell/tensor"
)

// TestConformance holds the oracle to its own rules, computing in float32 and in float64.
func TestConformance(t *testing.T) {
	t.Run("float32", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the same loops run in float64")
		}
		kerneltest.Run(t, func(int) (kernels.Backend, error) { return ref.New[float32](), nil },
			kerneltest.Options{Workers: []int{1}, Quick: true})
	})
	t.Run("float64", func(t *testing.T) {
		kerneltest.Run(t, func(int) (kernels.Backend, error) { return ref.New[float64](), nil },
			kerneltest.Options{Types: []tensor.DType{tensor.F64}, Workers: []int{1}, Quick: true})
	})
}

// TestGradients checks the oracle's gradients against difference quotients.
func TestGradients(t *testing.T) { kerneltest.Gradients(t, ref.New[float64]()) }
