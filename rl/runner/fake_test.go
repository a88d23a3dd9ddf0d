package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/budget"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A fakeConfig is the settings of a fake method.
type fakeConfig struct {
	Base
	Steps int `json:"steps" resume:"free"`
	Size  int `json:"size"`
}

// A fake method trains a model of two thousand parameters to say one word, keeps samples, measures
// itself, and lets tests look on.
type fake struct {
	fakeConfig
	name  string
	model string // folder; empty: one that is made

	data   string // what it reads; it may not change
	read   func() error
	load   func()            // before the model is
	draw   func(n int) error // in step n, before its samples
	step   func(n int) error // in step n, from 1, after its samples are drawn
	test   func(n int) error // in the measurement after step n
	saving func(n int) error // when the state after n steps is asked for
	failed bool
	begin  error // of Begin, beside a nil recipe that has a type

	steps, tests, sampled int // made in this process
	recipe                *fakeRecipe
}

func newFake() *fake {
	return &fake{name: "fake", data: "data", fakeConfig: fakeConfig{Base: Base{Seed: 1, PassTokens: 16,
		Checkpoint: 2, Keep: 2,
		Optim: train.Optim{LR: 1e-3, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}}, Steps: 5, Size: 8}}
}

var fakeTokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	return tokenizer.Train(func(yield func(string) bool) { yield("a word") }, tokenizer.TrainOptions{VocabSize: 257,
		Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
})

func (f *fake) Name() string { return f.name }
func (f *fake) About() About {
	return About{Done: "taught", Tag: "fake", How: "repetition.", Defaults: &fakeConfig{}}
}
func (f *fake) Settings() any    { return &f.fakeConfig }
func (f *fake) goOn(path string) { f.model = path }
func (f *fake) Base() *Base      { return &f.fakeConfig.Base }
func (f *fake) Read(ctx context.Context, _ string, _ *Console) error {
	if f.read != nil {
		if err := f.read(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *fake) Shape() (model.Config, error) {
	if f.model != "" {
		return ShapeOf(f.model)
	}
	return model.Config{Family: "llama", Vocab: 257, Hidden: f.Size, FF: 8, Layers: 1, Heads: 1, KVHeads: 1,
		HeadDim: 8, NormEps: 1e-6,
		Tied: true, Context: 32, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{256}}, nil
}

func (f *fake) Plan(context.Context, kernels.Backend, model.Config, model.Precision) (*budget.Plan, error) {
	return &budget.Plan{}, nil
}

func (f *fake) Fit(context.Context, kernels.Backend, model.Config, model.Precision, int64, bool) error {
	return nil
}

func (f *fake) Load(ctx context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	if f.load != nil {
		f.load()
	}
	if f.model != "" {
		return Learner(ctx, b, f.model, p)
	}
	c, err := f.Shape()
	if err != nil {
		return nil, nil, err
	}
	w, err := model.NewWeights(b, c, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	w.Initialize(b, f.Seed, model.Init{Embedding: 1, Matrix: 1, Residual: 1})
	tok, err := fakeTokenizer()
	return w, &chat.Dialog{Tok: tok}, err
}

func (f *fake) Begin(_ context.Context, m Model) (Recipe, error) {
	if f.begin != nil {
		return (*fakeRecipe)(nil), f.begin
	}
	t, err := train.New(m.Backend, m.Weights, f.Optim, forest.Limits{Shared: 16, Batch: 16}, model.KeepActivations)
	if err != nil {
		return nil, err
	}
	f.recipe = &fakeRecipe{f: f, trainer: t, fakeState: fakeState{Data: f.data, Tested: -1}}
	return f.recipe, nil
}

type fakeState struct {
	Step   int    `json:"step"`
	Data   string `json:"data"`
	Tested int    `json:"tested"`
}

type fakeRecipe struct {
	fakeState
	f       *fake
	trainer *train.Trainer
	kept    samples
}

// samples are what a fake step draws one by one before its update.
type samples []int

func (s *samples) Len() int { return len(*s) }

func (s *samples) Write(w io.Writer) error { return json.NewEncoder(w).Encode(*s) }

func (s *samples) Read(r io.Reader) error { return json.NewDecoder(r).Decode(s) }

type fakeLine struct {
	Step int    `json:"step"`
	What string `json:"what"`
}

func (l *fakeLine) String() string { return fmt.Sprintf("%s %d", l.What, l.Step) }

func (r *fakeRecipe) Steps() (int, int)       { return r.done(), r.f.Steps }
func (r *fakeRecipe) done() int               { return r.fakeState.Step }
func (r *fakeRecipe) Trainer() *train.Trainer { return r.trainer }
func (r *fakeRecipe) Free()                   { r.trainer.Free() }
func (r *fakeRecipe) Summary() string         { return "fake" }
func (r *fakeRecipe) Unfinished() Unfinished  { return &r.kept }
func (r *fakeRecipe) Verdict() ([]string, bool) {
	return []string{fmt.Sprintf("tested after %d", r.Tested)}, r.f.failed
}

func (r *fakeRecipe) State() (any, error) {
	if r.f.saving != nil {
		if err := r.f.saving(r.done()); err != nil {
			return nil, err
		}
	}
	return r.fakeState, nil
}

func (r *fakeRecipe) Restore(raw json.RawMessage) error {
	var s fakeState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.Data != r.f.data {
		return errors.New("the data is not the run's")
	}
	r.fakeState = s
	return nil
}

func (r *fakeRecipe) Step(ctx context.Context, show Show) (*Report, error) {
	if r.f.draw != nil {
		if err := r.f.draw(r.done() + 1); err != nil {
			return nil, err
		}
	}
	for len(r.kept) < 3 { // what a step draws follows from its number
		r.f.sampled++
		r.kept = append(r.kept, 10*r.done()+len(r.kept))
		show("sampling", float64(len(r.kept))/4, 8)
	}
	if r.f.step != nil {
		if err := r.f.step(r.done() + 1); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var f forest.Forest
	f.Add(-1, []int32{int32(r.kept[0] % 256), int32(r.kept[2] % 256), 256}, true)
	_, err := r.trainer.Accumulate(ctx, f, func(_ []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
		for i := range dl {
			dl[i] = -1
		}
	})
	if err == nil {
		_, err = r.trainer.Update(1)
	}
	if err != nil {
		return nil, err
	}
	r.fakeState.Step++
	r.f.steps++
	lines := []any{map[string]any{"step": r.done(), "said": r.kept[1]}}
	r.kept = nil
	return &Report{Metrics: &fakeLine{r.done(), "step"}, Transcript: lines, Tokens: 3}, nil
}

func (r *fakeRecipe) Due() bool {
	done, total := r.Steps()
	return r.Tested != done && (done%3 == 0 || done == total)
}

func (r *fakeRecipe) Measure(ctx context.Context, show Show) (*Report, error) {
	if r.f.test != nil {
		if err := r.f.test(r.done()); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.Tested = r.done()
	r.f.tests++
	return &Report{Metrics: &fakeLine{r.done(), "test"}, Always: true}, nil
}

// said is what a run printed: results, and notes and progress.
type said struct{ out, err string }

// run runs a method in a folder and returns what it said.
func (f *fake) run(t testing.TB, dir string, resume, quiet bool) (said, error) {
	return f.runUnder(t.Context(), t, dir, resume, quiet)
}

func (f *fake) runUnder(ctx context.Context, t testing.TB, dir string, resume, quiet bool) (said, error) {
	t.Helper()
	folder, err := Open(t.Context(), dir, resume, nil)
	if err != nil {
		return said{}, err
	}
	defer folder.Close()
	if resume { // as the command does: settings of the run, and those that were given over them
		given := f.fakeConfig
		if err := folder.Config(f.name, &f.fakeConfig); err != nil {
			return said{}, err
		}
		f.fakeConfig = given
	}
	progress, err := os.CreateTemp(t.TempDir(), "err")
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	var out bytes.Buffer
	err = Run(ctx, f, folder, Options{Model: f.model, Available: func() int64 { return 0 }, Console: NewConsole(&out,
		progress, quiet),
		Open: func() (kernels.Backend, model.Precision, error) {
			b, err := cpu.New(cpu.Options{Workers: 1})
			return b, model.F32, err
		}})
	raw, e := os.ReadFile(progress.Name())
	if e != nil {
		t.Fatal(e)
	}
	return said{out.String(), string(raw)}, err
}

// mustRun runs a method to its end.
func (f *fake) mustRun(t testing.TB, dir string, resume bool) said {
	t.Helper()
	s, err := f.run(t, dir, resume, true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stopAt has Ctrl-C pressed in step n, and returns what the run says to that.
func (f *fake) stopAt(t testing.TB, dir string, n int, resume bool) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.step = func(at int) error {
		if at == n {
			cancel()
		}
		return nil
	}
	_, err := f.runUnder(ctx, t, dir, resume, true)
	f.step = nil
	var stopped *Stopped
	if !errors.As(err, &stopped) || stopped.ExitCode() != 130 {
		t.Fatalf("a run that was interrupted gives %v", err)
	}
	return err.Error()
}

// errKilled ends a run as a kill would: nothing is saved after it.
var errKilled = errors.New("killed")

// killAt ends the run in step n without saving anything.
func (f *fake) killAt(t testing.TB, dir string, n int, resume bool) {
	t.Helper()
	f.step = func(at int) error {
		if at == n {
			return errKilled
		}
		return nil
	}
	_, err := f.run(t, dir, resume, true)
	f.step = nil
	if !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
}

// files is the contents of every file of a folder, by its name within.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() { // a link
			for in, text := range files(t, path+"/.") {
				all[filepath.Join(name, in)] = text
			}
			return nil
		}
		raw, err := os.ReadFile(path)
		all[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// equal wants two folders with the same files, but for those named.
func equal(t testing.TB, got, want map[string]string, but ...string) {
	t.Helper()
	for _, name := range but {
		delete(got, name)
		delete(want, name)
	}
	for name := range want {
		if text, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if text != want[name] {
			t.Errorf("%s differs", name)
			if !strings.HasSuffix(name, "safetensors") {
				t.Logf("got %.500s\nwant %.500s", text, want[name])
			}
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is too many", name)
		}
	}
}

// logged returns the steps of the lines of a log, in order.
func logged(t testing.TB, dir, name string) (steps []int) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewScanner(bytes.NewReader(raw)); in.Scan(); {
		_, rest, _ := strings.Cut(in.Text(), `"step":`)
		n, err := strconv.Atoi(rest[:strings.IndexAny(rest+",", ",}")])
		if err != nil {
			t.Fatalf("%s: %q", name, in.Text())
		}
		steps = append(steps, n)
	}
	return steps
}
