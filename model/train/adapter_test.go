package train

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/model/hf"
	"spell/model/peft"
)

var lora = model.LoRA{Rank: 4, Alpha: 8, Targets: model.AdapterTargets}

// frozen returns the folder of a model, and what loads it.
func frozen(t *testing.T, b kernels.Backend, p model.Precision) (dir string, load func() (*model.Weights, error)) {
	t.Helper()
	tr := trainerOn(t, b, model.F32, optim)
	defer func() { tr.Free(); tr.Weights.Free() }()
	dir = t.TempDir()
	if err := hf.Save(b, tr.Weights, dir, tr.Weights.Weight); err != nil {
		t.Fatal(err)
	}
	return dir, func() (*model.Weights, error) { return hf.Load(b, dir, p, model.Inference) }
}

// adapting returns a trainer of fresh adapters on a model.
func adapting(t *testing.T, b kernels.Backend, load func() (*model.Weights, error)) *Trainer {
	t.Helper()
	w, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Adapt(b, lora, model.Training); err != nil {
		t.Fatal(err)
	}
	w.InitializeAdapters(b, 1)
	return train(t, b, w)
}

func train(t *testing.T, b kernels.Backend, w *model.Weights) *Trainer {
	t.Helper()
	tr, err := New(b, w, optim, forest.Limits{Shared: 64, Batch: 64}, model.KeepActivations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Free(); w.Free() })
	return tr
}

// bases are the precisions of frozen models.
func bases() []model.Precision {
	stored := model.F32 // as bf16 files are, with activations in f32
	stored.Weight = model.BF16.Weight
	half := model.BF16
	half.Weight = model.Int8.Weight
	return append(precisions(), stored, half, model.Int8, with(model.Int8, model.Int8Moments))
}

// TestResumeAdapters: adapters that go on from a checkpoint are those that never stopped, over a base of
// any type, which stays as it is and is not in the checkpoint.
func TestResumeAdapters(t *testing.T) {
	for _, p := range bases() {
		t.Run(fmt.Sprintf("%s/%v/%v", p.Name, p.Weight, p.Moments), func(t *testing.T) {
			b, err := cpu.New(cpu.Options{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			base, load := frozen(t, b, p)
			tr, dir := adapting(t, b, load), t.TempDir()
			tr.Base = base
			fresh := values(b, tr.Weights.Params)
			steps(t, tr, 0, 3)
			for n := 3; n <= 6; n += 3 {
				if err := tr.Save(dir, n, 2, progress{n, "half"}, nil); err != nil {
					t.Fatal(err)
				}
				steps(t, tr, n, n+3)
			}
			if !reflect.DeepEqual(fresh, values(b, tr.Weights.Params)) {
				t.Error("the frozen base has changed")
			}
			at := filepath.Join(dir, Name(3))
			if err := Verify(at); err != nil {
				t.Error(err)
			}
			size := int64(0)
			for name, text := range content(t, at) {
				size += int64(len(text))
				if name == "config.json" || name == "model.safetensors" {
					t.Errorf("the checkpoint holds %s", name)
				}
			}
			n := int64(len(tr.Weights.Trainable()))
			if got := CheckpointBytes(&tr.Weights.Config, p, &lora); got < size || got > size+1<<14+800*n {
				t.Errorf("%d bytes are estimated for %d on disk", got, size)
			}
			var s progress
			if _, _, err := Resume(b, at, p, &s); err == nil || !strings.Contains(err.Error(), "holds adapters alone") {
				t.Errorf("without a base: %v", err)
			}
			w, restore, err := ResumeOn(t.Context(), b, at, p, &s, load)
			if err != nil {
				t.Fatal(err)
			}
			again := train(t, b, w)
			again.Base = base
			if err := restore(again); err != nil {
				t.Fatal(err)
			}
			steps(t, again, 3, 6)
			other := t.TempDir()
			if err := again.Save(other, 6, 2, progress{6, "half"}, nil); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(content(t, filepath.Join(dir, Name(6))), content(t, filepath.Join(other, Name(6)))) {
				t.Error("the checkpoints differ")
			}
			c, err := peft.ReadConfig(at)
			if err != nil || c.Base != base {
				t.Errorf("the adapters name the base %v, %v; want %s", c, err, base)
			}
		})
	}
}

// values returns the bytes of parameters.
func values(b kernels.Backend, list []*model.Param) (all [][]byte) {
	for _, p := range list {
		host := p.W.Arena.Host
		from := p.W.Off * p.W.Type.Size()
		all = append(all, append([]byte(nil), host[from:from+p.W.Rows*p.W.Stride*p.W.Type.Size()]...))
	}
	return all
}

// TestAdaptersLearn: adapters alone lower the loss.
func TestAdaptersLearn(t *testing.T) {
	for _, p := range bases() {
		b, err := cpu.New(cpu.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		_, load := frozen(t, b, p)
		tr := adapting(t, b, load)
		loss := func() (sum float64) {
			stats, err := tr.Decoder.Score(t.Context(), text(60, 3))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range stats {
				sum -= float64(s.LogProb) / float64(len(stats))
			}
			return sum
		}
		before := loss()
		for range 40 {
			if _, err := tr.Accumulate(t.Context(), text(60, 3), nll(1)); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.Update(1); err != nil {
				t.Fatal(err)
			}
		}
		if after := loss(); !(after < 0.7*before) {
			t.Errorf("%+v: the loss was %g and is %g", p, before, after)
		}
	}
}

// TestVerifyAdapters: what is damaged in a checkpoint of adapters is found, file by file.
func TestVerifyAdapters(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, load := frozen(t, b, model.F32)
	tr := adapting(t, b, load)
	for _, name := range []string{"adapter_model.safetensors", "training/optimizer.safetensors",
		"training/state.json"} {
		for what, spoil := range map[string]func(path string) error{
			"missing": os.Remove,
			"cut":     func(path string) error { return os.Truncate(path, 50) },
		} {
			dir := t.TempDir()
			if err := tr.Save(dir, 1, 2, progress{}, nil); err != nil {
				t.Fatal(err)
			}
			at := filepath.Join(dir, Name(1))
			if err := spoil(filepath.Join(at, name)); err != nil {
				t.Fatal(err)
			}
			if err := Verify(at); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
}
