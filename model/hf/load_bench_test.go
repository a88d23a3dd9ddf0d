//go:build linux

package hf

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor"
)

// BenchmarkLoad loads a model of half a gigabyte that no cache holds, in turns with reading its file
// from one end to the other: GB/s of both, and the ratio. The disk of b.TempDir counts. As much memory as
// weights in F32 take is touched before: what that costs, the first time on a virtual machine, is the
// machine's, and is told apart.
func BenchmarkLoad(b *testing.B) {
	backend := opentest.CPU(b, 0)
	c := model.Config{Family: "llama", Vocab: 32000, Hidden: 1024, FF: 4096, Layers: 12, Heads: 16, KVHeads: 16,
		HeadDim: 64, NormEps: 1e-5, Context: 2048, Rope: model.Rope{Theta: 10000}, BOS: -1}
	dir := b.TempDir()
	w, err := model.NewWeights(backend, c, model.BF16, model.Inference)
	if err != nil {
		b.Fatal(err)
	}
	w.Initialize(backend, 1, model.Init{Embedding: 0.02, Matrix: 1, Residual: 1})
	if err := Save(backend, w, dir, tensor.BF16); err != nil {
		b.Fatal(err)
	}
	w.Free()
	path := filepath.Join(dir, weightsFile)
	size := float64(2 * c.Params())
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		b.Run(p.Name, func(b *testing.B) {
			var read, load, touch time.Duration
			for b.Loop() {
				uncached(b, path)
				start := time.Now()
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f},
					make([]byte, 1<<20)); err != nil {
					b.Fatal(err)
				}
				f.Close()
				read += time.Since(start)
				uncached(b, path)
				start = time.Now()
				fresh, err := backend.Alloc("fresh", 2*int(size))
				if err != nil {
					b.Fatal(err)
				}
				clear(fresh.Host)
				touch += time.Since(start)
				fresh.Free()
				start = time.Now()
				w, err := Load(backend, dir, p, model.Inference)
				if err != nil {
					b.Fatal(err)
				}
				load += time.Since(start)
				w.Free()
			}
			n := float64(b.N)
			b.ReportMetric(size*n/load.Seconds()/1e9, "GB/s")
			b.ReportMetric(size*n/read.Seconds()/1e9, "file-GB/s")
			b.ReportMetric(2*size*n/touch.Seconds()/1e9, "touch-GB/s")
			b.ReportMetric(read.Seconds()/load.Seconds(), "of-file")
		})
	}
}

// uncached drops the pages of a file from the system's cache.
func uncached(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}
