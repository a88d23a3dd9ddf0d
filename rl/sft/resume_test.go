package sft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/train"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/tokenizer/chat"
)

// A random method begins with random weights and leaves its backend open.
type random struct {
	Method
	t    testing.TB
	text *chat.Dialog
	on   kernels.Backend
	stop int // updates after which the run is interrupted; 0: none
	end  context.CancelFunc
	run  *Run
}

func (m *random) Load(_ context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog, error) {
	return weights(m.t, b, p, m.text), m.text, nil
}

func (m *random) Shape() (model.Config, error) {
	w := weights(m.t, m.on, model.F32, m.text)
	defer w.Free()
	return w.Config, nil
}

func (m *random) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	r, err := m.Method.Begin(ctx, on)
	if err != nil {
		return nil, err
	}
	m.run = r.(*Run)
	return &interrupted{m.run, m}, nil
}

// An interrupted run meets Ctrl-C in the update behind the last that it is to make.
type interrupted struct {
	*Run
	method *random
}

func (r *interrupted) Step(ctx context.Context, show runner.Show) (*runner.Report, error) {
	if n := r.method.stop; n > 0 && steps(r.Run) == n {
		r.method.end()
	}
	return r.Run.Step(ctx, show)
}

// goOn runs fine-tuning in a folder as the command does, and goes on with what is there.
func goOn(t testing.TB, dir string, c Config, b kernels.Backend, p model.Precision, f *File, stop int) (*random,
	string, error) {
	t.Helper()
	m := &random{Method: Method{Config: c, Data: f.Path}, t: t, text: dialog(t, chatml), on: b, stop: stop}
	have, err := train.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.end = cancel
	var out strings.Builder
	err = runnertest.Run(ctx, m, dir, len(have) > 0, &out, b, p)
	return m, out.String(), err
}

// ended reports whether a run came to its end, be it with a larger held-out loss.
func ended(err error) bool {
	var failed *runner.Failed
	return err == nil || errors.As(err, &failed)
}

// TestResume: a run that goes on from a checkpoint, or after an update that was cancelled, ends with the
// bytes of one that never stopped, for any number of workers and on a backend whose memory is unreadable
// outside operations.
func TestResume(t *testing.T) {
	f, c := lines(t), config()
	c.HeldOut, c.Batch, c.Epochs, c.Optim.LR, c.Optim.WeightDecay = 0.2, 2, 2, 1e-3, 0.1
	inner, err := cpu.New(cpu.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	guarded := kerneltest.Guarded(inner)
	for _, p := range []model.Precision{model.F32, model.BF16} {
		dir := t.TempDir()
		m, _, err := goOn(t, dir, c, opentest.CPU(t, 1), p, f, 0)
		if !ended(err) {
			t.Fatal(err)
		}
		if total(m.run) != 6 {
			t.Fatalf("%d updates", total(m.run))
		}
		want := runnertest.Outcome(t, dir, 6)
		for _, cut := range []int{1, 3, 4} {
			t.Run(fmt.Sprintf("%s/%d", p.Name, cut), func(t *testing.T) {
				dir := t.TempDir()
				var stopped *runner.Stopped
				if m, _, err := goOn(t, dir, c, guarded, p, f, cut); !errors.As(err, &stopped) || steps(m.run) != cut {
					t.Fatalf("a cancelled update gives %v", err)
				}
				// A line that was written and lost its update.
				log, err := os.OpenFile(filepath.Join(dir, runner.MetricsFile), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(log, "{\"step\":%d}\n{\"st", cut+1)
				log.Close()
				if _, _, err := goOn(t, dir, c, guarded, p, f, 0); !ended(err) {
					t.Fatal(err)
				}
				runnertest.Same(t, "resumed", runnertest.Outcome(t, dir, 6), want)
			})
		}
	}
}

func TestResumeErrors(t *testing.T) {
	f, c, b, dir := lines(t), config(), opentest.CPU(t, 1), t.TempDir()
	resume := func(say string, c Config, f *File) {
		t.Helper()
		if _, _, err := goOn(t, dir, c, b, model.F32, f, 0); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("error %v, want %q", err, say)
		}
	}
	if _, err := runner.Open(t.Context(), dir, true, nil); err == nil ||
		!strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("an empty folder gives %v", err)
	}
	if _, _, err := goOn(t, dir, c, b, model.F32, f, 1); err == nil {
		t.Fatal("not interrupted")
	}
	resume("not the file the run began with", c, file(t, pair("a", "b"), pair("c", "d")))
	other := c
	other.Epochs++
	resume("began with epochs 2 and now it is 3", other, f)
	// Metrics that somebody cut are gone on with, and nothing else of them goes.
	metrics := filepath.Join(dir, runner.MetricsFile)
	if err := os.Truncate(metrics, 3); err != nil {
		t.Fatal(err)
	}
	if _, _, err := goOn(t, dir, c, b, model.F32, f, 0); !ended(err) {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(metrics); err != nil || !strings.HasPrefix(string(raw), "{\"s\n{\"step\":2,") {
		t.Errorf("%q, %v", raw, err)
	}
}

// TestFewerSteps: a run that has made more updates than --steps asks for has nothing to do, says so
// and changes no file; with as many, or with more again, it goes on. A state after more updates
// than the epochs have is refused.
func TestFewerSteps(t *testing.T) {
	f, c, b, dir := lines(t), config(), opentest.CPU(t, 1), t.TempDir()
	if _, _, err := goOn(t, dir, c, b, model.F32, f, 3); err == nil {
		t.Fatal("not interrupted")
	}
	want := runnertest.Outcome(t, dir, 3)
	for _, n := range []int{1, 2} {
		c.Steps = n
		_, said, err := goOn(t, dir, c, b, model.F32, f, 0)
		if err != nil || !strings.Contains(said, fmt.Sprintf("has made 3 steps already, and --steps is for %d in all: "+
			"nothing to do", n)) {
			t.Errorf("%d steps: %v, %q", n, err, said)
		}
		runnertest.Same(t, fmt.Sprintf("%d steps", n), runnertest.Outcome(t, dir, 3), want)
	}
	for _, n := range []int{3, 4} {
		c.Steps = n
		if m, _, err := goOn(t, dir, c, b, model.F32, f, 0); !ended(err) || steps(m.run) != n {
			t.Errorf("%d steps: %v", n, err)
		}
	}
	c.Steps = 0
	r := begin(t, c, b, model.F32, f)
	s := r.state
	for _, n := range []int{-1, total(r) + 1, maxUpdates + 1} {
		s.Step = n
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Restore(raw); err == nil || !strings.Contains(err.Error(), "resume from an earlier checkpoint") {
			t.Errorf("a state after %d updates gives %v", n, err)
		}
	}
}

// TestResumeSmaller: with smaller passes a run learns the batches that it began with, whatever is done
// with lines that are too long; passes that do not hold them are refused with the number that would.
func TestResumeSmaller(t *testing.T) {
	b := opentest.CPU(t, 1)
	var many []string // of one prompt, so that a unit has as many as a pass holds
	for i := range 9 {
		many = append(many, pair("which one ?", fmt.Sprintf("that one %d", i)))
	}
	f := file(t, append(many, pair("red", "green blue"), pair("blue", strings.Repeat("yes red ", 8)))...)
	for _, long := range []string{"refuse", "skip", "cut"} {
		c := config()
		c.Long, c.Batch, c.PassTokens, c.HeldOut, c.Optim.LR = long, 5, 120, 0.1, 1e-3
		dir, whole := t.TempDir(), t.TempDir()
		m, _, err := goOn(t, whole, c, b, model.F32, f, 0)
		if !ended(err) {
			t.Fatal(err)
		}
		plan, data := m.run.plan, m.run.data
		if _, _, err := goOn(t, dir, c, b, model.F32, f, 1); err == nil {
			t.Fatal("not interrupted")
		}
		n := data.largest()
		if n >= c.PassTokens || n < 40 {
			t.Fatalf("the largest unit has %d tokens", n)
		}
		smaller := c
		smaller.PassTokens = n - 1
		if _, _, err := goOn(t, dir, smaller, b, model.F32, f, 0); err == nil || !strings.Contains(err.Error(),
			fmt.Sprintf("pass_tokens is %d", n-1)) ||
			!strings.Contains(err.Error(), fmt.Sprintf("up to %d tokens", n)) {
			t.Errorf("%s: error %v, want %d", long, err, n)
		}
		smaller.PassTokens = n
		m, _, err = goOn(t, dir, smaller, b, model.F32, f, 0)
		if !ended(err) {
			t.Fatalf("%s: %v", long, err)
		}
		if !reflect.DeepEqual(m.run.plan, plan) || !reflect.DeepEqual(m.run.data, data) {
			t.Errorf("%s: other batches are learned", long)
		}
		if done := steps(m.run); done != len(plan) {
			t.Errorf("%s: %d of %d updates", long, done, len(plan))
		}
	}
}

// TestVerdict: a run that raised the loss of the lines it did not learn has failed, and says what to do;
// it says so again if it is resumed, without measuring again.
func TestVerdict(t *testing.T) {
	c := config()
	c.HeldOut, c.Epochs, c.Optim.LR = 0.3, 8, 1 // far too fast
	dir, f, b := t.TempDir(), lines(t), opentest.CPU(t, 1)
	m, out, err := goOn(t, dir, c, b, model.F32, f, 0)
	var failed *runner.Failed
	if !errors.As(err, &failed) || failed.ExitCode() != 3 || !strings.Contains(err.Error(), "the held-out loss rose") {
		t.Fatalf("error %v", err)
	}
	measured := m.run.Measured()
	if len(measured) != 2 || !(measured[1].Loss > measured[0].Loss) || !strings.Contains(out,
		"held-out loss, before → after") ||
		!strings.Contains(out, "lower the learning rate") || !strings.Contains(out, "model: "+filepath.Join(dir,
		train.Name(total(m.run)))) {
		t.Errorf("measured %+v\n%s", measured, out)
	}
	before := runnertest.Outcome(t, dir, total(m.run))
	_, again, err := goOn(t, dir, c, b, model.F32, f, 0)
	complete := fmt.Sprintf("the run is complete, %d of %[1]d steps: this is what it came to\n", total(m.run))
	if !errors.As(err, &failed) || !strings.Contains(again, complete) ||
		strings.Replace(again, complete, "", 1) != out ||
		!reflect.DeepEqual(runnertest.Outcome(t, dir, total(m.run)), before) {
		t.Errorf("resumed: %v\n%s", err, again)
	}
	r := &Run{}
	for _, c := range []struct {
		losses []float64
		failed bool
		lines  int
	}{{nil, false, 0}, {[]float64{2}, false, 0}, {[]float64{2, 1}, false, 1}, {[]float64{2, 2}, false, 1},
		{[]float64{1, math.Nextafter(1, 2)}, true, 2}} {
		r.state.Measured = nil
		for i, l := range c.losses {
			r.state.Measured = append(r.state.Measured, Measurement{Step: i, Loss: l})
		}
		if lines, failed := r.Verdict(); failed != c.failed || len(lines) != c.lines {
			t.Errorf("%v: %v, %q", c.losses, failed, lines)
		}
	}
}

// TestVerdictOnLearned: if no lines are held out, a run fails if the loss on those it learned rose, in
// one epoch and in several, and a resumed run says so again; one that learns does not fail.
func TestVerdictOnLearned(t *testing.T) {
	f, b := lines(t), opentest.CPU(t, 1)
	for name, tt := range map[string]struct {
		epochs, batch int
		lr            float64
		failed        bool
	}{
		"too fast":                   {8, 2, 10, true},
		"too fast, one each":         {3, 1 << 10, 10, true},
		"too fast, in one epoch":     {1, 1, 10, true},
		"learning":                   {8, 2, 1e-3, false},
		"learning, one each":         {3, 1 << 10, 1e-3, false},
		"barely learning":            {2, 2, 1e-6, false},
		"a single update, much more": {1, 1 << 10, 10, false},
	} {
		c := config()
		c.HeldOut, c.Epochs, c.Batch, c.Optim.LR = 0, tt.epochs, tt.batch, tt.lr
		dir := t.TempDir()
		_, out, err := goOn(t, dir, c, b, model.F32, f, 0)
		_, again, errAgain := goOn(t, dir, c, b, model.F32, f, 0)
		var failed *runner.Failed
		if errors.As(err, &failed) != tt.failed || !ended(err) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Errorf("%s: %v, and resumed %v\n%s%s", name, err, errAgain, out, again)
		}
		if tt.failed && !strings.Contains(fmt.Sprint(err), "the run has ended, and the loss rose from") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
