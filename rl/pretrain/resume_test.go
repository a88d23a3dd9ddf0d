package pretrain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/train"
	"spell/model/train/traintest"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// save writes a checkpoint of the run as it is into dir.
func save(t testing.TB, r *Run, dir string) {
	t.Helper()
	s, err := r.State()
	if err == nil {
		err = r.trainer.Save(dir, steps(r), r.Config.Keep, s, r.Model.Text.Save)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// resume goes on from the newest checkpoint in dir.
func resume(t testing.TB, dir string, c Config, b kernels.Backend, p model.Precision, texts []string) (*Run, error) {
	t.Helper()
	all, err := train.List(dir)
	if err != nil || len(all) == 0 {
		t.Fatalf("the checkpoints are %q, %v", all, err)
	}
	at := filepath.Join(dir, all[len(all)-1])
	p.Moments = c.Moments
	var state json.RawMessage
	w, optimizer, err := train.Resume(b, at, p, &state)
	if err != nil {
		return nil, err
	}
	t.Cleanup(w.Free)
	text, err := chat.Open(at)
	if err != nil {
		return nil, err
	}
	r, err := New(c, runner.Model{Backend: b, Weights: w, Text: text}, named(texts))
	if err != nil {
		return nil, err
	}
	t.Cleanup(r.Free)
	if err := r.Restore(state); err != nil {
		return nil, err
	}
	return r, optimizer(r.trainer)
}

// TestResume: a run that goes on from a checkpoint within a stage, at its end, or after a step
// that was cancelled, ends with the bytes of one that never stopped, for any number of workers
// and on a backend whose memory is unreadable outside operations.
func TestResume(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		dir := t.TempDir()
		b := opentest.CPU(t, 1)
		run := start(t, tiny(), b, p)
		for !done(run) {
			step(t, run, 1)
		}
		if steps(run) != 8 {
			t.Fatalf("%d steps", steps(run))
		}
		save(t, run, dir)
		want := runnertest.Outcome(t, dir, 8)
		inner, err := cpu.New(cpu.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		guarded := kerneltest.Guarded(inner)
		for _, cut := range []int{2, 3, 5} {
			t.Run(fmt.Sprintf("%s/%d", p.Name, cut), func(t *testing.T) {
				dir := t.TempDir()
				run := start(t, tiny(), guarded, p)
				step(t, run, cut)
				save(t, run, dir)
				step(t, run, 1) // lost
				run, err := resume(t, dir, tiny(), guarded, p, texts)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				if _, err := run.Step(ctx, nil); !errors.Is(err, context.Canceled) || steps(run) != cut {
					t.Errorf("a cancelled step gives %v after %d steps", err, steps(run))
				}
				for !done(run) {
					step(t, run, 1)
				}
				save(t, run, dir)
				runnertest.Same(t, "resumed", runnertest.Outcome(t, dir, 8), want)
			})
		}
	}
}

// TestSame: what may change when a run goes on is the length of its last stage, and what bounds memory
// or disk.
func TestSame(t *testing.T) {
	began, err := json.Marshal(tiny())
	if err != nil {
		t.Fatal(err)
	}
	last := len(tiny().Stages) - 1
	for _, c := range []struct {
		say    string // empty: may change
		change func(c *Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { c.Stages[last].Steps = 1 }},
		{"", func(c *Config) { c.Stages[last].Steps = 1000 }},
		{"", func(c *Config) { c.PassTokens, c.Checkpoint, c.Keep = 4096, 7, 9 }},
		{"seed 1 and now it is 2", func(c *Config) { c.Seed++ }},
		{"stages.0.steps 3 and now it is 4", func(c *Config) { c.Stages[0].Steps++ }},
		{"lr 0.001 and now it is 0.5", func(c *Config) { c.Stages[last].LR = 0.5 }},
		{"3 stages and now it is 2", func(c *Config) { c.Stages = c.Stages[:2] }},
		{"hidden 16 and now it is 17", func(c *Config) { c.Hidden++ }},
	} {
		m := Method{Config: tiny()}
		c.change(&m.Config)
		want := m.Config.Stages[len(m.Config.Stages)-1].Steps
		if err := m.Same(began); c.say == "" && err != nil ||
			c.say != "" && (err == nil || !strings.Contains(err.Error(), c.say)) {
			t.Errorf("%q: %v", c.say, err)
		}
		if got := m.Config.Stages[len(m.Config.Stages)-1].Steps; got != want {
			t.Errorf("comparing changes the settings: %d steps", got)
		}
	}
}

// TestResumeLength: a run whose last stage becomes longer, at its end too, goes on as one that was to be
// so long from the beginning, if the rate does not depend on the length; one that becomes shorter than
// what is done of it is complete.
func TestResumeLength(t *testing.T) {
	b := opentest.CPU(t, 1)
	of := func(steps int) Config {
		r := tiny()
		r.Stages = []Stage{r.Stages[0], r.Stages[2]}
		r.Stages[1].Steps = steps
		return r
	}
	whole := func(run *Run, dir string, n int) map[string]string {
		t.Helper()
		for !done(run) {
			step(t, run, 1)
		}
		if steps(run) != n {
			t.Fatalf("%d steps, want %d", steps(run), n)
		}
		save(t, run, dir)
		return runnertest.Outcome(t, dir, n)
	}
	want := whole(start(t, of(4), b, model.F32), t.TempDir(), 7)
	again := func(dir string, steps int) *Run {
		t.Helper()
		run, err := resume(t, dir, of(steps), b, model.F32, texts)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	dir := t.TempDir()
	whole(start(t, of(2), b, model.F32), dir, 5)
	if run := again(dir, 1); !done(run) {
		t.Error("a stage of one step goes on after two")
	}
	runnertest.Same(t, "longer after its end", whole(again(dir, 4), dir, 7), want)
	dir = t.TempDir()
	run := start(t, of(3), b, model.F32)
	step(t, run, 5)
	save(t, run, dir)
	for n := 1; n <= 2; n++ {
		if run := again(dir, n); !done(run) {
			t.Errorf("a stage of %d steps goes on after two", n)
		}
	}
	runnertest.Same(t, "longer before its end", whole(again(dir, 4), dir, 7), want)
}

// TestResumeErrors: what is not of one run is refused in a sentence that says what to do.
func TestResumeErrors(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir := t.TempDir()
	run := start(t, tiny(), b, model.F32)
	step(t, run, 4)
	save(t, run, dir)
	at := filepath.Join(dir, train.Name(4))
	refused := func(what, say string, c Config, texts []string) {
		t.Helper()
		if _, err := resume(t, dir, c, b, model.F32, texts); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: error %v, want %q", what, err, say)
		}
	}
	refused("a text is missing", "the same --docs", tiny(), texts[:2])
	refused("texts are joined", "the same --docs", tiny(), []string{texts[0] + texts[1], texts[2]})
	spoil := func(name string, change func(string) string) (mend func()) {
		path := filepath.Join(at, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := change(string(raw))
		if changed == string(raw) {
			t.Fatalf("%s stays as it is", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		return func() { os.WriteFile(path, raw, 0o666) }
	}
	for _, c := range [][2]string{{`"stage": 1`, `"stage": -1`}, {`"stage": 1`, `"stage": 3`},
		{`"step": 1`, `"step": -1`}, {`"step": 1`, `"step": 3`},
		{`"total": 4`, `"total": 0`}, {`"window": 2048`, `"window": 0`}} {
		swap := func(from, to string) {
			err := traintest.EditState(at, func(s string) string { return strings.Replace(s, from, to, 1) })
			if err != nil {
				t.Fatal(err)
			}
		}
		swap(c[0], c[1])
		refused(c[1], "its state is after step", tiny(), texts)
		swap(c[1], c[0])
	}
	mend := spoil("tokenizer.json", func(s string) string { return strings.ReplaceAll(s, "|end|", "|other|") })
	refused("another end", "no "+End, tiny(), texts)
	mend()
	fewer, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 270,
		Special: []string{End}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	if err := fewer.WriteFile(filepath.Join(at, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	refused("another tokenizer", "the tokenizer has 270 tokens and the model ", tiny(), texts)
}

// TestResumeSmaller: with smaller passes a run learns from the windows that it began with, and passes
// that do not hold them are refused with the number that would.
func TestResumeSmaller(t *testing.T) {
	b := opentest.CPU(t, 1)
	c := tiny()
	c.Stages = c.Stages[2:] // windows of 600 tokens
	c.PassTokens = 500
	dir := t.TempDir()
	run := start(t, c, b, model.F32)
	step(t, run, 1)
	save(t, run, dir)
	want := run.batch()
	c.PassTokens = 499
	if _, err := resume(t, dir, c, b, model.F32, texts); err == nil ||
		!strings.Contains(err.Error(), "pass_tokens is 499") || !strings.Contains(err.Error(), "up to 500 tokens") {
		t.Errorf("error %v", err)
	}
	for _, n := range []int{500, 4096} {
		c.PassTokens = n
		run, err := resume(t, dir, c, b, model.F32, texts)
		if err != nil {
			t.Fatal(err)
		}
		if got := run.batch(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("with passes of %d tokens other windows are cut", n)
		}
	}
}

// TestDue: the base is tested at the same steps whatever the checkpoint interval is and wherever the run
// was cut short: as often as said once it is on the world, and at the end.
func TestDue(t *testing.T) {
	c := tiny()
	c.Stages = []Stage{{Data: "drill", Steps: 4}, {Data: "world", Steps: 9}}
	c.Measure = 3
	m := runner.Model{Weights: &model.Weights{Config: model.Config{Context: 64}}}
	tested := func(checkpoint, cut int) (at []int) {
		c.Checkpoint = checkpoint
		r := &Run{Config: c, Model: m, state: state{Tested: -1, Window: 1}}
		for {
			if r.Due() {
				at = append(at, steps(r))
				r.state.Tested = r.state.Total
				if r.Due() {
					t.Fatal("due again")
				}
			}
			if done(r) {
				return at
			}
			if steps(r) == cut {
				raw, err := json.Marshal(r.state)
				if err != nil {
					t.Fatal(err)
				}
				r = &Run{Config: c, Model: m}
				if err := r.Restore(raw); err != nil {
					t.Fatal(err)
				}
				cut = -1
			}
			r.state.Step++
			r.state.Total++
			r.advance(0)
		}
	}
	want := []int{6, 9, 12, 13}
	for checkpoint := 1; checkpoint < 15; checkpoint++ {
		for cut := range 13 {
			if got := tested(checkpoint, cut); !slices.Equal(got, want) {
				t.Fatalf("checkpoints every %d steps, cut at %d: tested at %v, want %v", checkpoint, cut, got, want)
			}
		}
	}
	c.Stages = append(c.Stages, Stage{Data: "text", Steps: 3}) // a run that does not end on the world is not tested
	if got := tested(1, 5); got != nil {
		t.Errorf("tested at %v", got)
	}
}
