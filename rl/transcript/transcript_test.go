package transcript_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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
