package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model"
	modelgguf "spell/model/gguf"
	"spell/tensor/gguf"
)

// small is a shape with everything a file can hold.
var small = model.Config{Family: "qwen2", Vocab: 96, Hidden: 64, FF: 160, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 32,
	QKVBias: true, NormEps: 1e-6, Context: 256, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}

// TestGGUF wants a file that opens as the model, with numbers that have the spread of a fresh model's, and
// that is not written again.
func TestGGUF(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.F32, gguf.BF16, gguf.Q8_0} {
		path := filepath.Join(t.TempDir(), "small.gguf")
		if err := ggufFile(path, &small, "small", typ); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := ggufFile(path, &small, "small", typ); err != nil {
			t.Fatal(err)
		}
		if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("%v: the file was written again (%v)", typ, err)
		}
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
		if err := ggufFile(path, &small, "small", typ); err != nil { // again, whole
			t.Fatal(err)
		}
		m, err := modelgguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if info, _ := m.File().Tensor("blk.1.ffn_down.weight"); info.Type != typ {
			t.Errorf("matrices are %v, not %v", info.Type, typ)
		}
		for _, s := range model.Shapes(&small) {
			v := make([]float32, s.Rows*s.Cols)
			if err := m.Rows()(v, s, 0, s.Rows); err != nil {
				t.Fatal(err)
			}
			checkSpread(t, s, v)
		}
	}
}

// checkSpread wants norms of 1, biases of 0, and matrices with mean 0 and the deviation of a fresh one.
func checkSpread(t *testing.T, s model.Shape, v []float32) {
	t.Helper()
	if s.Kind == model.Norm || s.Kind == model.Bias {
		want := map[model.Kind]float32{model.Norm: 1, model.Bias: 0}[s.Kind]
		if slices.ContainsFunc(v, func(x float32) bool { return x != want }) {
			t.Errorf("%s is %v, want %v throughout", s.Name, v, want)
		}
		return
	}
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
	}
	n, scale := float64(len(v)), math.Sqrt(float64(s.Cols))
	if mean, std := sum/n*scale, math.Sqrt(squares/n)*scale; math.Abs(mean) > .1 || math.Abs(std-1) > .05 {
		t.Errorf("%s: mean %v, standard deviation %v, each times √%d", s.Name, mean, std, s.Cols)
	}
}

func TestGGUFRefuses(t *testing.T) {
	odd := small
	odd.Hidden = 72
	err := ggufFile(filepath.Join(t.TempDir(), "odd.gguf"), &odd, "odd", gguf.Q8_0)
	if err == nil || !strings.Contains(err.Error(), "rows of 72") {
		t.Errorf("the error is %v, want one that names rows of 72", err)
	}
}
