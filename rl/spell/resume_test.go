package spell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/train"
	"spell/model/train/traintest"
	"spell/rl/corpus"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
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

// A scripted method is self-play of the tiny decoder by a script, in a folder of runs.
type scripted struct {
	Method
	text  *chat.Dialog
	plans func(step, round, i int) plan

	ready  func()                            // called once the folder was opened
	before func(ctx context.Context, r *run) // called before every step
	made   *run
	notes  string // what the console said
}

// newScripted returns a method over documents.
func newScripted(t testing.TB, c Config, docs *corpus.Corpus) *scripted {
	return &scripted{Method: Method{Config: c, docs: docs}, text: &chat.Dialog{Tok: testTokenizer(t)}, plans: turns}
}

func (m *scripted) Read(context.Context, string, *runner.Console) error { return nil }

func (m *scripted) Shape() (model.Config, error) { return testShape(m.text.Tok.VocabSize()), nil }

func (m *scripted) Fit(context.Context, kernels.Backend, model.Config, model.Precision, int64, bool) error {
	return nil
}

func (m *scripted) Load(_ context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	w, err := runnertest.Random(b, testShape(m.text.Tok.VocabSize()), p)
	return w, m.text, err
}

func (m *scripted) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	r, err := begin(ctx, m.Config, on, m.docs, m.judge)
	if err != nil {
		return nil, err
	}
	m.made = r
	if m.plans != nil { // else the real engine plays
		if _, err := r.follow(m.plans); err != nil {
			r.Free()
			return nil, err
		}
	}
	return &watched{r, m}, nil
}

// A watched run tells its method of every step.
type watched struct {
	*run
	m *scripted
}

func (w *watched) Step(ctx context.Context, show runner.Show) (*runner.Report, error) {
	if w.m.before != nil {
		w.m.before(ctx, w.run)
	}
	return w.run.Step(ctx, show)
}

// run runs the method in a folder.
func (m *scripted) run(ctx context.Context, dir string, b kernels.Backend, p model.Precision, resume bool) error {
	f, err := runner.Open(ctx, dir, resume, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if m.ready != nil {
		m.ready()
	}
	null, err := os.CreateTemp("", "spell-notes-")
	if err != nil {
		return err
	}
	defer os.Remove(null.Name())
	defer null.Close()
	err = runnertest.In(ctx, m, f, io.Discard, null, b, p)
	notes, _ := os.ReadFile(null.Name())
	m.notes = string(notes)
	return err
}

var errKilled = errors.New("killed")

// TestResume: six steps, and three steps, a checkpoint, a fourth step that is lost but for its
// lines, then a resumed run to the sixth, leave the same bytes; so do one and two workers.
func TestResume(t *testing.T) {
	docs := documents(9, 6)
	c := small()
	c.Tasks, c.Draw, c.Checkpoint = []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}, 6, 3
	for _, p := range []model.Precision{model.F32, model.BF16} {
		var first map[string]string
		for workers := 1; workers <= 2; workers++ {
			t.Run(fmt.Sprintf("%s/%d", p.Name, workers), func(t *testing.T) {
				straight, cut := t.TempDir(), t.TempDir()
				b := opentest.CPU(t, workers)
				m := newScripted(t, c, docs)
				m.judge = truth{}
				if err := m.run(context.Background(), straight, b, p, false); err != nil {
					t.Fatal(err)
				}
				want := runnertest.Outcome(t, straight, 6)
				if n := m.made.Trainer().Steps; n < 4 {
					t.Errorf("only %d of 6 steps trained", n)
				}
				verdict, _ := m.made.Verdict()
				if len(verdict) < 2 {
					t.Errorf("the verdict is %q", verdict)
				}
				five := c
				five.Steps = 5
				m = newScripted(t, five, docs)
				m.judge = truth{}
				m.before = func(_ context.Context, r *run) { // torn: lines of step 4 are there, its checkpoint is not
					if done, _ := r.Steps(); done == 4 {
						r.script.fail = func(stage) error { return errKilled }
					}
				}
				if err := m.run(context.Background(), cut, b, p, false); !errors.Is(err, errKilled) {
					t.Fatalf("the run that is cut off ends with %v", err)
				}
				if lines := strings.Count(readFile(t, cut, runner.MetricsFile), "\n"); lines != 4 {
					t.Fatalf("the run that was cut off left %d lines", lines)
				}
				if err := os.MkdirAll(filepath.Join(cut, ".writing-"+train.Name(4)), 0o777); err != nil {
					t.Fatal(err)
				}
				m = newScripted(t, c, docs)
				m.judge = truth{}
				steps := 0
				m.before = func(_ context.Context, r *run) {
					if done, _ := r.Steps(); done != 3+steps {
						t.Errorf("resumed after step %d", done)
					}
					steps++
				}
				if err := m.run(context.Background(), cut, b, p, true); err != nil {
					t.Fatal(err)
				}
				runnertest.Same(t, "resumed", runnertest.Outcome(t, cut, 6), want)
				if again, _ := m.made.Verdict(); fmt.Sprint(again) != fmt.Sprint(verdict) {
					t.Errorf("the verdict is %q, and after a resume %q", verdict, again)
				}
				if first == nil {
					first = want
				}
				runnertest.Same(t, "two workers", want, first)
			})
		}
	}
}

// ownPrompts is a copy of the compact prompts in a folder.
func ownPrompts(t testing.TB) string {
	t.Helper()
	files, err := role.Files("compact")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "prompts")
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestResumeErrors: what does not belong to the run is refused with its name.
func TestResumeErrors(t *testing.T) {
	docs, c, b := documents(9, 6), small(), opentest.CPU(t, 1)
	dir, prompts := t.TempDir(), ownPrompts(t)
	c.Steps, c.Prompts = 2, prompts
	if err := newScripted(t, c, docs).run(context.Background(), dir, b, model.F32, false); err != nil {
		t.Fatal(err)
	}
	c.Steps = 3
	nothing := func(*scripted, string) model.Precision { return model.F32 }
	rewrite := func(name, from, to string) {
		path := filepath.Join(prompts, name)
		text := readFile(t, path)
		if !strings.Contains(text, from) {
			t.Fatalf("%s lacks %q", name, from)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, from, to)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const changed = " are not those the run began with"
	older := func(dir string) { // a state that does not tell documents from prompts
		err := traintest.EditState(filepath.Join(dir, train.Name(2)), func(text string) string {
			return regexp.MustCompile(`"prompts": "[0-9a-f]{32,}",`).ReplaceAllString(text, "")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		spoil func(m *scripted, dir string) model.Precision
		ready func(dir string) // once the folder was opened
		say   string           // empty: the run goes on
		note  string
	}{
		"nothing": {spoil: nothing},
		"other documents": {spoil: func(m *scripted, _ string) model.Precision {
			m.docs = documents(3, 6)
			return model.F32
		}, say: "the documents" + changed},
		"a document changed": {spoil: func(m *scripted, _ string) model.Precision {
			m.docs = documents(9, 6)
			m.docs.Clusters[8].Docs[5].Text += " indeed"
			return model.F32
		}, say: "the documents" + changed},
		"a prompt changed": {spoil: func(_ *scripted, _ string) model.Precision {
			rewrite("verifier.txt", "same", "equal")
			return model.F32
		}, say: "the prompts" + changed},
		"documents and a prompt changed": {spoil: func(m *scripted, _ string) model.Precision {
			m.docs = documents(3, 6)
			rewrite("verifier.txt", "same", "equal")
			return model.F32
		}, say: "the prompts" + changed},
		"documents of an older state": {spoil: func(m *scripted, dir string) model.Precision {
			m.docs = documents(3, 6)
			older(dir)
			return model.F32
		}, say: "the documents or prompts" + changed},
		"an older state": {spoil: func(m *scripted, dir string) model.Precision {
			older(dir)
			return model.F32
		}},
		"precision": {spoil: func(*scripted, string) model.Precision { return model.BF16 }, say: "--precision f32"},
		"short log": {spoil: nothing, ready: func(dir string) { os.Truncate(filepath.Join(dir, runner.TranscriptFile), 10) },
			note: runner.TranscriptFile},
		"missing log": {spoil: nothing, ready: func(dir string) { os.Remove(filepath.Join(dir, runner.MetricsFile)) },
			note: runner.MetricsFile},
		"missing tokenizer": {spoil: nothing,
			ready: func(dir string) { os.Remove(filepath.Join(dir, train.Name(2), "tokenizer.json")) },
			say:   "tokenizer.json"},
		"empty directory": {spoil: func(_ *scripted, dir string) model.Precision {
			os.RemoveAll(filepath.Join(dir, train.Name(2)))
			return model.F32
		}, say: "no checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			m := newScripted(t, c, docs)
			p := tt.spoil(m, copied)
			if tt.ready != nil {
				m.ready = func() { tt.ready(copied) }
			}
			err := m.run(context.Background(), copied, b, p, true)
			if tt.say == "" && err != nil {
				t.Errorf("resuming says %v", err)
			}
			if tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say) ||
				strings.Contains(err.Error(), "\n")) {
				t.Errorf("resuming says %v, want %q in it", err, tt.say)
			}
			if !strings.Contains(m.notes, tt.note) || tt.note == "" && m.notes != "" {
				t.Errorf("resuming notes %q, want %q in it", m.notes, tt.note)
			}
			if strings.HasSuffix(name, "a prompt changed") {
				rewrite("verifier.txt", "equal", "same")
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
	c, b, docs := small(), opentest.CPU(t, 1), documents(4, 3)
	c.Int8 = true
	on := testModel(t, b, model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	for n := 1; ; n++ {
		s := &scarce{Backend: b, left: n}
		on.Backend = s
		r, err := begin(context.Background(), c, on, docs, nil)
		if err == nil {
			if n < 3 {
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
	c.Int8, c.Steps = false, 1
	if err := newScripted(t, c, docs).run(context.Background(), dir, b, model.F32, false); err != nil {
		t.Fatal(err)
	}
	c.Steps = 2
	for _, v := range []struct {
		say  string
		lost string // of the checkpoint's files, once the folder was opened
		left int
		docs *corpus.Corpus
	}{
		{"no memory", "none", 4, docs},
		{"the documents are not those", "none", 0, documents(5, 3)},
		{"optimizer.safetensors", "training/optimizer.safetensors", 0, docs},
		{"tokenizer.json", "tokenizer.json", 0, docs},
	} {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		s := &scarce{Backend: b, left: v.left}
		m := newScripted(t, c, v.docs)
		m.ready = func() { os.Remove(filepath.Join(copied, train.Name(1), v.lost)) }
		if err := m.run(context.Background(), copied, s, model.F32, true); err == nil ||
			!strings.Contains(err.Error(), v.say) {
			t.Errorf("%s: error %v", v.say, err)
		}
		if left := s.mapped(); len(left) > 0 || len(s.arenas) == 0 {
			t.Errorf("%s: of %d arenas %v stay", v.say, len(s.arenas), left)
		}
	}
}
