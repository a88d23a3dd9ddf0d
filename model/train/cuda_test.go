//go:build cuda && cgo && linux

package train

import (
	"fmt"
	"math"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
	"spell/model"
)

// emulated is a backend on an emulated GPU.
func emulated(t *testing.T) kernels.Backend {
	t.Helper()
	cudatest.Use(t, cudatest.Device{})
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestStepsCUDA: five steps on an emulated GPU move the weights as they do on the CPU.
func TestStepsCUDA(t *testing.T) {
	for _, c := range []struct {
		config model.Config
		p      model.Precision
		bound  float64
	}{{dense, model.F32, 1e-5}, {dense, model.BF16, 1e-2}, {mixture, model.F32, 1e-5}} {
		t.Run(fmt.Sprintf("%s/%s", c.config.Family, c.p.Name), func(t *testing.T) {
			moved := func(b kernels.Backend) (change []float64) {
				tr := trainerOf(t, b, c.config, c.p, optim)
				defer func() { tr.Free(); tr.Weights.Free() }()
				before := masters(tr)
				steps(t, tr, 0, 5)
				for i, w := range masters(tr) {
					change = append(change, w-before[i])
				}
				return change
			}
			host, err := cpu.New(cpu.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer host.Close()
			want, got := moved(host), moved(emulated(t))
			var apart, size float64
			for i, w := range want {
				apart += (got[i] - w) * (got[i] - w)
				size += w * w
			}
			if d := math.Sqrt(apart / size); !(d < c.bound) {
				t.Errorf("the changes of the weights differ by %.2g of their size", d)
			} else {
				t.Logf("the changes of the weights differ by %.2g of their size", d)
			}
		})
	}
}

// masters returns the values of all parameters.
func masters(tr *Trainer) (list []float64) {
	for _, p := range tr.Weights.Params {
		_, w, _, _ := read(tr, p)
		for _, v := range w {
			list = append(list, float64(v))
		}
	}
	return list
}

// TestResumeCUDA is TestResume on an emulated GPU.
func TestResumeCUDA(t *testing.T) {
	for _, p := range precisions() {
		t.Run(fmt.Sprintf("%s/%v", p.Name, p.Moments), func(t *testing.T) { resumed(t, emulated(t), dense, p) })
	}
}
