package role

import (
	"fmt"
	"strings"
	"testing"

	"spell/rl/internal/textcase"
	"spell/rl/task"
)

// TestReplies runs testdata/replies.txt.
func TestReplies(t *testing.T) {
	textcase.Run(t, "testdata/replies.txt", func(c textcase.Case) string {
		p := mustLoad(t, c.Args[0])
		if c.Command == "vote" {
			return map[Vote]string{Invalid: "invalid", No: "no", Yes: "yes"}[p.ParseVote(c.Input)]
		}
		of, err := task.Parse(c.Args[1])
		if err != nil {
			return err.Error()
		}
		switch c.Command {
		case "question":
			q, v := p.ParseQuestion(of, c.Input, nil)
			switch v {
			case task.BadFormat:
				return "bad format"
			case task.Skip:
				return "skip"
			}
			return fmt.Sprintf("question: %s\nanswer: %s", q.Text, q.Answer)
		case "answer":
			if answer, ok := p.ExtractAnswer(of, c.Input); ok {
				return "answer: " + answer
			}
			return "none"
		}
		return "unknown command"
	})
}

// TestThinking: if the prompt ends inside the reasoning, a reply that does not end it is cut off,
// though it opens none.
func TestThinking(t *testing.T) {
	p := mustLoad(t, "full")
	p.Thinking = true
	const question = `{"question":"1?","answer":"a"}`
	for reply, want := range map[string]task.Verdict{question: task.Skip, "hm</think>" + question: task.OK} {
		if _, got := p.ParseQuestion(task.GeneralQA, reply, nil); got != want {
			t.Errorf("%q has verdict %d, want %d", reply, got, want)
		}
	}
	if a, ok := p.ExtractAnswer(task.GeneralQA, "the answer is x"); ok {
		t.Errorf("reasoning holds the answer %q", a)
	}
	if v := p.ParseVote("[[YES]]"); v != Invalid {
		t.Errorf("reasoning holds the vote %d", v)
	}
}

// Replies built to make a careless parser quadratic; at this size such a parser would not end
// within the test's limit.
func TestHostileRepliesAreLinear(t *testing.T) {
	const size = maxReply - 64
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for _, output := range []string{
		fill("```json"), fill("```json{```"), fill("```json{}```"), fill(`{"question":`), fill("["),
		fill(`\boxed{`), fill(`\boxed{}`), fill("answer is "), fill("the answer is ("),
		fill("the answer is 1,"), fill("<think></think>"), fill("("), fill("question : "),
		"question : " + fill("? ( A ) "), "question : x ? ( A ) " + fill("( B "), fill("[[YES] "), fill("9"),
		"answer is " + fill("9,"),
		`{"question":"` + fill("a") + `","answer":"a"}`, `{"question":"a","answer":"` + fill("9") + `"}`, fill("\xff"), fill("{{"),
		fill("x") + fill("y"), // longer than maxReply
	} {
		for _, set := range Sets() {
			p := mustLoad(t, set)
			for _, of := range task.All() {
				p.ParseQuestion(of, output, nil)
				p.ExtractAnswer(of, output)
			}
			p.ParseVote(output)
		}
	}
}

// No reply of any bytes stops a parser.
func FuzzReplies(f *testing.F) {
	for _, s := range []string{
		"<think></think>{}", "[[YES]]", "answer is \xff", " question : \xff ? answer : x .", "yes .",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, output string) {
		for _, set := range Sets() {
			p := mustLoad(t, set)
			for _, of := range task.All() {
				p.ParseQuestion(of, output, nil)
				p.ExtractAnswer(of, output)
			}
			p.ParseVote(output)
		}
	})
}
