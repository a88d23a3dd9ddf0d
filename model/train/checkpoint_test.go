package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/model"
	"spell/model/forest"
)

var optim = Optim{LR: 0.01, EmbedScale: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 1}

type progress struct {
	At   int    `json:"at"`
	Note string `json:"note"`
}

func steps(t testing.TB, tr *Trainer, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := tr.Accumulate(context.Background(), text(20+i, i), nll(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Update(1); err != nil {
			t.Fatal(err)
		}
	}
}

// content is every file below dir.
func content(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestResume: training that goes on from a checkpoint is training that never stopped, also on a
// backend whose memory is unreadable outside its operations.
func TestResume(t *testing.T) { testResume(t, dense) }

// TestResumeOfMixture is TestResume of a mixture of experts.
func TestResumeOfMixture(t *testing.T) { testResume(t, mixture) }

func testResume(t *testing.T, c model.Config) {
	for _, p := range precisions() {
		for _, guarded := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v/guarded=%v", p.Name, p.Moments, guarded), func(t *testing.T) {
				inner, err := cpu.New(cpu.Options{Workers: 1})
				if err != nil {
					t.Fatal(err)
				}
				b := kerneltest.Guarded(inner)
				if !guarded {
					b = inner
				}
				resumed(t, b, c, p)
			})
		}
	}
}

// resumed trains for three steps, saves, and goes on for three more, once as it is and once from the
// checkpoint.
func resumed(t *testing.T, b kernels.Backend, c model.Config, p model.Precision) {
	t.Helper()
	dir := t.TempDir()
	tr := trainerOf(t, b, c, p, optim)
	steps(t, tr, 0, 3)
	if err := tr.Save(dir, 3, 2, progress{3, "half"}, nil); err != nil {
		t.Fatal(err)
	}
	steps(t, tr, 3, 6)
	if err := tr.Save(dir, 6, 2, progress{6, "all"}, nil); err != nil {
		t.Fatal(err)
	}
	var s progress
	w, restore, err := Resume(b, filepath.Join(dir, Name(3)), p, &s)
	if err != nil {
		t.Fatal(err)
	}
	if s != (progress{3, "half"}) {
		t.Errorf("the caller's state is %v", s)
	}
	// Activations that are recomputed have the same bits.
	again, err := New(b, w, optim, forest.Limits{Shared: 64, Batch: 64}, model.RecomputeActivations)
	if err != nil {
		t.Fatal(err)
	}
	if err := restore(again); err != nil {
		t.Fatal(err)
	}
	steps(t, again, 3, 6)
	if again.Steps != 6 || !reflect.DeepEqual(all(tr), all(again)) {
		t.Errorf("after %d steps the resumed training differs", again.Steps)
	}
	other := t.TempDir()
	if err := again.Save(other, 6, 2, progress{6, "all"}, nil); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(content(t, filepath.Join(dir, Name(6))), content(t, other+"/"+Name(6))) {
		t.Error("the checkpoints differ")
	}
}

// TestSaveIsWhole: a checkpoint that cannot be written leaves the earlier ones as they were and
// nothing that looks like one.
func TestSaveIsWhole(t *testing.T) {
	tr := newTrainer(t, model.F32, optim)
	dir := t.TempDir()
	steps(t, tr, 0, 1)
	save := func(n int, extra func(string) error) error { return tr.Save(dir, n, 2, progress{At: n}, extra) }
	for n := 1; n <= 3; n++ {
		if err := save(n, nil); err != nil {
			t.Fatal(err)
		}
	}
	names, err := List(dir)
	if err != nil || !reflect.DeepEqual(names, []string{Name(2), Name(3)}) {
		t.Fatalf("kept %v, %v", names, err)
	}
	before := content(t, dir)
	steps(t, tr, 1, 2)
	check := func(what string, err error, say ...string) {
		t.Helper()
		for _, s := range append(say, Name(4), "earlier checkpoints are untouched") {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %v, want %q in it", what, err, s)
			}
		}
		if after := content(t, dir); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: the folder changed", what)
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != 2 {
			t.Errorf("%s: the folder holds %v", what, entries)
		}
	}
	check("extra fails", save(4, func(d string) error {
		if err := os.WriteFile(filepath.Join(d, "half"), []byte("half"), 0o666); err != nil {
			t.Fatal(err)
		}
		return errors.New("the disk is full")
	}), "the disk is full")
	check("state cannot be written", save(4, func(d string) error {
		return os.MkdirAll(filepath.Join(d, trainingDir, stateFile), 0o777)
	}), stateFile)
	check("run is no JSON", func() error {
		if err := tr.Save(dir, 4, 2, func() {}, nil); err == nil || !strings.Contains(err.Error(), "checkpoint") {
			t.Errorf("a state that is no JSON gives %v", err)
		}
		return save(4, func(string) error { return fs.ErrPermission })
	}(), "permission")
	if os.Geteuid() != 0 { // the superuser writes everywhere
		os.Chmod(dir, 0o555)
		err := save(4, nil)
		os.Chmod(dir, 0o777)
		check("folder is read-only", err, "permission")
	}
	// A file in the way of the folder fails for anyone.
	blocked := filepath.Join(dir, Name(2), "config.json")
	if err := tr.Save(blocked, 4, 2, progress{}, nil); err == nil {
		t.Error("a checkpoint was written below a file")
	}
	if !reflect.DeepEqual(before, content(t, dir)) {
		t.Error("the folder changed")
	}
	// The same step again replaces its checkpoint, whole.
	if err := save(3, func(d string) error { return os.WriteFile(filepath.Join(d, "new"), nil, 0o666) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, Name(3), "new")); err != nil {
		t.Error(err)
	}
	if err := save(3, func(string) error { return errors.New("no") }); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(filepath.Join(dir, Name(3), "new")); err != nil {
		t.Errorf("a failed save of the same step removed it: %v", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("the folder holds %v", entries)
	}
}

// TestSaveKilled: wherever a save of the same step is killed, a whole checkpoint of it is found,
// and the next save leaves nothing of what was killed.
func TestSaveKilled(t *testing.T) {
	tr := newTrainer(t, model.F32, optim)
	steps(t, tr, 0, 1)
	for name, kill := range map[string]func(at func(name string) string){
		"while writing":       func(at func(string) string) { os.Mkdir(at(unfinished+Name(3)), 0o777) },
		"between the renames": func(at func(string) string) { os.Rename(at(Name(3)), at(replaced+Name(3))) },
		"removing the old": func(at func(string) string) {
			os.Mkdir(at(replaced+Name(3)), 0o777)
			os.MkdirAll(filepath.Join(at(unfinished+replaced+Name(3)), "half"), 0o777)
		},
		"removing another": func(at func(string) string) {
			os.Rename(at(Name(2)), at(unfinished+Name(2)))
			os.Mkdir(at(unfinished+replaced+Name(2)), 0o777)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			for n := 2; n <= 3; n++ {
				if err := tr.Save(dir, n, 2, progress{At: n}, nil); err != nil {
					t.Fatal(err)
				}
			}
			whole := content(t, at(Name(3)))
			kill(at)
			all, err := List(dir)
			if err != nil || len(all) == 0 || all[len(all)-1] != Name(3) ||
				!reflect.DeepEqual(content(t, at(Name(3))), whole) {
				t.Fatalf("the checkpoints are %q, %v", all, err)
			}
			if err := tr.Save(dir, 4, 2, progress{At: 4}, nil); err != nil {
				t.Fatal(err)
			}
			entries, _ := os.ReadDir(dir)
			if len(entries) != 2 || entries[0].Name() != Name(3) || entries[1].Name() != Name(4) {
				t.Errorf("the folder holds %v", entries)
			}
		})
	}
}

// TestList: only complete checkpoints count.
func TestList(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{Name(10), Name(9), unfinished + Name(11), "step-old", "step-12", "other"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, Name(13)), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	names, err := List(dir)
	if err != nil || !reflect.DeepEqual(names, []string{Name(9), Name(10)}) {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := List(filepath.Join(dir, "none")); names != nil || err != nil {
		t.Errorf("a folder that is not there gives %v, %v", names, err)
	}
	if _, err := List(filepath.Join(dir, Name(13))); err == nil || !strings.Contains(err.Error(), Name(13)) {
		t.Errorf("a file gives %v", err)
	}
}

// TestLinks: a link to a directory is a checkpoint. What makes room for newer ones removes the
// link, and nothing where it points; it leaves alone what no Save has written.
func TestLinks(t *testing.T) {
	tr := newTrainer(t, model.F32, optim)
	steps(t, tr, 0, 1)
	elsewhere, dir := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, n := range []int{1, 2} {
		if err := tr.Save(elsewhere, n, 9, progress{At: n}, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(elsewhere, Name(n)), at(Name(n))); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	target := content(t, elsewhere)
	for link, to := range map[string]string{
		Name(3): filepath.Join(elsewhere, "nowhere"), Name(4): filepath.Join(elsewhere, Name(2), "config.json"),
		unfinished + Name(5): filepath.Join(elsewhere, Name(1)),
		unfinished + "notes": filepath.Join(elsewhere, Name(1)),
	} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{Name(0), unfinished + "mine", replaced + "mine", "step-00001"} {
		if err := os.Mkdir(at(d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	names, err := List(dir)
	if err != nil || !reflect.DeepEqual(names, []string{Name(0), Name(1), Name(2)}) {
		t.Fatalf("%v, %v", names, err)
	}
	var s progress
	w, _, err := Resume(tr.Backend, at(Name(2)), model.F32, &s)
	if err != nil || s.At != 2 {
		t.Fatalf("%v, %v", s, err)
	}
	w.Free()
	check := func(what string, want ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, e := range entries {
			have = append(have, e.Name())
		}
		want = append(want, Name(0), unfinished+"mine", replaced+"mine", "step-00001", unfinished+"notes")
		slices.Sort(want)
		if !reflect.DeepEqual(have, want) {
			t.Errorf("%s: the folder holds %q, want %q", what, have, want)
		}
		if !reflect.DeepEqual(content(t, elsewhere), target) {
			t.Errorf("%s: what the links point to changed", what)
		}
	}
	// The same step again takes the place of its link.
	if err := tr.Save(dir, 2, 2, progress{At: 2}, nil); err != nil {
		t.Fatal(err)
	}
	check("after a link was replaced", Name(1), Name(2), Name(3), Name(4))
	if info, err := os.Lstat(at(Name(2))); err != nil || !info.IsDir() {
		t.Errorf("the new checkpoint is %v, %v", info, err)
	}
	// So does a checkpoint the place of a link to nothing; and there is room for two.
	if err := tr.Save(dir, 3, 2, progress{At: 3}, nil); err != nil {
		t.Fatal(err)
	}
	check("after a link was too old", Name(2), Name(3), Name(4))
}

// TestTidyKeepsLater: a run that went back to an earlier checkpoint keeps what it writes, and
// leaves later ones to whoever wrote them.
func TestTidyKeepsLater(t *testing.T) {
	tr := newTrainer(t, model.F32, optim)
	dir := t.TempDir()
	for _, n := range []int{8, 9, 2, 3, 4} {
		if err := tr.Save(dir, n, 2, progress{At: n}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := List(dir); err != nil || !reflect.DeepEqual(names, []string{Name(3), Name(4), Name(8), Name(9)}) {
		t.Errorf("kept %v, %v", names, err)
	}
}

// TestResumeErrors: each says in one sentence which file is wrong.
func TestResumeErrors(t *testing.T) {
	tr := newTrainer(t, model.F32, optim)
	dir := t.TempDir()
	steps(t, tr, 0, 1)
	if err := tr.Save(dir, 1, 2, progress{At: 1}, nil); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) func(string) {
		return func(d string) { os.WriteFile(filepath.Join(d, name), []byte(text), 0o666) }
	}
	for name, tt := range map[string]struct {
		spoil func(dir string)
		p     model.Precision
		say   string
	}{
		"no state":      {func(d string) { os.Remove(filepath.Join(d, trainingDir, stateFile)) }, model.F32, "is not a checkpoint"},
		"state cut":     {write(trainingDir+"/"+stateFile, `{"version":2,`), model.F32, stateFile},
		"other version": {write(trainingDir+"/"+stateFile, `{"version":9,"precision":"f32","run":{}}`), model.F32, "version 9"},
		"other run":     {write(trainingDir+"/"+stateFile, `{"version":2,"precision":"f32","run":[1]}`), model.F32, stateFile},
		"precision":     {func(string) {}, model.BF16, "--precision f32"},
		"moments":       {func(string) {}, with(model.F32, model.Int8Moments), `moments "f32" and now they are "int8"`},
		"no weights":    {func(d string) { os.Remove(filepath.Join(d, "model.safetensors")) }, model.F32, "safetensors"},
		"weights cut":   {func(d string) { os.Truncate(filepath.Join(d, "model.safetensors"), 100) }, model.F32, "model.safetensors"},
		"no config":     {func(d string) { os.Remove(filepath.Join(d, "config.json")) }, model.F32, "config.json"},
		"no optimizer":  {func(d string) { os.Remove(filepath.Join(d, trainingDir, optimizerFile)) }, model.F32, optimizerFile},
		"optimizer cut": {func(d string) { os.Truncate(filepath.Join(d, trainingDir, optimizerFile), 5000) }, model.F32, optimizerFile},
		"optimizer of another": {func(d string) {
			raw, _ := os.ReadFile(filepath.Join(d, "model.safetensors"))
			os.WriteFile(filepath.Join(d, trainingDir, optimizerFile), raw, 0o666)
		}, model.F32, optimizerFile},
	} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), Name(1))
			if err := os.CopyFS(at, os.DirFS(filepath.Join(dir, Name(1)))); err != nil {
				t.Fatal(err)
			}
			tt.spoil(at)
			var s progress
			w, restore, err := Resume(tr.Backend, at, tt.p, &s)
			if err == nil {
				var again *Trainer
				if again, err = New(tr.Backend, w, optim, forest.Limits{Shared: 64, Batch: 64},
					model.KeepActivations); err != nil {
					t.Fatal(err)
				}
				err = restore(again)
				again.Free()
				w.Free()
			}
			if err == nil || !strings.Contains(err.Error(), tt.say) || !strings.Contains(err.Error(), at) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want %q and the path in one line", err, tt.say)
			}
		})
	}
}

// TestResumeErrorsOfMoments is the same for moments that are not f32.
func TestResumeErrorsOfMoments(t *testing.T) {
	p := with(model.F32, model.Int8Moments)
	tr := newTrainer(t, p, optim)
	steps(t, tr, 0, 1)
	dir := t.TempDir()
	if err := tr.Save(dir, 1, 2, progress{At: 1}, nil); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, Name(1))
	var s progress
	if _, _, err := Resume(tr.Backend, at, model.F32, &s); err == nil ||
		!strings.Contains(err.Error(), `moments "int8" and now they are "f32"`) {
		t.Errorf("with other moments: %v", err)
	}
	path := filepath.Join(at, trainingDir, optimizerFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The last bytes of the file are the base of the last run of the last tensor.
	broken := append(whole[:len(whole)-4:len(whole)-4], 0, 0, 0xc0, 0x7f)
	other := newTrainer(t, model.F32, optim)
	steps(t, other, 0, 1)
	elsewhere := t.TempDir()
	if err := other.Save(elsewhere, 1, 2, progress{At: 1}, nil); err != nil {
		t.Fatal(err)
	}
	full, err := os.ReadFile(filepath.Join(elsewhere, Name(1), trainingDir, optimizerFile))
	if err != nil {
		t.Fatal(err)
	}
	for say, raw := range map[string][]byte{"has the base NaN": broken, "where U32 of": full} {
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		w, restore, err := Resume(tr.Backend, at, p, &s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := New(tr.Backend, w, optim, forest.Limits{Shared: 64, Batch: 64}, model.KeepActivations)
		if err != nil {
			t.Fatal(err)
		}
		if err := restore(again); err == nil || !strings.Contains(err.Error(), say) ||
			!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v; want %q and the path in one line", err, say)
		}
		again.Free()
		w.Free()
	}
}
