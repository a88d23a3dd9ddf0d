package spell

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus"
	"spell/rl/runner/runnertest"
)

// pickyRun is a run by a script of a model whose template raises an error for prompts that hold all
// of some texts.
func pickyRun(t *testing.T, c Config, docs *corpus.Corpus, plans func(step, round, i int) plan, not ...string) *run {
	t.Helper()
	template := "{{ messages[0].content }}"
	if len(not) > 0 {
		template = "{% if '" + strings.Join(not, "' in messages[0].content and '") + "' in messages[0].content %}" +
			"{{ raise_exception('such prompts are not allowed') }}{% endif %}" + template
	}
	text := runnertest.Dialog(t, testTokenizer(t), template)
	r, err := begin(context.Background(), c, testModel(t, opentest.CPU(t, 1), model.F32, text), docs, truth{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Free)
	followed(t, r, plans)
	return r
}

// byQuestion is the records of a step by the question that they are about, as JSON without what the
// update of the whole step decides.
func byQuestion(t *testing.T, records []Record) map[int]string {
	t.Helper()
	all := map[int]string{}
	for _, rec := range records {
		samples := append([]Output(nil), rec.Samples...)
		for i := range samples {
			samples[i].Advantage, samples[i].Trained = 0, false
		}
		rec.Samples = samples
		raw, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		all[rec.Question] += string(raw) + "\n"
	}
	return all
}

// TestFailedQuestions: a question that meets an error ends alone, wherever it is on its way. It is
// counted, and neither trained on nor remembered; all other questions are as they would have been.
func TestFailedQuestions(t *testing.T) {
	c := small()
	c.Draw = len(fates)
	docs := documents(12, 4)
	whole := pickyRun(t, c, docs, fateOf)
	want, wantRecords, err := whole.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	unharmed := byQuestion(t, wantRecords)
	asked := wantRecords[0] // of the first question, whose documents some of the prompts are to hold
	for name, tt := range map[string]struct {
		not    []string
		failed []int // questions
		stages int   // kinds of records that each of them has
	}{
		"asked":     {[]string{asked.Prompt[:strings.Index(asked.Prompt, "\n")], "ask text"}, nil, 0},
		"grounded":  {[]string{"plan asked 4"}, []int{5}, 1},
		"answered":  {[]string{"document", "plan asked 2"}, []int{6}, 2},
		"voted on":  {[]string{"first : blue", "plan asked 2"}, []int{6}, 3},
		"its votes": {[]string{"first : red", "plan asked 1"}, []int{7, 8}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := pickyRun(t, c, docs, fateOf, tt.not...)
			rep, records, err := r.take(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			failed := map[int]int{}
			for _, rec := range records {
				if rec.Stage == "ask" && rec.Outcome == "failed" {
					failed[rec.Question] = 0
				}
			}
			got := byQuestion(t, records)
			for q, text := range unharmed {
				if _, is := failed[q]; is || name == "asked" && got[q] == "" {
					continue
				}
				if got[q] != text {
					t.Errorf("question %d is another:\n%s\n%s", q, got[q], text)
				}
			}
			for _, rec := range records {
				if _, is := failed[rec.Question]; !is {
					continue
				}
				failed[rec.Question]++
				for _, s := range rec.Samples {
					if s.Trained || s.Reward != nil || s.Advantage != 0 {
						t.Errorf("a sample of a question that failed: %+v", s)
					}
				}
			}
			n := len(tt.failed)
			if name == "asked" { // nothing is said, and nothing is written down
				n = len(unharmed) - len(got)
			}
			if n == 0 || len(failed) != len(tt.failed) {
				t.Fatalf("failed are the questions %v", failed)
			}
			for _, q := range tt.failed {
				if failed[q] != tt.stages {
					t.Errorf("question %d has %d records, want %d", q, failed[q], tt.stages)
				}
			}
			k := rep.Counts
			if rep.Failed != n || k.Drawn != want.Counts.Drawn ||
				k.BadFormat+k.Skipped+k.TooLong+k.Ungrounded+k.AllWrong+k.AllRight+k.Good+n != k.Drawn {
				t.Errorf("%d failed, and the others are %+v", rep.Failed, k)
			}
			if rep.Truth.Drawn != k.Drawn || rep.Truth.Parsed != rep.readable() || rep.Roles[0].Samples != k.Drawn-n {
				t.Errorf("truth %+v, roles %+v", rep.Truth, rep.Roles)
			}
			if line := rep.String(); !strings.Contains(line, "9 asked") || !strings.Contains(line, " failed") {
				t.Errorf("the step is described as %q", line)
			}
			if !(rep.Update.GradNorm > 0) {
				t.Error("nothing was trained")
			}
			if r.game.total.Readable != rep.readable() {
				t.Errorf("%d readable questions in the run, %d in the step", r.game.total.Readable, rep.readable())
			}
		})
	}
	// A cause that is no question's ends the step.
	r := pickyRun(t, c, docs, fateOf, "document")
	before, weights := r.state(t), numbers(r)
	if rep, _, err := r.take(context.Background()); rep != nil || err == nil ||
		!strings.Contains(err.Error(), "such prompts are not allowed") {
		t.Errorf("where every question fails: %v, %v", rep, err)
	}
	if r.state(t) != before || !reflect.DeepEqual(numbers(r), weights) {
		t.Error("a step of failed questions changed the run")
	}
}

// TestFailedIsNotGood: questions that failed after some answers were right and some wrong are not
// among those that a step needs: it goes on to draw others.
func TestFailedIsNotGood(t *testing.T) {
	c := small()
	c.Draw, c.Questions, c.MaxRounds = 4, 3, 2
	plans := func(_, round, i int) plan {
		return plan{fate: "asked", passes: 1 + (round*4+i)%2, yes: [2]int{1, 3}} // half of each round fails
	}
	r := pickyRun(t, c, documents(12, 4), plans, "first : blue", "plan asked 2")
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Rounds != 2 || rep.Failed != 4 || rep.Counts.Good != 4 || trained(&rep.Update)[1] != 3*c.Answers {
		t.Errorf("%v", rep)
	}
	remembered := 0
	for _, of := range r.game.Config.Tasks {
		for i := range r.game.clusters {
			for _, e := range r.game.memory.Entries(of, i) {
				remembered++
				if strings.Contains(e.Question, "plan asked 2") {
					t.Errorf("a question that failed is remembered: %+v", e)
				}
			}
		}
	}
	if remembered == 0 || len(records) == 0 {
		t.Error("nothing is remembered")
	}
}
