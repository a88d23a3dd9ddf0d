package spell

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/journal"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
)

// fates is one question of every fate, with G = 4 answers and 4 votes on each.
var fates = []plan{
	{fate: "bad"},
	{fate: "skip"},
	{fate: "long"},
	{fate: "known"},
	{fate: "asked", passes: 0, yes: [2]int{0, 4}}, // all wrong; every vote NO: unanimous
	{fate: "asked", passes: 4, yes: [2]int{0, 4}}, // all right; every vote YES: unanimous
	// Good; kept on wrong ones, on right ones the valid votes agree.
	{fate: "asked", passes: 2, yes: [2]int{1, 3}, none: 1},
	// Good; ties are NO: tied on wrong, contradict the rule on the right one.
	{fate: "asked", passes: 1, yes: [2]int{2, 2}},
	// The vote accepts the wrong answers too: all right; disagrees on wrong.
	{fate: "asked", passes: 1, yes: [2]int{3, 3}},
}

func fateOf(_, _, i int) plan { return fates[i] }

func TestStepCounts(t *testing.T) {
	c := small()
	c.Draw, c.VerifierGroups = len(fates), 2
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
	before := numbers(r)
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := curriculum.Counts{Drawn: 9, BadFormat: 1, Skipped: 1, TooLong: 1, Ungrounded: 1, AllWrong: 1, AllRight: 2,
		Good: 2,
		// Per answer: 4 unanimous of "all wrong", 4 of "all right"; 2 and 2 kept of the first good
		// one; of the second 1 right (tie = NO contradicts) and 3 tied; of the last 1 kept and 3
		// contradicting.
		VoteUnanimous: 10, VoteKept: 3, VoteTied: 3, VoteDisagrees: 4}
	if rep.Counts != want {
		t.Errorf("counts %+v\nwant   %+v", rep.Counts, want)
	}
	if rep.Step != 1 || rep.Rounds != 1 || rep.Cut != 0 || rep.Distinct != 7 {
		t.Errorf("step %d, rounds %d, cut %d, distinct %d", rep.Step, rep.Rounds, rep.Cut, rep.Distinct)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) < 1e-12) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	// Passes 0, 4, 2, 1, 4 of 4; answers the rule accepts 0+4+2+1+1 of 20; majorities that agree
	// with it: all 4, all 4, all 4, the 3 ties, the right one.
	near("pass rate", rep.PassRate, (0+1+0.5+0.25+1)/5)
	near("rule rate", rep.RuleRate, 8.0/20)
	near("agreement", rep.Agree, (4.0+4+4+3+1)/20)
	if rep.VotesAlone != 3 || rep.RuleAlone != 1 { // of the last, and the tie on the right one
		t.Errorf("%d answers are accepted by the votes alone, %d by the rule alone", rep.VotesAlone, rep.RuleAlone)
	}
	// 2 answers have 1 YES, 2 NO, 1 invalid; 4 have 2 and 2; 2 and 4 have 3 and 1.
	threeToOne := 0.75*math.Log(4.0/3) + 0.25*math.Log(4)
	near("entropy of votes", rep.VoteEntropy, (2*1.5*math.Ln2+4*math.Ln2+6*threeToOne)/20)
	kind := KindReport{Name: task.GeneralQA, Drawn: 9, Readable: 7, Answered: 5, Good: 2, Trained: 2,
		Reward: rep.Roles[role.Questioner].Reward, PassRate: rep.PassRate, Agree: rep.Agree}
	if len(rep.Kinds) != 1 || rep.Kinds[0] != kind {
		t.Errorf("by kind %+v, want %+v", rep.Kinds, kind)
	}
	quarter := math.Exp(-math.Pow(0.25/(0.5/3), 2) / 2)
	// Without the one skipped and the one too long, which nobody judged.
	near("questioner's reward", rep.Roles[role.Questioner].Reward, (-1-0.5+0+0+1+quarter+0)/7)
	near("responder's reward", rep.Roles[role.Responder].Reward, (0+4+2+1+4.0)/20)
	// Votes that agree with the majority; "perhaps" agrees with none: 16, 16; of the good one 2×3
	// YES and, on wrong answers, 1 YES, 1 perhaps, 2 NO: 2×2; 4×2 at ties, 4×3.
	near("verifier's reward", rep.Roles[role.Verifier].Reward, (16+16+6+4+8+12.0)/80)

	u := rep.Update
	if u.MaxLogpDiff != 0 {
		t.Errorf("log-probabilities differ by %g from those sampled", u.MaxLogpDiff)
	}
	if got := trained(&u); got != [3]int{2 + 2, 8, 8} {
		t.Errorf("trained %v samples", got)
	}
	share, trainedTokens := 0.0, 0
	for _, p := range u.Parts {
		trainedTokens += p.Tokens
	}
	for _, p := range u.Parts {
		near("share of the "+p.Name, p.Share, float64(p.Tokens)/float64(trainedTokens))
		share += p.Share
		if !(p.Advantage > 0.5 && p.Advantage < 1) || !(p.Pull > 0) { // of standardised rewards
			t.Errorf("%+v", p)
		}
	}
	near("sum of shares", share, 1)
	if !(u.GradNorm > 0) || !(u.Entropy > 0) || u.Entropy > math.Log(float64(r.game.Chat.Tok.VocabSize())) {
		t.Errorf("gradient norm %g, entropy %g", u.GradNorm, u.Entropy)
	}
	if reflect.DeepEqual(before, numbers(r)) {
		t.Error("the update changed nothing")
	}
	if line := rep.String(); !strings.Contains(line,
		"9 asked, 7 readable, 2 good  pass  55%  1 bad format, 1 skipped, 1 too long, 1 ungrounded, 1 all wrong, "+
			"2 all right  reward ") || strings.Contains(line, "unchanged") {
		t.Errorf("the step is described as %q", line)
	}
	checkRecords(t, records, 0)
	checkTrained(t, c, records)
}

// TestHistory: what questioners see of the memory is told, and so are questions that the run has asked before.
func TestHistory(t *testing.T) {
	c := small()
	c.Draw, c.Docs, c.Questions = 1, 3, 1
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(1, 8), fateOf)
	passes := 0
	r.script.says = func(at stage, prompt string, k int) string {
		if at == stageAsk {
			return plan{fate: "asked", passes: passes, yes: [2]int{0, 4}}.text(task.GeneralQA, "")
		}
		return new(script).reply(at, 0, prompt, k)
	}
	for i, want := range []struct {
		History
		duplicates float64
	}{
		{History{Docs: 3, New: 3, Admitted: 1, Held: 1}, 0},
		{History{HitRate: 1, Shown: 1, Docs: 6, New: 3, Admitted: 1, Held: 2}, 0},
		{History{HitRate: 1, Shown: 2, Docs: 8, New: 2, Held: 2}, 1}, // the question of the first step again
	} {
		passes = 1 + i%2
		rep, _, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if rep.History != want.History || rep.Duplicates != want.duplicates {
			t.Errorf("step %d: %+v, %g duplicates; want %+v", i+1, rep.History, rep.Duplicates, want)
		}
	}
}

// trained are the samples of an update by role.
func trained(u *rl.Update) (n [role.NumRoles]int) {
	for i, p := range u.Parts {
		if p.Name == role.Role(i).String() {
			n[i] = p.Sequences
		}
	}
	return n
}

// checkTrained computes the advantages of the transcript again and looks at what trained.
func checkTrained(t *testing.T, c Config, records []Record) {
	t.Helper()
	var asked []Output // that train
	bad, good, ballots := 0, 0, 0
	for _, rec := range records {
		n := 0
		for _, s := range rec.Samples {
			if s.Trained {
				n++
			} else if s.Advantage != 0 {
				t.Errorf("question %d: a sample that did not train has advantage %v", rec.Question, s.Advantage)
			}
		}
		switch rec.Stage {
		case "ask":
			if n == 0 {
				continue
			}
			if rec.Outcome == "skipped" || rec.Outcome == "too long" {
				t.Errorf("question %d trains and was %s", rec.Question, rec.Outcome)
			}
			if rec.Outcome == "good" {
				good++
			} else {
				bad++
			}
			asked = append(asked, rec.Samples...)
		case "ground":
			if n > 0 {
				t.Error("the grounding test trains")
			}
		default:
			if n != 0 && n != len(rec.Samples) {
				t.Errorf("question %d: %d of %d samples of a %s group train", rec.Question, n, len(rec.Samples),
					rec.Stage)
			}
			if n == 0 {
				continue
			}
			if rec.Stage == "verify" {
				ballots++
			}
			checkAdvantages(t, rec.Stage, rec.Samples)
		}
	}
	if want := int(c.BadRatio * float64(good)); good == 0 || bad != want {
		t.Errorf("%d good and %d bad questions train at ratio %g", good, bad, c.BadRatio)
	}
	if ballots != c.VerifierGroups {
		t.Errorf("%d groups of votes train, want %d", ballots, c.VerifierGroups)
	}
	checkAdvantages(t, "ask", asked)
}

// checkAdvantages: (r − mean)/(s + 1e-6) with s² = Σ(r − mean)²/(n − 1).
func checkAdvantages(t *testing.T, what string, group []Output) {
	t.Helper()
	n, mean, ss := float64(len(group)), 0.0, 0.0
	for _, s := range group {
		mean += *s.Reward / n
	}
	for _, s := range group {
		ss += (*s.Reward - mean) * (*s.Reward - mean)
	}
	if ss == 0 {
		t.Errorf("a %s group without variance trains", what)
	}
	for _, s := range group {
		if want := (*s.Reward - mean) / (math.Sqrt(ss/(n-1)) + 1e-6); !(math.Abs(s.Advantage-want) < 1e-9) {
			t.Errorf("%s: reward %v has advantage %v, want %v", what, *s.Reward, s.Advantage, want)
		}
	}
}

// checkRecords reads the transcript back.
func checkRecords(t *testing.T, records []Record, version int) {
	t.Helper()
	dir := t.TempDir()
	for _, rec := range records {
		if err := journal.New(dir).Append(runner.TranscriptFile, rec); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.SplitAfter(readFile(t, dir, runner.TranscriptFile), "\n")
	if len(lines) != len(records)+1 || lines[len(lines)-1] != "" {
		t.Fatalf("%d records are %d lines", len(records), len(lines)-1)
	}
	for i, line := range lines[:len(lines)-1] {
		var rec Record
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&rec); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		var again bytes.Buffer
		enc := json.NewEncoder(&again)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(&rec); err != nil {
			t.Fatal(err)
		}
		if again.String() != line {
			t.Fatalf("line %d reads back as another:\n%s%s", i+1, line, again.String())
		}
		if rec.Prompt == "" || len(rec.Samples) == 0 || rec.Version != version || rec.Cluster == "" ||
			!strings.Contains(line, `"role":"`+rec.Role.String()) {
			t.Errorf("line %d lacks something: %s", i+1, line)
		}
		for _, s := range rec.Samples {
			if !(s.LogProb < 0) || s.Tokens < 1 || s.Text == "" {
				t.Errorf("line %d: sample %+v", i+1, s)
			}
		}
	}
}

// TestTasks runs a step of all three kinds of questions.
func TestTasks(t *testing.T) {
	c := small()
	c.Tasks, c.Draw, c.Questions, c.QuestionerBaseline, c.LossMean = []task.Task{task.GeneralQA, task.Numeric,
		task.MultipleChoice}, 9, 9, "task", "groups"
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), func(_, _, i int) plan {
		return plan{fate: "asked", passes: 1 + i%3, yes: [2]int{1, 3}}
	})
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Counts.Good != 9 || rep.Update.MaxLogpDiff != 0 {
		t.Errorf("%v", rep)
	}
	asked := map[task.Task][]Output{}
	for _, rec := range records {
		if rec.Stage == "ask" {
			asked[rec.Task] = append(asked[rec.Task], rec.Samples...)
		}
	}
	for _, of := range c.Tasks {
		group := asked[of]
		if len(group) != 3 {
			t.Errorf("%d questions of task %v", len(group), of)
		}
		if slices.ContainsFunc(group, func(o Output) bool { return *o.Reward != *group[0].Reward }) {
			checkAdvantages(t, fmt.Sprint("task ", of), group)
		}
	}
}

// TestGrowth: with L = 3 and m = 5 the questioner sees 5, 10, 15, then 20 documents, the last
// five of them new, and the questions it remembers.
func TestGrowth(t *testing.T) {
	c := small()
	c.Draw, c.Questions, c.VerifierGroups, c.MaxQuestion = 1, 1, 1, 40
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(1, 20), func(step, _, i int) plan {
		if step == 2 {
			return plan{fate: "asked", passes: 4, yes: [2]int{0, 4}} // too easy to remember
		}
		return plan{fate: "asked", passes: 1 + step%3, yes: [2]int{1, 3}}
	})
	for step, want := range []struct{ docs, history int }{{5, 0}, {10, 1}, {15, 2}, {15, 2}, {20, 3}, {20, 3}} {
		_, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := len(records[0].Docs); got != want.docs || !slices.IsSorted(records[0].Docs) {
			t.Errorf("visit %d shows documents %v, want %d", step+1, records[0].Docs, want.docs)
		}
		if got := strings.Count(s.seen[step], "before : "); got != want.history {
			t.Errorf("visit %d shows %d earlier questions, want %d", step+1, got, want.history)
		}
		if got := strings.Count(s.seen[step], "document "); got != want.docs {
			t.Errorf("the prompt of visit %d holds %d documents, want %d", step+1, got, want.docs)
		}
		if n := len(r.game.memory.Entries(task.GeneralQA, 0)); n != min(3, step+1-min(1, step/2)) {
			t.Errorf("after visit %d %d questions are remembered", step+1, n)
		}
	}
}

// TestHistoryFits: remembered questions that do not fit beside the documents are not shown.
func TestHistoryFits(t *testing.T) {
	c := small()
	c.Draw, c.Questions, c.VerifierGroups, c.MaxQuestion = 1, 1, 1, 40
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(1, 20), func(step, _, i int) plan {
		return plan{fate: "asked", passes: 2, yes: [2]int{1, 3}}
	})
	full := 0
	for _, d := range r.game.clusters[0].docs {
		full += len(r.game.Chat.Tok.Encode(d)) + 1
	}
	r.game.Config.MaxPrompt = full + 45
	for range 5 {
		if _, _, err := r.take(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	last := s.seen[4]
	if n := strings.Count(last, "before : "); n == 0 || n == 3 ||
		len(r.game.Chat.Tok.Encode(last)) > r.game.Config.MaxPrompt {
		t.Errorf("%d earlier questions are shown in %d tokens of %d", n, len(r.game.Chat.Tok.Encode(last)),
			r.game.Config.MaxPrompt)
	}
}

// TestBatches: outputs that train in several batches give the bits of one.
func TestBatches(t *testing.T) {
	plans := func(_, _, i int) plan { return plan{fate: "asked", passes: 1 + i%3, yes: [2]int{1, 3}} }
	var norms []float64
	for _, tokens := range []int{2048, 64} {
		c := small()
		c.Draw, c.MaxPrompt, c.MaxAnswer, c.MaxVote, c.MaxQuestion, c.BatchTokens = 4, 120, 20, 20, 50, tokens
		c.Answers = 32
		r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(4, 2), plans)
		rep, _, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if rep.Update.MaxLogpDiff != 0 {
			t.Errorf("log-probabilities differ by %g", rep.Update.MaxLogpDiff)
		}
		norms = append(norms, rep.Update.GradNorm)
	}
	if norms[0] != norms[1] || norms[0] == 0 {
		t.Errorf("gradient norms %v", norms)
	}
}

// truth is a judge that knows the questions that were asked, of which those two of four answer
// are right.
type truth struct{}

func (truth) Right(_ string, _ task.Task, q task.Question) (right, known bool) {
	return strings.Contains(q.Text, "asked 2 "), strings.Contains(q.Text, "asked")
}
func (truth) Same(_ task.Task, a, b string) bool { return a == b }
func (truth) KeepsOut() bool                     { return false }
func (truth) Tests(ctx context.Context, o eval.TestOptions) ([]*eval.Test, error) {
	return eval.WorldJudge{}.Tests(ctx, o)
}

func TestTruth(t *testing.T) {
	c := small()
	c.Draw = len(fates)
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
	r.game.Judge = truth{}
	rep, _, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// 7 questions are read, 5 of them known, 1 right. YES majorities: 4 on "all right", 2 on the
	// first good one, all 4 on the last, of which 3 are wrong. Right answers: 4, 2, 1 without a
	// majority, 1.
	if want := (Truth{Drawn: len(fates), Parsed: 7, Known: 5, Right: 1, Accepted: 10, Same: 8,
		AcceptedRight: 7}); *rep.Truth != want {
		t.Errorf("truth %+v, want %+v", *rep.Truth, want)
	}
	if want := []SeenReport{{Docs: 4, Readable: 7, Right: 1}}; !slices.Equal(rep.Seen, want) {
		t.Errorf("by documents %+v, want %+v", rep.Seen, want)
	}
	seen := Report{}
	for i, docs := range []int{4, 2, 4, 10, 2} {
		seen.see(docs, i > 1)
	}
	if want := []SeenReport{{2, 2, 1}, {4, 2, 1}, {10, 1, 1}}; !slices.Equal(seen.Seen, want) {
		t.Errorf("by documents %+v, want %+v", seen.Seen, want)
	}
	if line := rep.String(); !strings.Contains(line, "true  14%") || !strings.Contains(line, "verifier 70/88%") {
		t.Errorf("the step is described as %q", rep)
	}
}

// TestEarlyVotes: votes that decide nothing any more are not cast. The update is the same, and
// so are the metrics but for those that all votes are needed for.
func TestEarlyVotes(t *testing.T) {
	c := small()
	c.Draw, c.VerifierGroups = len(fates), 0
	votes := func(records []Record) (n int) {
		for _, rec := range records {
			if rec.Stage == "verify" {
				n += len(rec.Samples)
			}
		}
		return n
	}
	docs := documents(12, 4)
	all, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, fateOf)
	full, records, err := all.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c.EarlyVotes = true
	some, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, fateOf)
	early, fewer, err := some.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// Of 4 votes, YES needs 3 and NO 2. Cast on "all wrong" 2 each, on "all right" 3; of the first
	// good one 3 on wrong answers, 3 on right ones; of the second 4; of the last 3.
	if got, want := votes(fewer), 4*2+4*3+2*3+2*3+4*4+4*3; got != want || votes(records) != 80 {
		t.Errorf("%d votes were cast, want %d; all are %d, want 80", got, want, votes(records))
	}
	if early.PassRate != full.PassRate || early.Update.GradNorm != full.Update.GradNorm ||
		full.Update.GradNorm == 0 || !reflect.DeepEqual(numbers(all), numbers(some)) {
		t.Errorf("the step ends otherwise:\n%+v\n%+v", early, full)
	}
	counts := full.Counts
	if counts.VoteKept == 0 || counts.VoteUnanimous == 0 || counts.VoteDisagrees == 0 {
		t.Errorf("the fates of all votes are %+v", counts)
	}
	counts.VoteKept, counts.VoteUnanimous, counts.VoteTied = 0, 0, 0
	if early.Counts != counts || early.Agree != full.Agree {
		t.Errorf("counted %+v and agreeing %g, want %+v and %g", early.Counts, early.Agree, counts, full.Agree)
	}
	c.VerifierGroups = 1
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "early_votes") {
		t.Errorf("early votes that train: %v", err)
	}
}
