package transcript_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model/rollout"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/spell"
	"spell/rl/task"
	"spell/rl/transcript"
)

func pointer[T any](v T) *T { return &v }

// records are a good question, with votes on its second answer, and one that could not be read.
func records() []spell.Record {
	ask := spell.Record{Step: 2, Question: 7, Role: role.Questioner, Stage: "ask", Task: task.GeneralQA,
		Cluster: "north", Docs: []int{1, 4}, Prompt: "Read this: " + strings.Repeat("x", 100), Outcome: "good",
		Text: "Who keeps the ferry?", Answer: "Ann", Samples: []spell.Output{{Text: "{}", Tokens: 9,
			Finish: rollout.Stop, Reward: pointer(0.75), Advantage: 1.5, Trained: true}}}
	respond := ask
	respond.Stage, respond.Role, respond.Docs = "respond", role.Responder, nil
	respond.Samples = []spell.Output{
		{Text: "It is Ann.\nThe answer is Ann", Tokens: 8, Finish: rollout.Stop, Prediction: "Ann", Rule: pointer(true),
			Reward: pointer(1.0)},
		{Text: "\x1b[31mred", Tokens: 3, Finish: rollout.Length, Prediction: "Bob", Rule: pointer(false),
			Votes: &reward.Tally{Yes: 1, No: 2}, Reward: pointer(0.0)}}
	verify := ask
	verify.Stage, verify.Role, verify.Prediction, verify.Rule = "verify", role.Verifier, "Bob", pointer(false)
	verify.Samples = []spell.Output{{Text: "no .", Tokens: 2, Finish: rollout.Stop, Vote: "no", Reward: pointer(1.0)}}
	bad := spell.Record{Step: 2, Question: 8, Stage: "ask", Outcome: "bad format",
		Samples: []spell.Output{{Text: "oh well", Tokens: 2, Finish: rollout.Stop, Reward: pointer(-1.0)}}}
	return []spell.Record{ask, respond, verify, bad}
}

// aheadRecords are a question that was asked ahead of the first step, and its answers.
func aheadRecords() []spell.Record {
	all := records()[:2]
	for i := range all {
		r := &all[i]
		r.Step, r.For = 0, "kept_out"
		for k := range r.Samples {
			r.Samples[k].Reward, r.Samples[k].Votes = nil, nil
		}
	}
	all[0].Kept = true
	return all
}

// printed returns what is printed of records.
func printed(t *testing.T, most int, records []spell.Record) string {
	t.Helper()
	var b strings.Builder
	for q, err := range transcript.Questions(write(t, records, "")) {
		if err != nil || q.Print(&b, most) != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestPrintBlind: all answers without documents are printed, texts that come again once, and of several no more than a
// few lines each.
func TestPrintBlind(t *testing.T) {
	output := func(text string) spell.Output { return spell.Output{Text: text, Tokens: 3, Finish: rollout.Stop} }
	long := strings.Repeat("y", 1000)
	for _, tt := range []struct {
		most   int
		blind  []spell.Output
		prints string
	}{
		{0, []spell.Output{output(long)}, "  an output, 3 tokens, stop\n    | " + long + "\n\n"},
		{0, []spell.Output{output("Ann"), output("Bob"), output("Ann")}, "  1. an output, 3 tokens, stop\n    | Ann\n" +
			"  2. an output, 3 tokens, stop\n    | Bob\n  3. as 1., 3 tokens, stop\n\n"},
		{0, []spell.Output{output("Ann"), output(long)}, "    | " + long[:200] + "\n    | … 600 characters …\n"},
		{10, []spell.Output{output("Ann"), output(long)}, "    | yyyyy\n    | … 990 characters …\n"},
	} {
		all := records()[:2]
		ground := all[1]
		ground.Stage, ground.Samples = "ground", tt.blind
		all[1] = ground
		if got := printed(t, tt.most, all); !strings.Contains(got, tt.prints) {
			t.Errorf("no %q in:\n%s", tt.prints, got)
		}
	}
}

// TestAhead: a question that was asked ahead of the first step says what for and whether it is of use, and its answers
// are right or wrong.
func TestAhead(t *testing.T) {
	for _, tt := range []struct {
		kept bool
		says string
	}{{true, "asked for kept out, kept"}, {false, "asked for kept out, left out"}} {
		all := aheadRecords()
		all[0].Kept = tt.kept
		got := printed(t, 0, all)
		for _, s := range []string{"step 0, question 7   general_qa   good   " + tt.says + "   cluster north",
			"ANSWERS   1 of 2 right\n"} {
			if !strings.Contains(got, s) {
				t.Errorf("no %q in:\n%s", s, got)
			}
		}
	}
}

// write writes records, and text after them, to a file.
func write(t *testing.T, records []spell.Record, after string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	path := filepath.Join(t.TempDir(), "transcript.jsonl")
	if err := os.WriteFile(path, []byte(b.String()+after), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestQuestions: records of a question are together, a last line that is being written is passed over, and a
// damaged one is named.
func TestQuestions(t *testing.T) {
	for _, tt := range []struct{ after, err string }{
		{"", ""}, {`{"step": 3, "stage": "a`, ""},
		{"no JSON\n", "transcript.jsonl: line 5 is no record of self-play: invalid character"},
		{"{}\n", "line 5 is no record of self-play: it has no step or no stage"},
	} {
		var questions []*transcript.Question
		var failed error
		for q, err := range transcript.Questions(write(t, records(), tt.after)) {
			if failed = err; err == nil {
				questions = append(questions, q)
			}
		}
		if (failed != nil) != (tt.err != "") || failed != nil && !strings.Contains(failed.Error(), tt.err) {
			t.Errorf("after %q: %v, want %q", tt.after, failed, tt.err)
		}
		if len(questions) < 1 || tt.err == "" && len(questions) != 2 {
			t.Fatalf("after %q: %d questions", tt.after, len(questions))
		}
		q := questions[0]
		passes, answers := q.Passes()
		if q.Step != 2 || q.Number != 7 || q.Ask == nil || q.Ground != nil || len(q.Verify) != 1 || passes != 1 ||
			answers != 2 {
			t.Errorf("after %q: %+v", tt.after, q)
		}
	}
}

// TestWholePrompts: records have their prompts whole, whether they stand there, in pieces with documents that are
// earlier in the file, or at the votes on an answer of the same prediction; and a document that is not in the
// file is named.
func TestWholePrompts(t *testing.T) {
	var file strings.Builder
	add := func(values ...any) {
		for _, v := range values {
			line, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			file.Write(append(line, '\n'))
		}
	}
	docs := []string{"Ann keeps the ferry.", "Bob <b>sleeps</b>.", "Cy"}
	prompt := func(numbers ...int) string {
		s := "Read:\n"
		for _, n := range numbers {
			s += docs[n] + "\n"
		}
		return s + "Ask."
	}
	all := records()
	ask, respond, verify, bad := all[0], all[1], all[2], all[3]
	ask.Cluster, respond.Cluster = "south", "south"
	ask.Prompt, ask.Pieces = "", spell.Cut(prompt(0, 2), docs, []int{0, 2})
	respond.Prompt, respond.Pieces = "", spell.Cut(prompt(0, 1, 2), docs, []int{0, 1, 2})
	again, other := verify, verify
	again.Prompt = ""
	other.Prompt, other.Prediction = "another", "Cy"
	bad.Cluster, bad.Pieces = "west", spell.Pieces{{Text: "Read: "}, {Doc: 1}}
	add(spell.Documents{Step: 1, Stage: spell.DocumentsStage, Cluster: "north", Documents: []string{"x"}},
		spell.Documents{Step: 2, Stage: spell.DocumentsStage, Cluster: "south", Documents: docs}, ask, respond, verify,
		other, again, bad)
	if raw := file.String(); strings.Count(raw, docs[0]) != 1 || strings.Count(raw, verify.Prompt) != 1 {
		t.Errorf("a prompt stands in the file more than once:\n%s", raw)
	}
	var got []string
	for q, err := range transcript.Questions(write(t, nil, file.String())) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, q.Ask.Prompt)
		if q.Respond != nil {
			got = append(got, q.Respond.Prompt)
		}
		for _, v := range q.Verify {
			got = append(got, v.Prompt)
		}
	}
	want := []string{prompt(0, 2), prompt(0, 1, 2), verify.Prompt, "another", verify.Prompt,
		"Read: [document 1, which the transcript does not have]"}
	if !slices.Equal(got, want) {
		t.Errorf("prompts\n%q\nwant\n%q", got, want)
	}
}

// TestPrint: what is printed tells everything, and nothing of it reaches the terminal's controls.
func TestPrint(t *testing.T) {
	for _, tt := range []struct {
		most      int
		has, lack []string
	}{
		{0, []string{"step 2, question 7   general_qa   good   cluster north, documents 1 4", "| Who keeps the ferry?",
			"REFERENCE\n    | Ann", "reward 0.75, trained with advantage +1.50, 9 tokens", "ANSWERS   1 of 2 rewarded",
			`  1. "Ann": right by the rule, reward 1, 8 tokens`, "    | It is Ann.\n    | The answer is Ann",
			`  2. "Bob": wrong by the rule, votes 1 yes 2 no 0 invalid, reward 0, 3 tokens`, "| ␛[31mred",
			`VOTES on "Bob", wrong by the rule` + "\n  no, reward 1"}, []string{"Read this", "\x1b"}},
		{10, []string{"    | Read \n    | … 101 characters …\n    | xxxxx"}, []string{"xxxxxx"}},
	} {
		var b strings.Builder
		for q, err := range transcript.Questions(write(t, records(), "")) {
			if err != nil || q.Print(&b, tt.most) != nil {
				t.Fatal(err)
			}
		}
		tt.has = append(tt.has, "step 2, question 8", "QUESTION   could not be read")
		for _, s := range tt.has {
			if !strings.Contains(b.String(), s) {
				t.Errorf("with %d characters, no %q in:\n%s", tt.most, s, b.String())
			}
		}
		for _, s := range tt.lack {
			if strings.Contains(b.String(), s) {
				t.Errorf("with %d characters, %q is in:\n%s", tt.most, s, b.String())
			}
		}
	}
}
