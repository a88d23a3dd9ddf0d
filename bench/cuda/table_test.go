package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTables: results become rows with the best peer, shares of the bound, and remarks.
func TestTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	p := problem{Step: "gemm", Case: "forward", Flops: 4e12, Bytes: 1e9}
	for _, r := range []result{
		{problem: problem{Step: "ceilings", Case: "copy", Bytes: 4e9}, Engine: ours, Seconds: 1e-3},
		{problem: problem{Step: "ceilings", Case: "product", Flops: 8e12}, Engine: "torch", Seconds: 0.01},
		{problem: p, Engine: ours, Seconds: 0.01, Memory: 3 << 30},
		{problem: p, Engine: "fast", Seconds: 0.008, Memory: 6 << 30},
		{problem: p, Engine: "slow", Seconds: 0.02},
		{problem: p, Engine: "other", Note: "cannot"},
		{problem: problem{Step: "bits", Case: "all"}, Engine: ours, Note: "3 of 4", Failed: true},
	} {
		if err := appendResult(path, r); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"step":"gemm","case":"cut o`)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := readResults(path)
	if err != nil || len(list) != 7 {
		t.Fatalf("%d results, %v", len(list), err)
	}
	var b strings.Builder
	if err := printTables(&b, list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| copy | 1 ms, 4 TB/s | 100 % |", "| product | – | – | 10 ms, 800 TFLOP/s | – | – |",
		"| case | ours | of the bound | fast | slow | ours / best peer | memory, ours / least |",
		"| forward | 10 ms, 400 TFLOP/s | 50 % | 8 ms, 500 TFLOP/s | 20 ms, 200 TFLOP/s | 0.80 | 3.0 GiB / 6.0, 0.50 |",
		"- forward, other: cannot\n", "- all, ours: FAILED: 3 of 4\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, b.String())
		}
	}
}

// TestProblems: every step that is measured has problems of other names, with work to divide times by.
func TestProblems(t *testing.T) {
	for _, s := range []sizes{realSizes(), tinySizes()} {
		for _, step := range measured {
			list, err := s.problems(step)
			if err != nil || len(list) == 0 {
				t.Fatalf("%s: %d problems, %v", step, len(list), err)
			}
			names := map[string]bool{}
			for _, p := range list {
				if names[p.Case] || p.Step != step || step != "delta" && p.Flops+p.Bytes+p.Tokens == 0 {
					t.Errorf("%s: %+v", step, p)
				}
				names[p.Case] = true
			}
		}
	}
}

// TestOutputs: other bits are told, and forgiven only where a device has functions of its own.
func TestOutputs(t *testing.T) {
	o := func(hash uint64, near bool, v ...float32) output { return output{"x", hash, v, near} }
	for _, c := range []struct {
		got, want output
		equal, ok bool
	}{
		{o(1, false, 1, 2), o(1, false, 1, 2), true, true},
		{o(1, false, 1, 2), o(2, false, 1, 2), false, false}, // elsewhere
		{o(1, false, 1, 2), o(2, false, 1, 2.5), false, false},
		{o(1, true, 1, 2), o(2, true, 1, 2.0000002), false, true},
		{o(1, true, 1, 2), o(2, true, 1, 2.5), false, false},
	} {
		if says, ok := compare(c.got, c.want); (says == "") != c.equal || ok != c.ok {
			t.Errorf("%v and %v: %q, %v", c.got, c.want, says, ok)
		}
	}
}

// TestTensorCore: sums are aligned to the largest exponent, cut and not rounded, in groups.
func TestTensorCore(t *testing.T) {
	h, a := tensorCores[0], tensorCores[1]
	ones := func(n int, v float32) []float32 {
		list := make([]float32, n)
		for i := range list {
			list[i] = v
		}
		return list
	}
	x, y := ones(16, 1), ones(16, 1)
	if got := h.dot(x, y); got != 16 {
		t.Errorf("sixteen ones are %g", got)
	}
	x[0], y[0] = 1<<13, 1<<12      // 2²⁵, beside which one is the last bit that is kept
	x[8], y[8] = -(1 << 13), 1<<12 // in the other half
	if got := h.dot(x, y); got != 14 {
		t.Errorf("an H100 leaves %g of 14", got)
	}
	if got := a.dot(x, y); got == 14 {
		t.Errorf("an A100 keeps all of %g, although 24 bits do not hold it", got)
	}
	if got := h.add(1, ones(16, 0x1p-13), ones(16, 0x1p-13)); got != 1 {
		t.Errorf("what lies below the last of 25 bits counts: %g", got)
	}
}
