package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/pretrain"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/rl/sft"
	"spell/rl/spell"
	"spell/tensor"
)

// counting is a backend that notes what is mapped, but for the memory that weights pass through while
// they are loaded: it is gone before anything else is mapped.
type counting struct {
	*cpu.Backend
	mapped int
}

func (c *counting) Alloc(name string, bytes int) (*tensor.Arena, error) {
	if name != "staging" {
		c.mapped += bytes
	}
	return c.Backend.Alloc(name, bytes)
}

func open(t *testing.T) *counting {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &counting{Backend: b}
}

// methods are runs of the three commands on small data, changed by change.
func methods(t *testing.T, change func(*runner.Base)) []runner.Method {
	t.Helper()
	dir := t.TempDir()
	answers := filepath.Join(dir, "answers.jsonl")
	docs := filepath.Join(dir, "docs")
	write(t, answers, `{"prompt": "who is it ?", "answer": " the baker ."}
{"prompt": "where ?", "answer": " here ."}
`)
	for i := range 4 {
		text := fmt.Sprintf("Sentence %d follows the one before. ", i)
		write(t, filepath.Join(docs, fmt.Sprint(i, ".txt")), strings.Repeat(text, 40))
	}
	train := &spell.Method{Config: spell.Small()}
	train.Config.HeldOut = 0
	over := &spell.Method{Config: spell.Small(), Docs: docs}
	over.Config.HeldOut, over.Config.Int8 = 0, true
	tune := &sft.Method{Config: sft.Default(), Data: answers}
	tune.Config.HeldOut = 0
	base := &pretrain.Method{Config: pretrain.Text(), Docs: docs}
	base.Config.Vocab = 300
	all := []runner.Method{train, over, tune, base}
	for _, m := range all {
		change(m.Base())
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func console(out *bytes.Buffer) *runner.Console { return runner.NewConsole(out, os.Stderr, true) }

// TestPlanIsTheRun: a run maps what its plan says, to the byte.
func TestPlanIsTheRun(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(*runner.Base)
	}{
		{"as it is", func(*runner.Base) {}},
		{"recompute", func(b *runner.Base) { b.Recompute = true }},
		{"int8 moments and other passes", func(b *runner.Base) { b.Moments, b.PassTokens = model.Int8Moments, 5000 }},
	} {
		for i, m := range methods(t, change.do) {
			name := fmt.Sprintf("%s %d, %s", m.Name(), i, change.name)
			b := open(t)
			p := model.F32
			if err := m.Read(context.Background(), "", console(&bytes.Buffer{})); err != nil {
				t.Fatal(err)
			}
			shape, err := m.Shape()
			if err != nil {
				t.Fatal(err)
			}
			plan, err := runner.Plan(t.Context(), m, b.Backend, shape, p)
			if err != nil {
				t.Fatal(err)
			}
			planned := plan.Sum(func(it *budget.Item) bool { return it.Mapped })
			for _, it := range plan.Items {
				if it.Bytes <= 0 || it.Name == "" || it.Owner == "" || it.GrowsWith == "" {
					t.Errorf("%s: %+v", name, it)
				}
			}
			p = m.Base().Kept(p)
			w, text, err := m.Load(t.Context(), b, p)
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Begin(context.Background(), runner.Model{Backend: b, Weights: w, Text: text})
			if err != nil {
				t.Fatal(err)
			}
			if b.mapped != planned || planned > plan.Total() {
				t.Errorf("%s: mapped %d bytes of %d planned of %d", name, b.mapped, planned, plan.Total())
			}
			r.Free()
			w.Free()
		}
	}
}

// TestDryRun: a dry run says what is read, file by file, and what the run takes, also if that is too
// much, and makes nothing.
func TestDryRun(t *testing.T) {
	for i, m := range methods(t, func(*runner.Base) {}) {
		for _, available := range []int64{0, 20 << 20} {
			var out bytes.Buffer
			dir := filepath.Join(t.TempDir(), "none", "out")
			err := runner.DryRun(context.Background(), m, dir, runner.Options{
				Open:      func() (kernels.Backend, model.Precision, error) { return open(t), model.F32, nil },
				Available: func() int64 { return available },
				Rates: func(kernels.Backend, tally.Shape) (tally.Rates, error) {
					r := tally.Rates{Read: 10, Update: 10}
					for k := range r.Flops {
						r.Flops[k] = 100
					}
					return r, nil
				},
				Console: console(&out),
			})
			if (err != nil) != (available > 0) || err != nil && !strings.Contains(err.Error(), "the run needs") {
				t.Errorf("%s %d with %d bytes: %v", m.Name(), i, available, err)
			}
			if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s %d: something was made: %v", m.Name(), i, err)
			}
			want := [][]string{
				{"24000 documents in 600 clusters fit a prompt", "tokens", "the run", "a step", "disk", "key-value cache"},
				{"0.txt", "3.txt", "read, ", "fit a prompt", "weights", "packed weights"},
				{"2 updates", "2 lines", "the run", "2 steps", "a step", "memory", "gradients"},
				{"0.txt", "3.txt", "4 texts of", "vocabulary ", "2000 steps", "gradients"},
			}[i]
			if i == 2 {
				want[0], want[3] = "updates", "steps"
			}
			for _, s := range append(want, "peak of the first step") {
				if !strings.Contains(out.String(), s) {
					t.Errorf("%s %d says nothing of %q:\n%s", m.Name(), i, s, out.String())
				}
			}
		}
	}
}

// TestSettingsFile: a run writes down its settings when it begins, so that they make the same run, and
// never again.
func TestSettingsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	run := func(steps int, resume bool) *spell.Method {
		t.Helper()
		m := &spell.Method{Config: spell.Small()}
		c := &m.Config
		c.HeldOut, c.Questions, c.Draw, c.Answers, c.Votes, c.MaxRounds = 0, 2, 4, 2, 2, 1
		f, err := runner.Open(t.Context(), dir, resume, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if resume {
			if err := f.Config(m.Name(), m.Settings()); err != nil {
				t.Fatal(err)
			}
		}
		c.Steps = steps
		err = runner.Run(context.Background(), m, f, runner.Options{
			Open:      func() (kernels.Backend, model.Precision, error) { return open(t), model.F32, nil },
			Available: func() int64 { return 0 },
			Console:   console(&bytes.Buffer{}),
		})
		var failed *runner.Failed
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		return m
	}
	m := run(1, false)
	file, err := os.ReadFile(filepath.Join(dir, runner.SettingsFile))
	if err != nil {
		t.Fatal(err)
	}
	again := spell.Default()
	if err := settings.Read(runner.SettingsFile, file, &again); err != nil {
		t.Fatal(err)
	}
	if changes := settings.Changes(&m.Config, &again); len(changes) > 0 {
		t.Errorf("the file makes another run: %v", changes)
	}
	run(2, true)
	if now, err := os.ReadFile(filepath.Join(dir, runner.SettingsFile)); err != nil || !bytes.Equal(now, file) {
		t.Errorf("it was written again: %v\n%s", err, now)
	}
}
