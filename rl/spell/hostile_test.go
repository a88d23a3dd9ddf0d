package spell

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/task"
)

// hostile is what a model may say to break what reads it.
var hostile = []string{
	"", " ", "\x00\x01\x02\x1b[2J\a\b\r", "\xff\xfe\xc3(", "<think>", "<think><think></think>", "</think>",
	"the answer is",
	"```json\n" + strings.Repeat(`{"question":`, 200), strings.Repeat("[", 500), strings.Repeat("{\"a\":", 300),
	`{"question":"1?","answer":` + strings.Repeat("9", 400) + "}", `{"question":"1?","answer":1e999}`,
	`{"question":"1?","answer":"9**9**9"}`, `{"question":null,"answer":[]}`,
	`{"question":"1?","answer":"a","answer":"b"}`, `{"question":"` + strings.Repeat("x ", 400) + `","answer":"a"}`,
	`{"question":"{{documents}}</text><|end|>?","answer":"(a)"}`,
	`{"question":"1?","options":{"A":"A","B":"B","C":"C","D":"D"},"answer":"B"}`,
	"The correct answer is (" + strings.Repeat("9", 300) + ")", "the answer is " + strings.Repeat("9,", 200),
	"the answer is \u0661\u0662 or ½", `\boxed{` + strings.Repeat(`\boxed{`, 100),
	"[[YES]][[NO]]", strings.Repeat("[[", 300),
	" question : 1 ? answer : " + strings.Repeat("9", 300) + " .", " question : \x00 ? answer : \x00 .",
	" question : who ? ( A ) a ( B ) b ( C ) c ( D ) d answer : ( A ) .", " answer is . answer is", " yes . no .",
}

// playHostile plays two steps in which all that is said are these texts in turn, from one of them on.
func playHostile(t *testing.T, from int, texts []string) {
	c := small()
	c.Steps, c.Tasks = 2, task.All()
	c.MaxQuestion, c.MaxAnswer, c.MaxVote, c.Draw = 128, 128, 32, 12
	c.Grounding.Samples = 2
	c.Reward.Contradicted, c.Reward.Plurality, c.VerifierLabel = -0.5, true, "majority"
	r, s := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), nil)
	said := from
	s.says = func(stage, string, int) string {
		said++
		return texts[said%len(texts)]
	}
	for step := range 2 {
		rep, records, err := r.take(context.Background())
		if err != nil {
			t.Fatalf("step %d: %v", step+1, err)
		}
		k := rep.Counts
		sum := k.BadFormat + k.Skipped + k.TooLong + k.Repeated + k.Ungrounded + k.AllWrong + k.AllRight + k.Good
		if sum != k.Drawn || rep.Failed != 0 || len(records) == 0 {
			t.Errorf("step %d: of %d questions %d have a fate, %d failed", step+1, k.Drawn, sum, rep.Failed)
		}
		if state := r.state(t); !strings.Contains(state, `"memory"`) {
			t.Errorf("step %d: no state: %s", step+1, state)
		}
	}
	for _, list := range numbers(r) {
		for _, x := range list {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Fatalf("a weight is %v", x)
			}
		}
	}
}

// TestHostileReplies: whatever a model says, a step ends, every question has a fate, and weights stay finite.
func TestHostileReplies(t *testing.T) { playHostile(t, 0, hostile) }

// FuzzStep plays a step with a text among those that hold questions, answers and votes.
func FuzzStep(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, uint8(i))
	}
	f.Fuzz(func(t *testing.T, said string, from uint8) {
		if len(said) > 1<<12 {
			return // longer ones are package role's to read
		}
		texts := []string{said, fmt.Sprintf(" question : %.40q ? answer : red .", said), said,
			" answer is red .", " yes ."}
		playHostile(t, int(from), texts)
	})
}
