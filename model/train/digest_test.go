package train

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/model"
	"spell/model/forest"
)

// verifyAll is VerifyAll of which nobody sees how far it is.
func verifyAll(dir string) error { return VerifyAll(context.Background(), dir, nil) }

// TestReading: the reading of a checkpoint is told to its last byte, and ends with its context.
func TestReading(t *testing.T) {
	_, at := saved(t, model.F32)
	ctx, cancel := context.WithCancel(t.Context())
	var most, of int64
	if err := VerifyAll(ctx, at, func(done, total int64) { most, of = max(most, done), total }); err != nil {
		t.Fatal(err)
	}
	if most == 0 || most != of {
		t.Errorf("%d bytes of %d were read", most, of)
	}
	cancel()
	if err := VerifyAll(ctx, at, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestDigests: a state lists every file of its checkpoint, those of extra in sub-folders too, and one that
// is written anew lists them still.
func TestDigests(t *testing.T) {
	tr := newTrainer(t, model.BF16, optim)
	steps(t, tr, 0, 1)
	dir := t.TempDir()
	at := filepath.Join(dir, Name(1))
	err := tr.Save(dir, 1, 2, progress{At: 1}, func(tmp string) error {
		if err := os.MkdirAll(filepath.Join(tmp, "sub", "below"), 0o777); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, "sub", "below", "text"), []byte("abc"), 0o666)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"", "anew"} {
		if note != "" {
			if err := tr.SaveState(dir, 1, progress{1, note}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := readState(at)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for name := range content(t, at) {
			if name != inTraining(stateFile) {
				want = append(want, filepath.ToSlash(name))
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(s.Files)); !slices.Equal(got, want) {
			t.Errorf("listed are %q, want %q", got, want)
		}
		if s.Files["sub/below/text"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
			t.Errorf("the digest is %s", s.Files["sub/below/text"])
		}
		if err := verifyAll(at); err != nil {
			t.Error(err)
		}
		var run progress
		if err := ReadState(at, &run); err != nil || run.Note != note {
			t.Errorf("the state is %v, %v", run, err)
		}
	}
	path := filepath.Join(at, "sub", "below", "text")
	for _, spoil := range []func(string) error{os.Remove,
		func(path string) error { return os.WriteFile(path, []byte("abd"), 0o666) }} {
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		for _, verify := range []func(string) error{Verify, verifyAll} {
			if err := verify(at); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v", err)
			}
		}
	}
}

// TestStateBits: whichever bit of a state is another, the state is refused by name, and not as one that
// another program has written.
func TestStateBits(t *testing.T) {
	_, at := saved(t, model.F32)
	path := filepath.Join(at, inTraining(stateFile))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(whole) {
		raw := slices.Clone(whole)
		raw[i/8] ^= 1 << (i % 8)
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := readState(at); err == nil || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), "version") {
			t.Errorf("bit %d of byte %d, in %q: error %v", i%8, i/8, whole[max(0, i/8-9):min(len(whole), i/8+9)], err)
		}
	}
}

// TestUndigested: a checkpoint of version 2, with all files in one folder and no digests, is whole, is told
// from a broken one, has its state written anew as it was, and is removed when it is too old.
func TestUndigested(t *testing.T) {
	tr, at := saved(t, model.F32)
	dir := filepath.Dir(at)
	for _, name := range []string{stateFile, optimizerFile} {
		if err := os.Rename(filepath.Join(at, inTraining(name)), filepath.Join(at, name)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := tr.encodeState(progress{At: 1}, nil)
	err = errors.Join(err, os.Remove(filepath.Join(at, trainingDir)),
		os.WriteFile(filepath.Join(at, stateFile), raw, 0o666))
	if err == nil {
		err = tr.SaveState(dir, 1, progress{At: 2})
	}
	if err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(at, trainingDir)) {
		t.Error("the state was written elsewhere")
	}
	s, err := readState(at)
	if err != nil || s.Version != undigested || s.Files != nil {
		t.Errorf("the state is %v, %v", s, err)
	}
	if err := errors.Join(verifyAll(at), CheckName(dir, Name(1))); err != nil {
		t.Error(err)
	}
	path := filepath.Join(at, optimizerFile)
	whole, err := os.ReadFile(path)
	if err == nil {
		err = os.Truncate(path, int64(len(whole)-1))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(at); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	var run progress
	w, restore, err := Resume(tr.Backend, at, model.F32, &run)
	if err != nil || run.At != 2 {
		t.Fatalf("%v, %v", run, err)
	}
	again, err := New(tr.Backend, w, optim, forest.Limits{Shared: 64, Batch: 64}, model.KeepActivations)
	if err == nil {
		err = restore(again)
	}
	if err != nil || !reflect.DeepEqual(all(tr), all(again)) {
		t.Errorf("it is resumed to something else: %v", err)
	}
	if err := again.Save(dir, 2, 1, progress{At: 2}, nil); err != nil {
		t.Fatal(err)
	}
	if names, err := List(dir); err != nil || !slices.Equal(names, []string{Name(2)}) {
		t.Errorf("kept %v, %v", names, err)
	}
}
