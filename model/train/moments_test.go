package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
)

// with is p with moments kept in another way.
func with(p model.Precision, m model.Moments) model.Precision {
	p.Moments = m
	return p
}

// precisions are those that are trained in.
func precisions() (list []model.Precision) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		for _, m := range []model.Moments{model.FullMoments, model.BF16Moments, model.Int8Moments} {
			list = append(list, with(p, m))
		}
	}
	return list
}

// TestMoments: with every kind of moments training learns what it does with full ones, to the same
// bits on any number of workers, and memory and checkpoints are as much smaller as they should be.
func TestMoments(t *testing.T) {
	o := optim
	o.Beta2 = 0.999
	var learned, parts, file float64
	for _, p := range precisions() {
		var first [][]float32
		for _, workers := range []int{1, 3} {
			b, err := cpu.New(cpu.Options{Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			tr := trainerOn(t, b, p, o)
			loss := 0.0
			for i := range 60 {
				stats, err := tr.Accumulate(context.Background(), text(60, 3*i), nll(1))
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range stats {
					if i >= 50 {
						loss -= float64(s.LogProb) / float64(10*len(stats))
					}
				}
				if _, err := tr.Update(1); err != nil {
					t.Fatal(err)
				}
			}
			if first == nil {
				first = all(tr)
			} else if !reflect.DeepEqual(first, all(tr)) {
				t.Errorf("%s, moments %v: %d workers give other bits", p.Name, p.Moments, workers)
			}
			moments := 0.0
			for _, part := range tr.Weights.Memory() {
				if part.Updated() {
					moments += float64(part.Bytes)
				}
			}
			dir := t.TempDir()
			if err := tr.Save(dir, 1, 2, progress{}, nil); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(dir, Name(1), trainingDir, optimizerFile))
			if err != nil {
				t.Fatal(err)
			}
			size := float64(info.Size())
			if p.Moments == model.FullMoments {
				learned, parts, file = loss, moments, size
			}
			// A tiny model has short rows, to which bases and the alignment of matrices add.
			if want := []float64{1, 1.9, 2.2}[p.Moments]; parts/moments < want ||
				p.Weight == p.Acc && file/size < 0.8*want {
				t.Errorf("%s, moments %v: %g bytes, of the file %g; full ones take %g and %g", p.Name, p.Moments,
					moments, size, parts, file)
			}
			if !(math.Abs(loss-learned) < 0.03*learned) {
				t.Errorf("%s, moments %v: the loss becomes %v, with full moments %v", p.Name, p.Moments, loss, learned)
			}
			tr.Free()
			tr.Weights.Free()
			b.Close()
		}
	}
}

// TestMomentsText: the names of kinds of moments.
func TestMomentsText(t *testing.T) {
	for _, m := range []model.Moments{model.FullMoments, model.BF16Moments, model.Int8Moments} {
		text, err := m.MarshalText()
		back := model.Moments(9)
		if err != nil || back.UnmarshalText(text) != nil || back != m {
			t.Errorf("%v becomes %q becomes %v", m, text, back)
		}
	}
	var m model.Moments
	if err := m.UnmarshalText([]byte("fp8")); err == nil || err.Error() != `moments is "fp8"; use f32, bf16 or int8` {
		t.Errorf("%v", err)
	}
}
