package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"spell/model/train"
)

// loop measures, saves and makes steps, in this order, to the end.
func (r *run) loop(ctx context.Context) error {
	for {
		if err := r.measure(ctx); err != nil {
			return err
		}
		done, total := r.recipe.Steps()
		over := done >= total
		due := done > 0 && (done%r.method.Base().Checkpoint == 0 || over)
		if due && (r.saved < done || r.fresh && over) {
			if err := r.save(); err != nil {
				return err
			}
		}
		if over {
			return nil
		}
		r.console.begin(done+1, total)
		rep, err := r.recipe.Step(ctx, r.console.show)
		took := r.console.end()
		if err != nil {
			return err
		}
		if err := r.log(rep, took); err != nil {
			return err
		}
		if err := r.finished(); err != nil {
			return err
		}
	}
}

// measure makes the measurements that are due.
func (r *run) measure(ctx context.Context) error {
	m, ok := r.recipe.(Measurer)
	for ok && m.Due() {
		if err := r.measureOnce(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// measureOnce makes one measurement.
func (r *run) measureOnce(ctx context.Context, m Measurer) error {
	if done, total := r.recipe.Steps(); done > 0 && done >= total && r.saved < done {
		if err := r.save(); err != nil { // what was learned, before anything else
			return err
		}
	}
	r.console.begin(0, 0)
	rep, err := m.Measure(ctx, r.console.show)
	took := r.console.end()
	if err != nil {
		return err
	}
	r.fresh = true
	return r.log(rep, took)
}

// log writes and shows a report.
func (r *run) log(rep *Report, took time.Duration) error {
	if err := r.journal.Append(TranscriptFile, rep.Transcript...); err != nil {
		return err
	}
	if err := r.journal.Append(QuestionsFile, rep.Questions...); err != nil {
		return err
	}
	if err := r.journal.Append(MetricsFile, rep.Metrics); err != nil {
		return err
	}
	done, total := r.recipe.Steps()
	if r.board != nil {
		if err := r.board.Add(done, time.Now(), rep.Metrics); err != nil {
			return err
		}
	}
	if err := r.clock(done, rep.Tokens, took); err != nil {
		return err
	}
	r.console.report(rep, done, total)
	return nil
}

// A tick is a line of the log that depends on the clock.
type tick struct {
	Step    int     `json:"step"`
	Time    string  `json:"time"` // when it ended
	Seconds float64 `json:"seconds"`
	Tokens  int     `json:"tokens"`
	Rate    float64 `json:"tokens_per_second"`
}

// clock notes when a step ended and how fast it was. --quiet leaves it out.
func (r *run) clock(step, tokens int, took time.Duration) error {
	if r.console.Quiet {
		return nil
	}
	t := tick{Step: step, Time: time.Now().UTC().Format(time.RFC3339), Seconds: took.Seconds(), Tokens: tokens}
	if s := took.Seconds(); s > 0 {
		t.Rate = float64(tokens) / s
	}
	return r.ticks.Append(ClockFile, t)
}

// end says how the run ended and where its model is.
func (r *run) end() error {
	done, _ := r.recipe.Steps()
	if done == 0 {
		return nil // no steps were asked for: there is no model
	}
	r.console.phase("ending")
	path := filepath.Join(r.folder.Dir, train.Name(done))
	if e, ok := r.recipe.(Exporter); ok {
		var err error
		if path, err = e.Export(r.folder.Dir); err == nil {
			err = r.writeCard(path)
		}
		if err != nil {
			return err
		}
	}
	lines, failed := r.recipe.Verdict()
	for _, l := range lines {
		r.console.Printf("%s\n", l)
	}
	r.console.Printf("model: %s\n", path)
	if failed {
		return &Failed{fmt.Sprintf("the run has ended, and %s", lines[len(lines)-1])}
	}
	return nil
}
