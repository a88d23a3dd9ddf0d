package spell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/rl/task"
)

// TestInterrupt: a run that a signal stops in any stage of a step keeps what was said in it, and
// goes on to the bytes of a run that was left alone without asking that again.
func TestInterrupt(t *testing.T) {
	const stopped = "unfinished.jsonl"
	docs, b := documents(9, 6), opentest.CPU(t, 1)
	c := small()
	c.Tasks, c.Draw, c.Steps, c.MaxRounds = []task.Task{task.GeneralQA, task.MultipleChoice}, 6, 3, 2
	straight := t.TempDir()
	m := newScripted(t, c, docs)
	asked := 0 // questions of the second step
	m.before = func(_ context.Context, r *run) {
		if done, _ := r.Steps(); done == 2 {
			asked += len(r.script.seen)
		} else if done == 1 {
			asked -= len(r.script.seen)
		}
	}
	if err := m.run(context.Background(), straight, b, model.F32, false); err != nil {
		t.Fatal(err)
	}
	want := runnertest.Outcome(t, straight, 3)
	for _, early := range []bool{false, true} { // before or after the first reply of the stage
		for at := stageAsk; at <= stageVerify; at++ {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			m := newScripted(t, c, docs)
			m.before = func(_ context.Context, r *run) {
				if done, _ := r.Steps(); done != 1 {
					return
				}
				replies := 0
				r.script.fail = func(now stage) error {
					if now == at {
						if replies++; early || replies == 2 {
							cancel()
						}
					}
					return ctx.Err()
				}
			}
			err := m.run(ctx, dir, b, model.F32, false)
			cancel()
			var stop *runner.Stopped
			if !errors.As(err, &stop) {
				t.Fatalf("stage %d: the run that was stopped ends with %v", at, err)
			}
			_, err = os.Stat(filepath.Join(dir, stopped))
			if kept := err == nil; kept != (at > stageAsk || !early) {
				t.Errorf("stage %d: outputs are kept: %v", at, kept)
			}
			m = newScripted(t, c, docs)
			again := 0
			m.before = func(_ context.Context, r *run) {
				if done, _ := r.Steps(); done == 2 {
					again = len(r.script.seen)
				}
			}
			if err := m.run(context.Background(), dir, b, model.F32, true); err != nil {
				t.Fatal(err)
			}
			runnertest.Same(t, fmt.Sprintf("stage %d", at), runnertest.Outcome(t, dir, 3), want)
			if _, err := os.Stat(filepath.Join(dir, stopped)); err == nil {
				t.Errorf("stage %d: %s is left", at, stopped)
			}
			if fewer := again < asked; fewer != (at > stageAsk || !early) {
				t.Errorf("stage %d: %d questions are asked after the resume, %d in the step", at, again, asked)
			}
		}
	}
}
