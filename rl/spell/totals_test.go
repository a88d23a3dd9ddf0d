package spell

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/eval"
	"spell/rl/runner"
	"spell/rl/task"
)

// TestTotals: what a run counts is that of its steps together, survives the way through a
// checkpoint, and is not counted twice where a step is made again.
func TestTotals(t *testing.T) {
	c := small()
	c.Draw = len(fates)
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
	r.game.Judge = truth{}
	var sum Truth
	readable := 0
	for range 2 {
		rep, _, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		sum.Add(rep.Truth)
		readable += rep.readable()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = func(at stage) {
		if at == stageVerify {
			cancel()
		}
	}
	if _, _, err := r.take(ctx); err == nil {
		t.Fatal("the step was not cut short")
	}
	total := r.game.total
	each := eval.Count{N: len(fates), Right: readable / 2}
	if total.First != each || total.Last != each {
		t.Errorf("of the first and the last step are counted %+v and %+v, want %+v", total.First, total.Last, each)
	}
	if *total.Truth != sum || total.Readable != readable || len(total.Seen) < 7 || len(total.Seen) > readable {
		t.Errorf("counted %+v, %d readable and %d different ones; want %+v, %d", *total.Truth, total.Readable,
			len(total.Seen), sum, readable)
	}
	verdict, _ := r.game.Verdict()
	if len(verdict) != 2 || !strings.Contains(verdict[0], "18 questions: ") ||
		!strings.HasSuffix(verdict[1], "among 14 readable in the whole run") {
		t.Errorf("the verdict is %q", verdict)
	}
	again, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
	if err := again.Restore([]byte(r.state(t))); err != nil {
		t.Fatal(err)
	}
	if said, _ := again.game.Verdict(); !reflect.DeepEqual(again.game.total, total) ||
		!reflect.DeepEqual(said, verdict) {
		t.Errorf("restored are %+v, saved %+v", again.game.total, total)
	}
	if again.state(t) != r.state(t) {
		t.Error("what was restored is saved otherwise")
	}
}

// TestRestoreErrors: a state that no run has is an error, and none is taken over.
func TestRestoreErrors(t *testing.T) {
	r, _ := newRun(t, small(), opentest.CPU(t, 1), model.F32, documents(9, 6), turns)
	if _, _, err := r.take(context.Background()); err != nil {
		t.Fatal(err)
	}
	good := r.state(t)
	change := func(from, to string) string {
		t.Helper()
		if !strings.Contains(good, from) {
			t.Fatalf("the state lacks %s: %s", from, good)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, tt := range map[string]struct{ state, say string }{
		"nothing":               {"", "unexpected end"},
		"an empty state":        {"{}", "unexpected end"},
		"an array":              {"[]", "cannot unmarshal"},
		"no game":               {`{"step":1,"game":null}`, "not those the run began with"},
		"steps below 0":         {change(`"step":1`, `"step":-1`), "after -1 steps"},
		"too many steps":        {change(`"step":1`, `"step":16777217`), "after 16777217 steps"},
		"other documents":       {change(`"data":"`, `"data":"0`), "not those the run began with"},
		"no questions seen":     {change(`"seen":"`, `"seen":"*`), "illegal base64"},
		"no memory":             {change(`"memory":`, `"memory":7,"other":`), "cannot unmarshal"},
		"no sampler":            {change(`"sampler":`, `"sampler":7,"other":`), "cannot unmarshal"},
		"an outcome of no test": {change(`"measured":null`, `"measured":[{"step":0,"held_out":[]},{"step":1,"held_out":[{}]}]`), "1 held-out tests after step 1"},
		"too many outcomes":     {change(`"measured":null`, `"measured":[{},{},{}]`), "3 outcomes"},
	} {
		again, _ := newRun(t, small(), opentest.CPU(t, 1), model.F32, documents(9, 6), turns)
		if err := again.Restore([]byte(tt.state)); err == nil || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: error %v, want %q in it", name, err, tt.say)
		}
		if done, _ := again.Steps(); done != 0 {
			t.Errorf("%s: after an error %d steps are done", name, done)
		}
	}
	again, _ := newRun(t, small(), opentest.CPU(t, 1), model.F32, documents(9, 6), turns)
	if err := again.Restore([]byte(good)); err != nil || again.state(t) != good {
		t.Errorf("a good state: %v", err)
	}
}

// TestQuestionSet: sets read back, and what is none is an error.
func TestQuestionSet(t *testing.T) {
	for _, q := range []questionSet{{}, {0: true}, {1: true, 1 << 63: true, 77: true}} {
		raw, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var again questionSet
		if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, q) {
			t.Errorf("%v reads back as %v, %v", q, again, err)
		}
	}
	for _, text := range []string{`"AAAA"`, `"*"`, `7`, `{}`} {
		var q questionSet
		if err := json.Unmarshal([]byte(text), &q); err == nil {
			t.Errorf("%s reads as %v", text, q)
		}
	}
	of := func(cluster string, of task.Task, text string) uint64 { return questionHash(cluster, of, text) }
	one := of("a", task.Numeric, "b")
	if one == of("a", task.GeneralQA, "b") || one == of("a b", task.Numeric, "") || one != of("a", task.Numeric, "b") {
		t.Error("questions are not told apart by cluster, task and text")
	}
}

// TestHeldOutIsDue: the tests are taken before the first step and after the last, once each, also
// by a run that goes on or was given more steps.
func TestHeldOutIsDue(t *testing.T) {
	for name, tt := range map[string]struct {
		measured    []int // steps
		done, total int
		due         bool
		none, alone bool // no questions, no judge
	}{
		"at the beginning":       {done: 0, total: 3, due: true},
		"once":                   {measured: []int{0}, done: 0, total: 3},
		"in between":             {measured: []int{0}, done: 2, total: 3},
		"begun without":          {done: 2, total: 3},
		"at the end":             {measured: []int{0}, done: 3, total: 3, due: true},
		"at the end alone":       {done: 3, total: 3, due: true},
		"once at the end":        {measured: []int{0, 3}, done: 3, total: 3},
		"more steps":             {measured: []int{0, 3}, done: 4, total: 6},
		"at the end of more":     {measured: []int{0, 3}, done: 6, total: 6, due: true},
		"no steps":               {},
		"none are asked":         {done: 0, total: 3, none: true},
		"nobody knows the truth": {done: 0, total: 3, alone: true},
	} {
		g := &Game{Config: Default(), Judge: truth{}}
		if tt.none {
			g.Config.HeldOut = 0
		}
		if tt.alone {
			g.Judge = nil
		}
		for _, step := range tt.measured {
			g.total.Measured = append(g.total.Measured, accuracy{Step: step})
		}
		if g.Due(tt.done, tt.total) != tt.due {
			t.Errorf("%s: due is %v", name, !tt.due)
		}
	}
}

// TestHeldOut: a measurement is a line of metrics, and of all the first and the last are kept and
// compared.
func TestHeldOut(t *testing.T) {
	if testing.Short() {
		t.Skip("reads long documents")
	}
	c := Small()
	c.HeldOut, c.MaxAnswer, c.MaxPrompt, c.PassTokens = 2, 4, 700, 2048
	b := opentest.CPU(t, 1)
	w, text, err := runner.Learner(t.Context(), b, "", model.F32)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	r, err := begin(context.Background(), c, runner.Model{Backend: b, Weights: w, Text: text}, documents(4, 3), truth{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	if !r.Due() {
		t.Fatal("no test is due")
	}
	var lines []string
	for step := range 3 {
		share := 0.0
		rep, err := r.game.Measure(context.Background(), r.Model, step, func(doing string, s float64, _ int) {
			if !(s >= share && s <= 1) || !strings.Contains(doing, "held-out questions over") {
				t.Errorf("%s: the share goes from %g to %g", doing, share, s)
			}
			share = s
		})
		if err != nil {
			t.Fatal(err)
		}
		if share == 0 {
			t.Error("no progress is shown")
		}
		a := rep.Metrics.(*accuracy)
		if a.Step != step || len(a.Tests) != 4 || a.Tests[0].All.N != 2 || strings.Count(a.String(), "\n") != 3 {
			t.Errorf("measured %+v: %v", *a, a)
		}
		if (a.Gain != nil) != (step > 0) || (a.Tests[3].Gain != nil) != (step > 0) {
			t.Errorf("after %d steps the gains are %+v, %+v", step, a.Gain, a.Tests)
		}
		lines = append(lines, a.String())
	}
	if kept := r.game.total.Measured; len(kept) != 2 || kept[0].Step != 0 || kept[1].Step != 2 {
		t.Errorf("kept are %+v", kept)
	}
	verdict, _ := r.game.Verdict()
	if n := len(verdict); n != 6 || !strings.Contains(verdict[n-5], " 5 documents, before → after: ") ||
		!strings.Contains(verdict[n-2], "40 documents, before → after: ") ||
		!strings.Contains(verdict[n-1], "with more than 5 documents: ") {
		t.Errorf("the verdict is %q after %q", verdict, lines)
	}
	again := &Game{}
	raw, err := json.Marshal(r.game.total)
	if err != nil {
		t.Fatal(err)
	}
	err = json.Unmarshal(raw, &again.total)
	if said, _ := again.Verdict(); err != nil || !reflect.DeepEqual(said, verdict) {
		t.Errorf("after a resume the verdict is %q, %v", said, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	was := len(r.game.total.Measured)
	if _, err := r.game.Measure(ctx, r.Model, 3, func(string, float64, int) {}); err == nil ||
		len(r.game.total.Measured) != was || r.game.total.Measured[1].Step != 2 {
		t.Errorf("cancelled: %v, %+v", err, r.game.total.Measured)
	}
}

// TestGains: gains are told of all answers and of readable ones, by test and over the longer ones, the same in the line
// of metrics as at the end and of a state that lacks them.
func TestGains(t *testing.T) {
	half := func(a, b string) string { return strings.Repeat(a, 128) + strings.Repeat(b, 128) }
	measured := func(step int, outcomes ...string) (a accuracy) {
		a.Step = step
		for i, o := range outcomes {
			readable := strings.ReplaceAll(o, "-", "")
			a.Tests = append(a.Tests, test{Docs: eval.WorldDocs[i], Result: eval.Result{Outcomes: o,
				All:   eval.Count{N: len(o), Right: strings.Count(o, "1")},
				Valid: eval.Count{N: len(readable), Right: strings.Count(o, "1")}}})
		}
		return a
	}
	before := measured(0, half("1", "1"), half("1", "-"), half("0", "-"), half("0", "0"))
	after := measured(6, half("1", "1"), half("1", "1"), half("0", "1"), half("0", "0"))
	after.compare(&before)
	third := after.Gain.All.Mean
	if after.Tests[1].Gain.All.Mean != 0.5 || after.Tests[1].Gain.Readable != (eval.Gain{}) ||
		after.Tests[2].Gain.Readable.Mean != 0.5 || math.Abs(third-1.0/3) > 1e-12 {
		t.Errorf("gains %+v of %+v", after.Gain, after.Tests)
	}
	total := totals{Measured: []accuracy{before, after}}
	if err := total.check(); err != nil {
		t.Error(err)
	}
	lines := total.compare()
	for i, want := range []string{" 5 documents, before → after: 100.0% → 100.0% (+0.0 points, +0.0 to +0.0); of " +
		"readable answers 100.0% → 100.0% (+0.0 points, +0.0 to +0.0)", "of readable answers 100.0% → 100.0% (+0.0 points, ",
		"of readable answers 0.0% → 50.0% (+50.0 points, +4", "of readable answers 0.0% → 0.0% (+0.0 points, ",
		"with more than 5 documents: +33.3 points, +3"} {
		if len(lines) != 5 || !strings.Contains(lines[i], want) {
			t.Errorf("line %d lacks %q:\n%s", i, want, strings.Join(lines, "\n"))
		}
	}
	if !strings.Contains(lines[4], "; of readable answers +16.7 points, +1") {
		t.Error(lines[4])
	}
	total.Measured[1].Gain = nil
	if again := total.compare(); !slices.Equal(again, lines) {
		t.Errorf("of a state without gains %q", again)
	}
	total.Measured[1].Tests[2].All.N, total.Measured[1].Tests[2].Outcomes = 3, "000"
	if err := total.check(); err == nil || !strings.Contains(err.Error(), "3 outcomes of 256 held-out questions") {
		t.Errorf("of fewer questions than before: %v", err)
	}
}

// TestVerdictWorse: a run fails if a test fell by more than chance, or if in its last step no question
// could be read any more, and its last sentence says so; what is within chance does not.
func TestVerdictWorse(t *testing.T) {
	measured := func(step, short, long int) accuracy {
		of := func(docs, n int) test {
			outcomes := strings.Repeat("1", n) + strings.Repeat("0", 64-n)
			return test{Docs: docs, Result: eval.Result{All: eval.Count{N: 64, Right: n}, Outcomes: outcomes}}
		}
		return accuracy{Step: step, Tests: []test{of(5, short), of(10, long)}}
	}
	tests := func(short, long, shortAfter, longAfter int) []accuracy {
		return []accuracy{measured(0, short, long), measured(6, shortAfter, longAfter)}
	}
	count := func(right int) eval.Count { return eval.Count{N: 12, Right: right} }
	for name, tt := range map[string]struct {
		total totals
		say   string // of a run that failed
	}{
		"nothing counted": {totals{}, ""},
		"better":          {totals{Measured: tests(50, 40, 64, 60)}, ""},
		"within chance":   {totals{Measured: tests(64, 57, 62, 54)}, ""},
		"one test alone":  {totals{Measured: tests(64, 57, 0, 0)[:1]}, ""},
		"both fell": {totals{Measured: tests(64, 57, 0, 0)},
			"from 100.0% to 0.0% of 64 questions over 5 documents and from 89.1% to 0.0% of 64 questions over 10 "},
		"the shorter fell":   {totals{Measured: tests(64, 57, 40, 57)}, "from 100.0% to 62.5% of 64 questions over 5 "},
		"the longer fell":    {totals{Measured: tests(64, 57, 64, 30)}, "from 89.1% to 46.9% of 64 questions over 10 "},
		"unreadable at last": {totals{First: count(9), Last: count(0)}, "of 12 questions in the last step none"},
		"fewer readable":     {totals{First: count(9), Last: count(1)}, ""},
		"never readable":     {totals{First: count(0), Last: count(0)}, ""},
		"few at first":       {totals{First: count(2), Last: count(0)}, ""},
	} {
		g := &Game{total: tt.total}
		lines, failed := g.Verdict()
		last := lines[len(lines)-1]
		if failed != (tt.say != "") || !strings.Contains(last, tt.say) ||
			failed != strings.HasPrefix(last, "the model became worse: ") {
			t.Errorf("%s: failed is %v, the last sentence %q", name, failed, last)
		}
	}
}
