package role

import (
	"regexp"
	"strings"
	"testing"

	"spell/rl/task"
)

func mustLoad(t testing.TB, name string) *Prompts {
	t.Helper()
	p, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompactPromptsAreTheContract(t *testing.T) {
	p := mustLoad(t, "compact")
	docs := []string{"d one .", "d two ."}
	history := []Example{{"where ?", "here"}, {"who ?", "Tolan"}}
	words := map[task.Task]string{task.GeneralQA: "text", task.Numeric: "number", task.MultipleChoice: "choice B"}
	for of, word := range words {
		prefix, suffix := p.Questioner(of, docs, nil, Drawn{Letter: "B"})
		if want := "d one .\nd two .\nask " + word + " :"; prefix+suffix != want {
			t.Errorf("%v: %q, want %q", of, prefix+suffix, want)
		}
		prefix, suffix = p.Questioner(of, docs, history, Drawn{Letter: "B"})
		want := "d one .\nd two .\nbefore : where ? answer : here\nbefore : who ? answer : Tolan\nask " + word + " :"
		if prefix+suffix != want {
			t.Errorf("%v with history: %q, want %q", of, prefix+suffix, want)
		}
	}
	q := task.Question{Text: "where ?"}
	prefix, suffix := p.Responder(task.Numeric, docs, q)
	if prefix != "d one .\nd two .\n" || suffix != "question : where ?\nanswer :" {
		t.Errorf("responder: %q + %q", prefix, suffix)
	}
	if prefix, _ = p.Responder(task.GeneralQA, nil, q); prefix != "Empty\n" {
		t.Errorf("grounding prefix: %q", prefix)
	}
	q.Options = []string{"w", "x", "y", "z"}
	_, suffix = p.Responder(task.MultipleChoice, docs, q)
	if want := "question : where ? ( A ) w ( B ) x ( C ) y ( D ) z\nanswer :"; suffix != want {
		t.Errorf("choice: %q, want %q", suffix, want)
	}
	got := p.Verifier(task.Question{Text: "where ?"}, "here", "there")
	if want := "question : where ?\nfirst : here\nsecond : there\nsame :"; got != want {
		t.Errorf("verifier: %q, want %q", got, want)
	}
}

func TestFullPrompts(t *testing.T) {
	p := mustLoad(t, "full")
	docs := []string{"Alpha {{question}}.", "Beta."}
	history := []Example{{"Where is it?", "There"}, {"Who?", "Her"}}
	const documents = "<text>\nAlpha {{question}}.\n\n=====\n\nBeta.\n</text>\n"
	for _, of := range task.All() {
		prefix, first := p.Questioner(of, docs, nil, Drawn{Letter: "C"})
		again, later := p.Questioner(of, docs, history, Drawn{Letter: "C"})
		answering, question := p.Responder(of, docs, task.Question{Text: "Why {{documents}}?"})
		if prefix != documents || again != documents || answering != documents {
			t.Errorf("%v: prefixes differ or are wrong: %q %q %q", of, prefix, again, answering)
		}
		if !strings.Contains(question, "Why {{documents}}?") {
			t.Errorf("%v: a value was expanded as a field: %q", of, question)
		}
		for _, s := range []string{first, later} {
			if strings.Contains(s, "{{") || !strings.HasSuffix(s, "}\n```") {
				t.Errorf("%v: unfilled or without its reply block: %q", of, s)
			}
			if got := strings.Contains(s, "Option C must be the correct one"); got != of.NeedsLetter() {
				t.Errorf("%v: letter named: %v", of, got)
			}
		}
		const history = "Question 1: Where is it?\nAnswer 1: There\n\nQuestion 2: Who?\nAnswer 2: Her\n\n"
		if strings.Contains(first, "Where is it?") || !strings.Contains(later, history+"Write exactly one new") {
			t.Errorf("%v: history is not shown as two numbered blocks: %q", of, later)
		}
	}
	q := task.Question{Text: "Which?", Answer: "B", Options: []string{"w", "x", "y", "z"}}
	if got, want := p.QuestionText(q), "Which?\n(A) w\n(B) x\n(C) y\n(D) z"; got != want {
		t.Errorf("QuestionText = %q, want %q", got, want)
	}
	v := p.Verifier(q, "pred", "ref")
	if !strings.Contains(v, "Answer 1: pred\nAnswer 2: ref") || strings.Contains(v, "<text>") {
		t.Errorf("verifier: %q", v)
	}
	if _, grounding := p.Responder(task.GeneralQA, docs, q); !strings.Contains(grounding, "(D) z") {
		t.Errorf("options are missing from %q", grounding)
	}
}

// A reply that repeats the blanks of the prompt is no question and no answer.
func TestEchoedBlanksAreRejected(t *testing.T) {
	p := mustLoad(t, "full")
	for _, of := range task.All() {
		_, prompt := p.Questioner(of, []string{"x"}, nil, Drawn{Letter: "A"})
		block := prompt[strings.LastIndex(prompt, "```json"):]
		if q, v := p.ParseQuestion(of, block, nil); v != task.BadFormat {
			t.Errorf("%v: the prompt's own block reads as %v %v", of, q, v)
		}
		_, prompt = p.Responder(of, []string{"x"}, task.Question{Text: "Why?"})
		if a, ok := p.ExtractAnswer(of, prompt); ok {
			t.Errorf("%v: the prompt's own last line reads as the answer %q", of, a)
		}
		for _, blank := range regexp.MustCompile(`<[^<>]+>`).FindAllString(prompt, -1) {
			block := `{"question":"Why?","answer":"` + blank + `"}`
			if q, v := p.ParseQuestion(task.GeneralQA, block, nil); v != task.BadFormat {
				t.Errorf("%v: the blank %s passes as a value: %v", of, blank, q)
			}
		}
	}
}
