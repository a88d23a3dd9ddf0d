package rl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/corpus"
	"spell/rl/task"
	"spell/tensor"
	"spell/tokenizer/chat"
)

func readFile(t testing.TB, elem ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// turns is a script whose steps differ.
func turns(step, round, i int) plan {
	p := fates[(3*step+5*round+i)%len(fates)]
	if i%2 == 0 {
		p = plan{fate: "asked", passes: 1 + (i+step)%3, yes: [2]int{1, 3}}
	}
	return p
}

// advance takes n steps, each logged, and may save the last.
func advance(t testing.TB, r *Run, dir string, n int, save bool) {
	t.Helper()
	for range n {
		rep, records, err := r.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Log(dir, rep, records); err != nil {
			t.Fatal(err)
		}
	}
	if save {
		if err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func resumed(t testing.TB, dir string, c Config, b kernels.Backend, p model.Precision, docs *corpus.Corpus) *Run {
	t.Helper()
	r, err := Resume(dir, c, b, p, docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Weights.Free)
	follow(t, r, turns)
	t.Cleanup(r.Free)
	return r
}

// outcome is every byte a run leaves.
func outcome(t testing.TB, dir string, step int) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{TranscriptFile, MetricsFile} {
		files[name] = readFile(t, dir, name)
	}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors", "state.json", "config.json", "tokenizer.json"} {
		files[name] = readFile(t, dir, train.Name(step), name)
	}
	return files
}

func differ(t testing.TB, a, b map[string]string) {
	t.Helper()
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
	}
}

// TestResume: six steps, and three steps, a checkpoint, a fourth step that is lost but for its
// lines, then a resumed run to the sixth, leave the same bytes; so do one and two workers.
func TestResume(t *testing.T) {
	docs := documents(9, 6)
	c := small()
	c.Tasks, c.Draw = []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}, 6
	for _, p := range []model.Precision{model.F32, model.BF16} {
		var first map[string]string
		for workers := 1; workers <= 2; workers++ {
			t.Run(fmt.Sprintf("%s/%d", p.Name, workers), func(t *testing.T) {
				straight, cut := t.TempDir(), t.TempDir()
				b := backend(t, workers)
				r, _ := newRun(t, c, b, p, docs, turns)
				advance(t, r, straight, 6, true)
				want := outcome(t, straight, 6)
				if r.trainer.Steps < 4 {
					t.Errorf("only %d of 6 steps trained", r.trainer.Steps)
				}
				three := c
				three.Steps = 3
				r, _ = newRun(t, three, b, p, docs, turns)
				advance(t, r, cut, 3, true)
				advance(t, r, cut, 1, false) // torn: its lines are there, its checkpoint is not
				if err := os.MkdirAll(filepath.Join(cut, ".writing-"+train.Name(4)), 0o777); err != nil {
					t.Fatal(err)
				}
				r = resumed(t, cut, c, b, p, docs)
				if r.Steps() != 3 {
					t.Fatalf("resumed after step %d", r.Steps())
				}
				advance(t, r, cut, 3, true)
				differ(t, want, outcome(t, cut, 6))
				if first == nil {
					first = want
				}
				differ(t, first, want)
			})
		}
	}
}

// TestResumeErrors: what does not belong to the run is refused with its name.
func TestResumeErrors(t *testing.T) {
	docs, c, b := documents(9, 6), small(), backend(t, 1)
	dir := t.TempDir()
	r, _ := newRun(t, c, b, model.F32, docs, turns)
	advance(t, r, dir, 2, true)
	for name, tt := range map[string]struct {
		spoil func(dir string) (*corpus.Corpus, model.Precision)
		say   string
	}{
		"other documents": {func(string) (*corpus.Corpus, model.Precision) { return documents(3, 6), model.F32 }, "resume with"},
		"precision":       {func(string) (*corpus.Corpus, model.Precision) { return docs, model.BF16 }, "--precision f32"},
		"short log": {func(dir string) (*corpus.Corpus, model.Precision) {
			os.Truncate(filepath.Join(dir, TranscriptFile), 10)
			return docs, model.F32
		}, TranscriptFile},
		"missing log": {func(dir string) (*corpus.Corpus, model.Precision) {
			os.Remove(filepath.Join(dir, MetricsFile))
			return docs, model.F32
		}, MetricsFile},
		"missing tokenizer": {func(dir string) (*corpus.Corpus, model.Precision) {
			os.Remove(filepath.Join(dir, train.Name(2), "tokenizer.json"))
			return docs, model.F32
		}, "tokenizer.json"},
		"empty directory": {func(dir string) (*corpus.Corpus, model.Precision) {
			os.RemoveAll(filepath.Join(dir, train.Name(2)))
			return docs, model.F32
		}, "no checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			d, p := tt.spoil(copied)
			_, err := Resume(copied, c, b, p, d, nil)
			if err == nil || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), "\n") {
				t.Errorf("resuming says %v, want %q in it", err, tt.say)
			}
		})
	}
}

// A scarce backend fails at one allocation and remembers the others.
type scarce struct {
	kernels.Backend
	left   int // allocations until one fails
	arenas []*tensor.Arena
}

func (s *scarce) Alloc(name string, bytes int) (*tensor.Arena, error) {
	if s.left--; s.left == 0 {
		return nil, errors.New("no memory for " + name)
	}
	a, err := s.Backend.Alloc(name, bytes)
	s.arenas = append(s.arenas, a)
	return a, err
}

// mapped are the arenas that nobody freed.
func (s *scarce) mapped() (names []string) {
	for _, a := range s.arenas {
		if a.Host != nil {
			names = append(names, a.Name())
		}
	}
	return names
}

// TestFailureFrees: a run that cannot be made, or cannot be resumed, leaves nothing mapped.
func TestFailureFrees(t *testing.T) {
	c, b, tok, docs := small(), backend(t, 1), testTokenizer(t), documents(4, 3)
	c.Int8 = true
	w := testWeights(t, b, model.F32, tok.VocabSize())
	for n := 1; ; n++ {
		s := &scarce{Backend: b, left: n}
		r, err := New(c, s, w, &chat.Dialog{Tok: tok}, docs, nil)
		if err == nil {
			if n < 6 {
				t.Errorf("only %d allocations", n)
			}
			r.Free()
		}
		if left := s.mapped(); len(left) > 0 {
			t.Errorf("allocation %d fails with %v, and %v stay", n, err, left)
		}
		if err == nil {
			break
		}
	}

	dir := t.TempDir()
	c.Int8 = false
	r, _ := newRun(t, c, b, model.F32, docs, turns)
	advance(t, r, dir, 1, true)
	lost := filepath.Join(dir, train.Name(1))
	for _, v := range []struct {
		say   string
		spoil func()
		left  int
		docs  *corpus.Corpus
	}{
		{"no memory", func() {}, 6, docs},
		{"the documents are not those", func() {}, 0, documents(5, 3)},
		{MetricsFile, func() { os.Remove(filepath.Join(dir, MetricsFile)) }, 0, docs},
		{"optimizer.safetensors", func() { os.Remove(filepath.Join(lost, "optimizer.safetensors")) }, 0, docs},
		{"tokenizer.json", func() { os.Remove(filepath.Join(lost, "tokenizer.json")) }, 0, docs},
	} {
		v.spoil()
		s := &scarce{Backend: b, left: v.left}
		if _, err := Resume(dir, c, s, model.F32, v.docs, nil); err == nil || !strings.Contains(err.Error(), v.say) {
			t.Errorf("%s: error %v", v.say, err)
		}
		if left := s.mapped(); len(left) > 0 || len(s.arenas) == 0 {
			t.Errorf("%s: of %d arenas %v stay", v.say, len(s.arenas), left)
		}
	}
}
