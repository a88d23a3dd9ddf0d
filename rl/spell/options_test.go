package spell

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/role"
	"spell/rl/task"
)

// steps plays n steps of a scripted run and returns the reports and the transcript of the last, with the run.
func steps(t *testing.T, c Config, n int, plans func(step, round, i int) plan) ([]*Report, []Record, *run) {
	t.Helper()
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), plans)
	var reports []*Report
	var records []Record
	for range n {
		rep, last, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		reports, records = append(reports, rep), last
	}
	return reports, records, r
}

// stageOf returns the records of a stage.
func recordsOf(records []Record, name string) (of []Record) {
	for _, r := range records {
		if r.Stage == name {
			of = append(of, r)
		}
	}
	return of
}

// TestShareVotes: answers that read the same are voted on once. What they earn is what it was, and their votes are one
// group.
func TestShareVotes(t *testing.T) {
	c := small()
	c.Draw, c.VerifierGroups = len(fates), 2
	whole, all, _ := steps(t, c, 1, fateOf)
	c.ShareVotes = true
	shared, fewer, _ := steps(t, c, 1, fateOf)
	full, rep := whole[0], shared[0]
	for _, r := range []*Report{full, rep} { // shares are of the tokens of all roles, and there are fewer
		for i := range r.Roles {
			r.Roles[i].Share = 0
		}
	}
	// The five questions that are answered have one, one, two, two and two different answers.
	if n, of := len(recordsOf(fewer, "verify")), len(recordsOf(all, "verify")); n != 8 || of != 20 {
		t.Errorf("%d answers are voted on, and %d unshared; want 8 and 20", n, of)
	}
	if rep.PassRate != full.PassRate || rep.RuleRate != full.RuleRate || rep.Agree != full.Agree ||
		rep.Roles[role.Responder] != full.Roles[role.Responder] ||
		rep.Roles[role.Questioner] != full.Roles[role.Questioner] || rep.Roles[role.Verifier].Samples != 8*4 {
		t.Errorf("shared votes decide otherwise:\n%v\n%v", rep, full)
	}
	counts := full.Counts
	counts.VoteUnanimous, counts.VoteKept, counts.VoteTied, counts.VoteDisagrees = 3, 2, 1, 2
	if rep.Counts != counts {
		t.Errorf("counts %+v, want %+v", rep.Counts, counts)
	}
	if got := trained(&rep.Update); got != [3]int{4, 8, 8} {
		t.Errorf("trained %v samples", got)
	}
	for _, of := range recordsOf(fewer, "respond") {
		for _, o := range of.Samples {
			if o.Votes == nil || o.Votes.Votes() != 4 {
				t.Errorf("question %d: answer %q has the votes %v", of.Question, o.Prediction, o.Votes)
			}
		}
	}
}

// TestBadLeast: in a step without a good question the questioner learns if some failed questions are to train.
func TestBadLeast(t *testing.T) {
	plans := func(_, _, i int) plan { return fates[3*(i%2)] } // cannot be read, known without documents
	for least, want := range map[int]int{0: 0, 6: 6, 99: 8} {
		c := small()
		c.BadLeast = least
		r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), plans)
		before := numbers(r)
		rep, _, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := trained(&rep.Update); got != [3]int{want} || reflect.DeepEqual(before, numbers(r)) != (want == 0) {
			t.Errorf("bad_least %d trains %v", least, got)
		}
	}
}

// TestContradicted: a question loses reward if more than half of its answers say the same and not its reference.
func TestContradicted(t *testing.T) {
	c := small()
	c.Draw, c.Reward.Contradicted = 5, -0.25
	none := [2]int{0, 4}
	plans := []plan{{fate: "asked", passes: 0, yes: none}, {fate: "asked", passes: 1, yes: none},
		{fate: "asked", passes: 2, yes: none}, {fate: "asked", passes: 4, yes: none},
		{fate: "asked", passes: 0, yes: [2]int{3, 4}}} // the votes accept the others' answer
	quarter := math.Exp(-math.Pow(0.25/(0.5/3), 2) / 2)
	want := []float64{-0.25, quarter - 0.25, 1, 0, 0}
	_, records, _ := steps(t, c, 1, func(_, _, i int) plan { return plans[i] })
	for i, rec := range recordsOf(records, "ask") {
		if got := *rec.Samples[0].Reward; math.Abs(got-want[i]) > 1e-12 {
			t.Errorf("question %d earns %v, want %v", i, got, want[i])
		}
	}
	fates := func(drop bool) (all []string, contradicted, good int) {
		c.DropContradicted = drop
		reports, records, _ := steps(t, c, 1, func(_, _, i int) plan { return plans[i] })
		for _, rec := range recordsOf(records, "ask") {
			all = append(all, rec.Outcome)
		}
		return all, reports[0].Counts.Contradicted, reports[0].Counts.Good
	}
	kept := []string{"all wrong", "good", "good", "all right", "all right"}
	if got, contradicted, good := fates(false); !slices.Equal(got, kept) || contradicted != 0 || good != 2 {
		t.Errorf("kept: %q, %d contradicted and %d good", got, contradicted, good)
	}
	dropped := []string{"contradicted", "contradicted", "good", "all right", "all right"}
	if got, contradicted, good := fates(true); !slices.Equal(got, dropped) || contradicted != 2 || good != 1 {
		t.Errorf("dropped: %q, %d contradicted and %d good", got, contradicted, good)
	}
}

// TestDrawByRate: later steps draw what earlier ones let expect to be enough.
func TestDrawByRate(t *testing.T) {
	for good, want := range map[int][]int{8: {8, 3, 3}, 4: {8, 6, 6}, 2: {8, 8, 8}, 0: {8, 8, 8}} {
		c := small()
		c.DrawByRate = true
		reports, _, _ := steps(t, c, 3, func(step, _, i int) plan {
			if step == 0 && i < good || step > 0 && good > 2 {
				return plan{fate: "asked", passes: 2, yes: [2]int{1, 3}}
			}
			return plan{fate: "asked", yes: [2]int{0, 4}}
		})
		var drawn []int
		for _, rep := range reports {
			drawn = append(drawn, rep.Counts.Drawn)
		}
		if good == 4 { // all of the second step are good
			want[2] = drawn[2]
			if drawn[2] >= 6 || drawn[2] < 3 {
				t.Errorf("after %v, %d are drawn", drawn[:2], drawn[2])
			}
		}
		if !slices.Equal(drawn, want) {
			t.Errorf("of 8 questions %d are good, and %v are drawn, want %v", good, drawn, want)
		}
	}
}

// TestTrainSurplus: good questions beyond those that a step needs train if they shall.
func TestTrainSurplus(t *testing.T) {
	good := func(_, _, i int) plan { return plan{fate: "asked", passes: 1 + i%3, yes: [2]int{1, 3}} }
	for surplus, want := range map[bool][3]int{false: {3, 3 * 4, 4 * 4}, true: {8, 8 * 4, 4 * 4}} {
		c := small()
		c.TrainSurplus = surplus
		reports, _, _ := steps(t, c, 1, good)
		if got := trained(&reports[0].Update); got != want {
			t.Errorf("train_surplus %v: %v samples train, want %v", surplus, got, want)
		}
	}
}

// TestJudgements: the first votes decide what answers earn, and all train.
func TestJudgements(t *testing.T) {
	var first *Report
	// The first vote on a wrong answer accepts it, and the other three refuse it.
	for _, tt := range []struct {
		judgements int
		pass       float64
	}{{0, 0.25}, {1, 1}, {2, 0.25}, {4, 0.25}} {
		c := small()
		c.Judgements = tt.judgements
		reports, _, _ := steps(t, c, 1, func(_, _, _ int) plan {
			return plan{fate: "asked", passes: 1, yes: [2]int{1, 3}}
		})
		rep := reports[0]
		if first == nil {
			first = rep
		}
		if rep.PassRate != tt.pass || rep.Counts.VoteKept != first.Counts.VoteKept ||
			rep.Roles[role.Verifier] != first.Roles[role.Verifier] || trained(&rep.Update)[role.Verifier] != 16 {
			t.Errorf("judgements %d: %v", tt.judgements, rep)
		}
	}
}

// TestDocsAmong: each question has one of several numbers of new documents.
func TestDocsAmong(t *testing.T) {
	c := small()
	c.DocsAmong = []int{1, 3}
	seen := map[int]int{}
	_, records, _ := steps(t, c, 1, fateOf)
	for _, rec := range recordsOf(records, "ask") {
		seen[len(rec.Docs)]++
	}
	if seen[1] == 0 || seen[3] == 0 || seen[1]+seen[3] != c.Draw {
		t.Errorf("questions by the documents that they are asked over: %v", seen)
	}
	c.LeastDocs = 0
	if got := c.leastDocs(nil); got != 4 {
		t.Errorf("clusters have %d documents at least, want one more than 3", got)
	}
}

// TestDrawnLetter: the right option stands at the letter that was drawn, whichever the questioner chose.
func TestDrawnLetter(t *testing.T) {
	c := small()
	c.Tasks = []task.Task{task.MultipleChoice}
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), nil)
	s.says = func(at stage, _ string, _ int) string {
		if at == stageAsk {
			return " question : which ? ( A ) red ( B ) b ( C ) c ( D ) d answer : ( A ) ."
		}
		return " answer is ( E ) ."
	}
	_, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, rec := range recordsOf(records, "ask") {
		seen[rec.Answer] = true
		if !strings.Contains(rec.Text, fmt.Sprintf("( %s ) red", rec.Answer)) || strings.Count(rec.Text, "red") != 1 ||
			!strings.Contains(rec.Prompt, "choice "+rec.Answer+" :") {
			t.Errorf("the answer to %q is %s", rec.Text, rec.Answer)
		}
	}
	if len(seen) < 2 {
		t.Errorf("the letters drawn are %v", seen)
	}
}

// TestRepeatedEarnsNothing: a question that a step asks twice is judged once, in the mean reward, too.
func TestRepeatedEarnsNothing(t *testing.T) {
	c := small()
	c.MaxRounds, c.Questions = 2, 99
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(2, 4), nil)
	s.says = func(at stage, prompt string, k int) string {
		switch {
		case at == stageAsk:
			return " question : which ? answer : red ."
		case at == stageRespond && k < 2:
			return " answer is red ."
		}
		return " answer is blue ."
	}
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	k := rep.Counts
	if k.Good != 2 || k.Repeated != k.Drawn-2 || k.Repeated == 0 || rep.Roles[role.Questioner].Samples != k.Drawn ||
		rep.Roles[role.Questioner].Reward != 1 || rep.Distinct != 2 {
		t.Errorf("%+v; %+v; %d distinct", k, rep.Roles[role.Questioner], rep.Distinct)
	}
	for _, rec := range recordsOf(records, "ask") {
		if (rec.Samples[0].Reward == nil) != (rec.Outcome == "repeated") {
			t.Errorf("a question that is %s earns %v", rec.Outcome, rec.Samples[0].Reward)
		}
	}
}

// TestVotedTasks: answers to other kinds of questions than those named are not voted on, and the rule decides.
func TestVotedTasks(t *testing.T) {
	c := small()
	c.Tasks, c.Draw, c.VotedTasks = task.All(), 9, []task.Task{task.GeneralQA}
	reports, records, _ := steps(t, c, 1, func(_, _, _ int) plan {
		return plan{fate: "asked", passes: 1, yes: [2]int{4, 4}} // votes accept whatever is said
	})
	for _, rec := range recordsOf(records, "verify") {
		if rec.Task != task.GeneralQA {
			t.Errorf("an answer to a question of task %v is voted on", rec.Task)
		}
	}
	// Votes make the three of the one kind all right, and the other six have one answer of four.
	if k := reports[0].Counts; k.AllRight != 3 || k.Good != 6 || len(recordsOf(records, "verify")) != 3*4 {
		t.Errorf("counts %+v", k)
	}
}

// TestGroundingOfSeveral: a question is dropped if so many of its answers without documents are right, and not tested
// where settings say so.
func TestGroundingOfSeveral(t *testing.T) {
	for _, tt := range []struct {
		samples, right, known int // known: answers without documents that are right
		of                    []task.Task
		dropped               bool
		blind                 int // answers
	}{
		{1, 1, 1, task.All(), true, 1}, {4, 3, 2, task.All(), false, 4}, {4, 3, 3, task.All(), true, 4},
		{4, 3, 4, []task.Task{task.Numeric}, false, 0}, {0, 1, 4, task.All(), false, 0},
	} {
		c := small()
		c.Draw, c.Grounding.Samples, c.Grounding.Right, c.Grounding.Tasks = 1, tt.samples, tt.right, tt.of
		r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(4, 4), nil)
		s.says = func(at stage, _ string, k int) string {
			switch {
			case at == stageAsk:
				return " question : which ? answer : red ."
			case at == stageGround && k < tt.known, at == stageRespond && k < 2:
				return " answer is red ."
			}
			return " answer is blue ."
		}
		rep, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		blind := 0
		for _, rec := range recordsOf(records, "ground") {
			blind += len(rec.Samples)
		}
		if k := rep.Counts; k.Ungrounded == 1 != tt.dropped || k.Good == 1 == tt.dropped || blind != tt.blind {
			t.Errorf("%+v: %+v, %d answers without documents", tt, k, blind)
		}
	}
}

// TestVerifierLabel: without the filter votes that contradict the rule train, too.
func TestVerifierLabel(t *testing.T) {
	for label, want := range map[string]int{"consistent": 1, "majority": 4} {
		c := small()
		c.Draw, c.VerifierLabel, c.VerifierGroups = 1, label, 9
		reports, _, _ := steps(t, c, 1, func(_, _, _ int) plan {
			return plan{fate: "asked", passes: 1, yes: [2]int{3, 3}} // accepts right and wrong answers
		})
		if got := trained(&reports[0].Update)[role.Verifier]; got != want*4 {
			t.Errorf("%s: %d votes train, want %d", label, got, want*4)
		}
	}
}

// TestStated: a question that says its answer is dropped where that is asked for.
func TestStated(t *testing.T) {
	for _, c := range []struct {
		question, answer string
		want             bool
	}{
		{"which document says : The river rises in Norland. ?", "the River rises", true},
		{"which document says : The river rises in Norland. ?", "The rivers", false},
		{"fill : It rises in ___. ?", "rises in Norland", false},
		{"fill : 12 of ___ seats ?", "12", true},
		{"fill : 12 of ___ seats ?", "1", false},
		{"What?", "", false},
		{"", "What?", false},
	} {
		if got := states(c.question, c.answer); got != c.want {
			t.Errorf("%q, %q: %v", c.question, c.answer, got)
		}
	}
	for _, stated := range []bool{false, true} {
		c := small()
		c.Draw, c.Grounding.Stated = 2, stated
		reports, _, _ := steps(t, c, 1, func(_, _, i int) plan {
			return plan{fate: "asked", passes: 2, yes: [2]int{1, 3}} // every scripted question says its answer
		})
		dropped := 0
		if stated {
			dropped = 2
		}
		if k := reports[0].Counts; k.Ungrounded != dropped || k.Good != 2-dropped {
			t.Errorf("stated %v: %d questions are ungrounded and %d good", stated, k.Ungrounded, k.Good)
		}
	}
}

// TestNames: names are words with a capital letter behind the first; all of a question's must be in the documents.
func TestNames(t *testing.T) {
	docs := []string{"home Tolan Norvale . rank Tolan 7 .", "The River Arn's source lies in NORLAND."}
	for question, want := range map[string]bool{
		"what is the home of Tolan ?":               true,
		"what is the home of Kestor ?":              false,
		"Where does the river arn rise?":            true,
		"Where in Norland is the Arn's source?":     true,
		"Where in Norland is the Arno's source?":    false,
		"How many of the 12 ranks does TOLAN hold?": true,
		"Who is it?": true,
		"what is the sum of Tolan and Tolan and Kes?": false,
		"": true,
	} {
		if got := namesAre(question, docs); got != want {
			t.Errorf("%q: %v", question, got)
		}
	}
	for _, names := range []bool{false, true} {
		c := small()
		c.Draw, c.Grounding.Names = 2, names
		reports, _, _ := steps(t, c, 1, func(_, _, i int) plan {
			return plan{fate: []string{"asked", "foreign"}[i], passes: 2, yes: [2]int{1, 3}}
		})
		dropped := 0
		if names {
			dropped = 1
		}
		if k := reports[0].Counts; k.Ungrounded != dropped || k.Good != 2-dropped {
			t.Errorf("names %v: %d questions are ungrounded and %d good", names, k.Ungrounded, k.Good)
		}
	}
}
