package hf

import (
	"math"
	"slices"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor"
)

// TestInt8 loads a saved model with int8 weights: matrices within half a step of the largest number
// of a run, norms, biases and routers as they are.
func TestInt8(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		dir := t.TempDir()
		family := map[tensor.DType]string{tensor.F32: "qwen2", tensor.BF16: "qwen3_moe"}[typ]
		w := random(t, b, small(family, true), model.F32, model.Inference)
		if err := Save(b, w, dir, typ); err != nil {
			t.Fatal(err)
		}
		files, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		p := files.Stored()
		if p.Weight != typ || p.Act != tensor.F32 || p.Acc != tensor.F32 {
			t.Errorf("weights stored in %v are loaded as %+v", typ, p)
		}
		stored, err := Load(b, dir, p, model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		defer stored.Free()
		q, err := Load(b, dir, model.Int8, model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Free()
		wide, err := b.Alloc("wide", 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		defer wide.Free()
		for i, s := range q.Params {
			wide.Release(0)
			m := wide.New(tensor.F32, s.Rows, s.Cols)
			b.Copy(m, s.W)
			got, want := values(b, m), values(b, stored.Params[i].W)
			switch {
			case s.Kind == model.Norm || s.Kind == model.Bias || s.Kind == model.Router:
				if !slices.Equal(got, want) {
					t.Errorf("%s has changed", s.Name)
				}
			case s.W.Type != tensor.I8:
				t.Errorf("%s is %v", s.Name, s.W)
			default:
				for j, v := range want {
					if math.Abs(float64(got[j]-v)) > 0.502/127*float64(slices.Max(want)) {
						t.Fatalf("%s: element %d is %g, stored %g", s.Name, j, got[j], v)
					}
				}
			}
		}
	}
	if _, err := model.NewWeights(b, small("llama", true), model.Int8, model.Training); err == nil {
		t.Error("int8 weights were allocated for training")
	}
}
