package spell

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/corpus"
	"spell/rl/eval"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
)

// keptConfig is small, with two of ten clusters kept out and measured on after every step.
func keptConfig() Config {
	c := small()
	c.Steps, c.HeldOut, c.HeldOutShare, c.HeldOutEvery, c.Draw = 2, 6, 0.2, 1, 4
	return c
}

// mostly is a script of questions that three of four answers get right.
func mostly(_, _, i int) plan { return plan{fate: "asked", passes: 3 - i%2, yes: [2]int{1, 3}} }

// measures makes the measurements that are due and returns their lines.
func measures(t *testing.T, r *run) (lines []runner.Line) {
	t.Helper()
	for r.Due() {
		rep, err := r.Measure(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := rep.Metrics.(*survey); ok {
			checkSurveyed(t, s, rep)
		}
		lines = append(lines, rep.Metrics)
	}
	return lines
}

// checkSurveyed checks that the transcript has every question of a survey about documents that are kept out.
func checkSurveyed(t *testing.T, s *survey, rep *runner.Report) {
	t.Helper()
	asked, kept := 0, 0
	for _, line := range rep.Transcript {
		if rec, ok := line.(Record); ok && rec.Stage == "ask" && rec.Step == 0 && rec.For == "kept_out" {
			asked++
			if rec.Kept {
				kept++
			}
		}
	}
	if asked != s.Asked.Drawn || kept != s.Kept {
		t.Errorf("the transcript has %d questions, %d kept, of %+v", asked, kept, s)
	}
}

// TestKeptOut: clusters that are kept out are none that self-play asks about; questions about them that most answers
// get right are answered before the first step and after each, and what changes is told with its interval.
func TestKeptOut(t *testing.T) {
	c := keptConfig()
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(10, 4), mostly)
	if len(r.game.kept.clusters) != 2 || len(r.game.clusters) != 8 ||
		!strings.Contains(r.Summary(), "32 documents in 8 clusters fit a prompt, 0 do not; 2 clusters are kept out") {
		t.Fatalf("%d clusters are kept out: %s", len(r.game.kept.clusters), r.Summary())
	}
	lines := measures(t, r)
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	asked, first := lines[0].(*survey), lines[1].(*ownAccuracy)
	if asked.Asked.Drawn != 6 || asked.Kept != 3 || first.Questions != 3 || first.Accuracy != 0.75 {
		t.Errorf("%+v, %+v", asked, first)
	}
	if !slices.Equal(first.Right, []int{3, 3, 3}) || first.Readable != 12 || first.Step != 0 {
		t.Errorf("the first measurement is %+v", first)
	}
	apart := map[string]bool{}
	for _, k := range r.game.kept.clusters {
		apart[k.name] = true
	}
	take := func() *ownAccuracy {
		_, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			if apart[rec.Cluster] {
				t.Errorf("self-play asks about %s", rec.Cluster)
			}
		}
		lines := measures(t, r)
		if len(lines) != 1 {
			t.Fatalf("%d lines after a step", len(lines))
		}
		return lines[0].(*ownAccuracy)
	}
	if same := take(); same.Step != 1 || same.Change != 0 || same.Interval != (eval.Interval{}) {
		t.Errorf("without a change %+v", same)
	}
	s.says = func(at stage, prompt string, k int) string {
		if at == stageRespond {
			_, gold := readPlan(prompt)
			return " answer is " + gold + " ."
		}
		return (&script{plans: mostly}).reply(at, 0, prompt, k)
	}
	better := take()
	if better.Accuracy != 1 || better.Change != 0.25 || better.Interval != (eval.Interval{0.25, 0.25}) {
		t.Errorf("with all answers right %+v", better)
	}
	verdict, failed := r.Verdict()
	if text := strings.Join(verdict, "\n"); failed || !strings.Contains(text,
		"3 questions about documents kept out, before → after: 75.0% → 100.0%, +25.0 points [+25.0, +25.0]") {
		t.Errorf("the verdict is %q, %v", text, failed)
	}
}

// TestKeptOutResumes: wherever a run with clusters kept out is interrupted, it goes on to the same bytes.
func TestKeptOutResumes(t *testing.T) {
	c := keptConfig()
	places := 12
	if testing.Short() {
		places = 5
	}
	err := runnertest.Resumes(t.TempDir(), places, opentest.CPU(t, 1), model.F32, func() runner.Method {
		m := newScripted(t, c, documents(10, 4))
		m.plans = mostly
		return m
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKeptOutOlder: a run of a program that kept nothing out goes on so, and a state that cannot be is refused.
func TestKeptOutOlder(t *testing.T) {
	c := keptConfig()
	c.HeldOutShare = 0
	b, docs := opentest.CPU(t, 1), documents(10, 4)
	older, _ := newRun(t, c, b, model.F32, docs, mostly)
	if lines := measures(t, older); len(lines) > 0 || strings.Contains(older.Summary(), "kept out") {
		t.Errorf("%v, %s", lines, older.Summary())
	}
	r, _ := newRun(t, keptConfig(), b, model.F32, docs, mostly)
	if err := r.Restore([]byte(older.state(t))); err != nil || r.game.kept != nil || len(r.game.clusters) != 10 {
		t.Errorf("%v, %d clusters", err, len(r.game.clusters))
	}
	r, _ = newRun(t, keptConfig(), b, model.F32, docs, mostly)
	measures(t, r)
	good := r.state(t)
	for _, change := range [][2]string{{`"right":"3 3 3"`, `"right":"3 3"`}, {`"right":"3 3 3"`, `"right":"3 3 x"`},
		{`"answer":"red"`, `"options":["a"],"answer":"red"`}} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if err := r.Restore([]byte(bad)); bad == good || err == nil {
			t.Errorf("%v: %v in %s", change, err, good)
		}
	}
	if err := r.Restore([]byte(good)); err != nil || r.state(t) != good {
		t.Error(err)
	}
}

// TestKeptOutWorse: a run fails if accuracy on enough questions fell by more than chance.
func TestKeptOutWorse(t *testing.T) {
	for _, tt := range []struct {
		questions int
		interval  eval.Interval
		fails     bool
	}{
		{30, eval.Interval{-0.3, -0.1}, true},
		{30, eval.Interval{-0.3, 0}, false},
		{10, eval.Interval{-0.3, -0.1}, false},
	} {
		g := &Game{kept: &keptOut{state: keptState{Measured: []ownAccuracy{{}, {Step: 5, Questions: tt.questions,
			Interval: tt.interval}}}}}
		if lines, failed := g.Verdict(); failed != tt.fails {
			t.Errorf("%+v: %q", tt, lines)
		}
	}
}

// TestKeptOutFew: of fewer clusters than a whole one is the share of, none is kept out, and the run says so.
func TestKeptOutFew(t *testing.T) {
	c := keptConfig()
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(4, 4), mostly)
	if r.Due() || !strings.Contains(r.Summary(), "too few to keep 0.2 of them out") {
		t.Error(r.Summary())
	}
}

// TestKeptOutPlanned: over documents of one's own a plan has the time of the measurements, and none of questions of
// the generated world.
func TestKeptOutPlanned(t *testing.T) {
	kept := keptConfig()
	texts := kept.textsOf(&corpus.Corpus{Clusters: documents(20, 6).Clusters}, false)
	texts.Own = true
	tests := func(change func(*Config)) float64 {
		c := keptConfig()
		c.Steps = 9
		change(&c)
		p, err := NewPlan(t.Context(), tally.New(tally.Rates{}), testShape(420), model.F32, c, texts)
		if err != nil {
			t.Fatal(err)
		}
		times, err := p.Clock(tally.Rates{Read: 1, Update: 1})
		if err != nil {
			t.Fatal(err)
		}
		return times.Tests
	}
	often := tests(func(*Config) {})
	once := tests(func(c *Config) { c.HeldOutEvery = 0 })
	none := tests(func(c *Config) { c.HeldOutShare = 0 })
	if none != 0 || once <= 0 || often < 2*once {
		t.Errorf("measured after each step %g, before and after %g, not at all %g", often, once, none)
	}
}

// TestCounts: counts read back as they were written.
func TestCounts(t *testing.T) {
	for _, c := range []counts{{}, {3}, {0, 12, 5}} {
		raw, err := json.Marshal(c)
		var again counts
		if err == nil {
			err = json.Unmarshal(raw, &again)
		}
		if err != nil || !slices.Equal(again, c) || raw[0] != '"' {
			t.Errorf("%v is %s is %v, %v", c, raw, again, err)
		}
	}
}
