package spell

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus/world"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// fixedConfig is small, with questions that are fixed before the first step.
func fixedConfig(static string) Config {
	c := small()
	c.Static, c.Draw, c.VerifierGroups, c.Steps = static, 4, 2, 3
	return c
}

// asideOf plays the interlude that is due.
func asideOf(t *testing.T, r *run) (*survey, *runner.Report) {
	t.Helper()
	if !r.Due() {
		t.Fatal("nothing is asked before the first step")
	}
	rep, err := r.Measure(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Due() {
		t.Fatal("questions are asked again")
	}
	s := rep.Metrics.(*survey)
	if len(rep.Questions) != s.Kept || len(s.questions) != s.Kept {
		t.Fatalf("%d lines of %d questions", len(rep.Questions), s.Kept)
	}
	return s, rep
}

// TestAheadTranscribed: what is asked ahead of the first step is in the transcript, with what became of it, and earns
// nothing; documents that it has are not written again.
func TestAheadTranscribed(t *testing.T) {
	r, _ := newRun(t, fixedConfig("base"), opentest.CPU(t, 1), model.F32, documents(len(fates), 4), fateOf)
	s, rep := asideOf(t, r)
	outcomes, kept, stages, documents := map[string]int{}, 0, map[string]int{}, map[string]int{}
	for _, line := range rep.Transcript {
		rec, ok := line.(Record)
		if !ok {
			documents[line.(Documents).Cluster]++
			continue
		}
		if stages[rec.Stage]++; rec.Step != 0 || rec.For != "static" || rec.Prompt == "" && rec.Pieces == nil {
			t.Errorf("%+v", rec)
		}
		for _, o := range rec.Samples {
			if o.Reward != nil || o.Trained || (o.Rule != nil) != (rec.Stage == "respond") {
				t.Errorf("%+v of %s", o, rec.Stage)
			}
		}
		if rec.Stage == "ask" {
			outcomes[rec.Outcome]++
		}
		if rec.Kept {
			kept++
		}
	}
	want := map[string]int{"good": 3, "all right": 1, "all wrong": 1, "bad format": 1, "skipped": 1, "too long": 1,
		"ungrounded": 1}
	if !reflect.DeepEqual(outcomes, want) || kept != s.Kept || stages["respond"] != 5 || stages["verify"] != 0 {
		t.Errorf("%d kept of %v, %v; want %d of %v", kept, outcomes, stages, s.Kept, want)
	}
	rep, err := r.Step(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range rep.Transcript {
		if d, ok := line.(Documents); ok {
			documents[d.Cluster]++
		}
	}
	for cluster, n := range documents {
		if n > 1 {
			t.Errorf("the documents of %s are there %d times", cluster, n)
		}
	}
}

// TestStaticBase: of the questions that the model asks first those are kept that can be read, need their documents and
// are answered right at least once, by the rule alone. Steps ask no others, and the questioner has no row in them.
func TestStaticBase(t *testing.T) {
	c := fixedConfig("base")
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(len(fates), 4), fateOf)
	got, _ := asideOf(t, r)
	want := curriculum.Counts{Drawn: 9, BadFormat: 1, Skipped: 1, TooLong: 1, Ungrounded: 1, AllWrong: 1, AllRight: 1,
		Good: 3}
	if got.Asked != want || got.Kept != 4 {
		t.Errorf("%d kept of %+v\nwant 4 of %+v", got.Kept, got.Asked, want)
	}
	texts := map[string]int{}
	for _, q := range got.questions {
		texts[q.Text] = q.Right
		if q.Answers != c.Answers {
			t.Errorf("%d answers to %q", q.Answers, q.Text)
		}
	}
	asked := len(s.seen)
	for range 3 {
		rep, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if rep.Counts.Drawn != 4 || rep.Counts.Good != 2 || rep.Counts.AllRight != 2 {
			t.Errorf("counts %+v", rep.Counts)
		}
		if q := rep.Roles[role.Questioner]; q.Samples != 0 || rep.Update.Parts[role.Questioner].Sequences != 0 {
			t.Errorf("the questioner: %+v, %+v", q, rep.Update.Parts)
		}
		if n := rep.Update.Parts[role.Responder].Sequences; n != 2*c.Answers {
			t.Errorf("%d answers train", n)
		}
		if rep.Update.Parts[role.Verifier].Sequences == 0 {
			t.Error("no votes train")
		}
		seen := 0
		for _, rec := range records {
			if rec.Role == role.Questioner {
				seen++
				if _, ok := texts[rec.Text]; !ok || len(rec.Samples) != 0 || rec.Prompt != "" || rec.Answer == "" {
					t.Errorf("record %+v", rec)
				}
			}
		}
		if seen != 4 {
			t.Errorf("%d questions in the transcript", seen)
		}
	}
	if len(s.seen) != asked {
		t.Errorf("the questioner is asked in the steps: %d times, before them %d", len(s.seen), asked)
	}
	for i := range r.game.clusters {
		if n := len(r.game.memory.Entries(task.GeneralQA, i)); n > 0 {
			t.Errorf("%d questions about cluster %d are remembered", n, i)
		}
	}
}

// TestStaticNone: a model none of whose questions is of use is told so.
func TestStaticNone(t *testing.T) {
	r, _ := newRun(t, fixedConfig("base"), opentest.CPU(t, 1), model.F32, documents(3, 4), fateOf)
	if _, err := r.Measure(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "static_asked") {
		t.Errorf("the error is %v", err)
	}
}

// TestStaticTruth: the world's own questions are true, and as many as clusters.
func TestStaticTruth(t *testing.T) {
	w, err := world.NewCorpus(3, 6, world.Options{Docs: 5, Chains: true})
	if err != nil {
		t.Fatal(err)
	}
	c := fixedConfig("truth")
	c.Tasks = []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}
	text := &chat.Dialog{Tok: testTokenizer(t)}
	r, err := begin(context.Background(), c, testModel(t, opentest.CPU(t, 1), model.F32, text), &w.Corpus,
		eval.WorldJudge{Corpus: w})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	s, _ := asideOf(t, r)
	if s.Kept < 4 || s.Kept > 6 || s.Truth.Right != s.Kept || s.Truth.Known != s.Kept {
		t.Errorf("%d kept, %+v", s.Kept, s.Truth)
	}
	if !strings.Contains(s.String(), "true 100%") {
		t.Error(s)
	}
	if _, err := begin(context.Background(), c, r.Model, documents(3, 4), nil); err == nil ||
		!strings.Contains(err.Error(), "generated world") {
		t.Errorf("true questions about documents: %v", err)
	}
}

// TestStaticAsked: as many questions are asked as the settings say, of the clusters in turn; 0 is one of each.
func TestStaticAsked(t *testing.T) {
	c := fixedConfig("base")
	c.Tasks = []task.Task{task.GeneralQA, task.MultipleChoice}
	for _, n := range []int{0, 1, 5, 16} {
		c.StaticAsked = n
		r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(7, 4), turns)
		items := r.game.ahead(forStatic, r.game.sampler, r.game.clusters, n)
		times := make([]int, 7)
		for i, it := range items {
			times[it.Cluster]++
			if it.place != i || !it.aside() {
				t.Errorf("item %d has place %d", i, it.place)
			}
		}
		want := n
		if n == 0 {
			want = 7
		}
		if len(items) != want || slices.Max(times) > 2+want/7 {
			t.Errorf("static_asked %d asks %d questions, %v of the clusters", n, len(items), times)
		}
	}
}

// TestStaticResumes: wherever a run over fixed questions is interrupted, while they are asked too, it goes on to the
// bytes of one that was left alone.
func TestStaticResumes(t *testing.T) {
	c := fixedConfig("base")
	c.Checkpoint = 2
	places := 12
	if testing.Short() {
		places = 5
	}
	err := runnertest.Resumes(t.TempDir(), places, opentest.CPU(t, 1), model.F32, func() runner.Method {
		return newScripted(t, c, documents(9, 4))
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStaticDamaged: a state whose questions are not of the clusters is refused.
func TestStaticDamaged(t *testing.T) {
	r, _ := newRun(t, fixedConfig("base"), opentest.CPU(t, 1), model.F32, documents(9, 4), fateOf)
	asideOf(t, r)
	good := r.state(t)
	for _, change := range [][2]string{{`"task":"general_qa","cluster":`, `"task":"general_qa","cluster":9`},
		{`"task":"general_qa","cluster":`, `"task":"multiple_choice","cluster":`}} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("the state is %s", good)
		}
		if err := r.Restore([]byte(bad)); err == nil || !strings.Contains(err.Error(), "static questions") {
			t.Errorf("%v: %v", change, err)
		}
	}
	if err := r.Restore([]byte(good)); err != nil || !reflect.DeepEqual(r.state(t), good) {
		t.Error(err)
	}
}

// TestFrozen: a role without weight has no row in the update.
func TestFrozen(t *testing.T) {
	for r := range role.Role(role.NumRoles) {
		c := small()
		c.Draw, c.RoleWeights[r] = len(fates), 0
		on, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), fateOf)
		rep, records, err := on.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for other, p := range rep.Update.Parts {
			if trains := p.Sequences > 0; trains != (other != int(r)) {
				t.Errorf("without the %v, %d samples of the %s train", r, p.Sequences, p.Name)
			}
		}
		for _, rec := range records {
			for _, s := range rec.Samples {
				if rec.Role == r && (s.Trained || s.Advantage != 0) {
					t.Errorf("a sample of the %v trains", r)
				}
			}
		}
	}
}

// Questions stand beside those about the same cluster and of the same task alone.
func TestBesides(t *testing.T) {
	var questions []fixedQuestion
	for _, q := range []struct {
		of      task.Task
		cluster int
	}{{task.GeneralQA, 1}, {task.GeneralQA, 2}, {task.GeneralQA, 1}, {task.Numeric, 1}, {task.GeneralQA, 1}} {
		questions = append(questions, fixedQuestion{Task: q.of, Cluster: q.cluster})
	}
	want := [][]int{{0, 2, 4}, {1}, {2, 4, 0}, {3}, {4, 0, 2}}
	if got := besides(questions); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
