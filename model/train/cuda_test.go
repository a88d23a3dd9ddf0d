//go:build cuda && cgo && linux

package train

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/cuda"
	"spell/kernels/cuda/cudatest"
	"spell/model"
	"spell/model/forest"
)

// emulated is a backend on an emulated GPU.
func emulated(t *testing.T) kernels.Backend {
	t.Helper()
	return emulatedWith(t, "", cuda.Options{})
}

func emulatedWith(t *testing.T, settings string, o cuda.Options) kernels.Backend {
	t.Helper()
	cudatest.Use(t, cudatest.Device{Settings: settings})
	b, err := cuda.Open(o)
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

// TestOffloadCUDA: what the optimizer keeps in the host's memory has the bits, and the checkpoints the bytes, that
// it has on the device, in slabs of any size; and a run goes on either way. Without pinned memory, too.
func TestOffloadCUDA(t *testing.T) {
	for i, p := range precisions() {
		t.Run(fmt.Sprintf("%s/%v", p.Name, p.Moments), func(t *testing.T) {
			settings := []string{"", "late=1", "fail=cuMemHostAlloc:3:2"}[i%3]
			b := emulatedWith(t, settings, cuda.Options{Slab: []int{512, 1 << 20}[i%2]})
			there, here := p, p
			there.Offload = true
			var folders []string
			var bits [][][]float32
			for _, p := range []model.Precision{here, there} {
				tr := trainerOf(t, b, dense, p, optim)
				defer func() { tr.Free(); tr.Weights.Free() }()
				for _, q := range tr.Weights.Params {
					host, master := q.M.Arena.Host != nil, q.Master.Arena.Host != nil
					if host != p.Offload || master != (host && p.Weight != p.Acc) {
						t.Fatalf("offload %v: the moments of %s are with the host: %v", p.Offload, q.Name, host)
					}
				}
				dir := t.TempDir()
				steps(t, tr, 0, 3)
				if err := tr.Save(dir, 3, 2, progress{3, "half"}, nil); err != nil {
					t.Fatal(err)
				}
				steps(t, tr, 3, 5)
				folders, bits = append(folders, filepath.Join(dir, Name(3))), append(bits, all(tr))
			}
			if !reflect.DeepEqual(bits[0], bits[1]) {
				t.Error("after five steps the bits differ")
			}
			if !reflect.DeepEqual(content(t, folders[0]), content(t, folders[1])) {
				t.Error("the checkpoints differ")
			}
			for i, p := range []model.Precision{there, here} { // each goes on where the other was
				var s progress
				w, restore, err := Resume(b, folders[i], p, &s)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Free()
				tr, err := New(b, w, optim, forest.Limits{Shared: 64, Batch: 64}, model.KeepActivations)
				if err != nil {
					t.Fatal(err)
				}
				defer tr.Free()
				if err := restore(tr); err != nil {
					t.Fatal(err)
				}
				steps(t, tr, 3, 5)
				if !reflect.DeepEqual(all(tr), bits[i]) {
					t.Errorf("resumed with offload %v the bits differ", p.Offload)
				}
			}
		})
	}
}

// TestOffloadMemoryCUDA: on the device there is less by what the host has, but for the slabs.
func TestOffloadMemoryCUDA(t *testing.T) {
	b := emulatedWith(t, "", cuda.Options{Slab: 1 << 12})
	d := b.(kernels.DeviceMemory)
	free := func() int {
		n, err := d.FreeBytes()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	taken := func(p model.Precision) (bytes, kept int) {
		before := free()
		w, err := model.NewWeights(b, mixture, p, model.Training)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Free()
		for _, it := range w.Memory() {
			if it.Host {
				kept += it.Bytes
			}
		}
		return before - free(), kept
	}
	here, none := taken(model.BF16)
	p := model.BF16
	p.Offload = true
	there, kept := taken(p)
	if none != 0 || kept <= d.StreamBytes() || here-there != kept-d.StreamBytes() {
		t.Errorf("%d bytes on the device, with %d on the host %d and slabs of %d", here, kept, there, d.StreamBytes())
	}
}
