//go:build cuda && cgo && linux

package open

import (
	"strings"
	"testing"

	"spell/kernels/cuda/cudatest"
)

// TestGPU: a GPU is used if there is one that can be, and what keeps one from use is said.
func TestGPU(t *testing.T) {
	for _, c := range []struct {
		backend, settings string
		name              string // of the backend that is opened
		says              string // in the note or the error
	}{
		{"auto", "", "cuda (emulated sm_90)", ""},
		{"", "sm=89", "cuda (emulated sm_89)", ""},
		{"cuda", "", "cuda (emulated sm_90)", ""},
		{"cpu", "", "cpu ", ""},
		{"auto", "devices=0", "cpu ", ""},
		{"auto", "sm=75", "cpu ", "computing on the CPU: emulated sm_75 has compute capability 7.5"},
		{"auto", "fail=cuStreamCreate:1:999", "cpu ", "computing on the CPU: cuStreamCreate failed"},
		{"cuda", "devices=0", "", "--backend cuda: the NVIDIA driver finds no GPU"},
		{"cuda", "sm=75", "", "use --backend cpu"},
	} {
		cudatest.Use(t, cudatest.Device{Settings: c.settings})
		said := ""
		b, err := Backend(Options{Name: c.backend, Workers: 1, Note: func(s string) { said = s }})
		name := ""
		if err == nil {
			name = b.Name()
			b.Close()
		} else {
			said = err.Error()
		}
		if !strings.HasPrefix(name, c.name) || (name == "") != (c.name == "") || !strings.Contains(said, c.says) ||
			c.says == "" && said != "" {
			t.Errorf("--backend %q with %q: opened %q and said %q", c.backend, c.settings, name, said)
		}
	}
}
