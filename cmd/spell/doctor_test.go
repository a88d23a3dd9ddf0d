package main

import (
	"runtime"
	"strings"
	"testing"

	"spell/kernels/open"
)

func TestDoctor(t *testing.T) {
	b, err := open.Backend(open.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	name := b.Name()
	b.Close()

	d := decode[diagnosis](t, succeed(t, "", "doctor", "--json", "--workers", "2"))
	system := runtime.GOOS + "/" + runtime.GOARCH
	if d.Kernels != name || d.Workers != 2 || d.UsableCores < 1 || d.Go != runtime.Version() || d.System != system {
		t.Errorf("%+v", d)
	}
	if assembly := !strings.Contains(name, "generic"); (d.PeakOne > 0) != assembly || (d.PeakAll > 0) != assembly {
		t.Errorf("%s reaches %g and %g GFLOP/s", name, d.PeakOne, d.PeakAll)
	}
	if !(d.ReadOne > 0.01 && d.ReadAll > 0.01 && d.ReadOne < 1e4) {
		t.Errorf("memory is read at %g and %g GB/s", d.ReadOne, d.ReadAll)
	}
	if runtime.GOOS == "linux" && !(d.Memory > 1<<20 && d.Available > 0 && d.Available <= d.Memory) {
		t.Errorf("%d bytes of memory, %d available", d.Memory, d.Available)
	}
	if d.GPU == "" || strings.Contains(d.GPU, "\n") {
		t.Errorf("GPU %q", d.GPU)
	}

	text := succeed(t, "", "doctor", "--workers", "2")
	for _, line := range []string{
		"processor", "cores", "instruction sets", "kernels", "peak f32",
		"memory reads", "memory updates", "memory", "GPU", "Go",
	} {
		if !strings.Contains("\n"+text, "\n"+line+"  ") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if !strings.Contains(text, name) {
		t.Errorf("%q is missing in\n%s", name, text)
	}
}

// TestRates: one worker's rate is told once.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		workers  int
		one, all float64
		want     string
	}{
		{1, 101.94, 101.94, "101.9 GFLOP/s"},
		{2, 101.94, 200, "101.9 GFLOP/s with one worker, 200.0 with 2"},
		{2, 0, 0, "not measured"},
		{1, 0, 0, "not measured"},
	} {
		if got := (&diagnosis{Workers: c.workers}).rates(c.one, c.all, "GFLOP/s"); got != c.want {
			t.Errorf("%d workers: %q, want %q", c.workers, got, c.want)
		}
	}
}
