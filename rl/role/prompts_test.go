package role

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func mustLoad(t testing.TB, name string) *Prompts {
	t.Helper()
	p, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var allTasks = []Task{GeneralQA, Numeric, MultipleChoice}

func TestCompactPromptsAreTheContract(t *testing.T) {
	p := mustLoad(t, "compact")
	docs := []string{"d one .", "d two ."}
	history := []Example{{"where ?", "here"}, {"who ?", "Tolan"}}
	for task, word := range map[Task]string{GeneralQA: "text", Numeric: "number", MultipleChoice: "choice B"} {
		prefix, suffix := p.Questioner(task, docs, nil, "B")
		if want := "d one .\nd two .\nask " + word + " :"; prefix+suffix != want {
			t.Errorf("%v: %q, want %q", task, prefix+suffix, want)
		}
		prefix, suffix = p.Questioner(task, docs, history, "B")
		want := "d one .\nd two .\nbefore : where ? answer : here\nbefore : who ? answer : Tolan\nask " + word + " :"
		if prefix+suffix != want {
			t.Errorf("%v with history: %q, want %q", task, prefix+suffix, want)
		}
	}
	q := Question{Text: "where ?"}
	prefix, suffix := p.Responder(Numeric, docs, q)
	if prefix != "d one .\nd two .\n" || suffix != "question : where ?\nanswer :" {
		t.Errorf("responder: %q + %q", prefix, suffix)
	}
	if prefix, _ = p.Responder(GeneralQA, nil, q); prefix != "Empty\n" {
		t.Errorf("grounding prefix: %q", prefix)
	}
	q.Options = []string{"w", "x", "y", "z"}
	_, suffix = p.Responder(MultipleChoice, docs, q)
	if want := "question : where ? ( A ) w ( B ) x ( C ) y ( D ) z\nanswer :"; suffix != want {
		t.Errorf("choice: %q, want %q", suffix, want)
	}
	if got, want := p.Verifier(Question{Text: "where ?"}, "here", "there"), "question : where ?\nfirst : here\nsecond : there\nsame :"; got != want {
		t.Errorf("verifier: %q, want %q", got, want)
	}
}

func TestFullPrompts(t *testing.T) {
	p := mustLoad(t, "full")
	docs := []string{"Alpha {{question}}.", "Beta."}
	history := []Example{{"Where is it?", "There"}, {"Who?", "Her"}}
	const documents = "<text>\nAlpha {{question}}.\nBeta.\n</text>\n"
	for _, task := range allTasks {
		prefix, first := p.Questioner(task, docs, nil, "C")
		again, later := p.Questioner(task, docs, history, "C")
		answering, question := p.Responder(task, docs, Question{Text: "Why {{documents}}?"})
		if prefix != documents || again != documents || answering != documents {
			t.Errorf("%v: prefixes differ or are wrong: %q %q %q", task, prefix, again, answering)
		}
		if !strings.Contains(question, "Why {{documents}}?") {
			t.Errorf("%v: a value was expanded as a field: %q", task, question)
		}
		for _, s := range []string{first, later} {
			if strings.Contains(s, "{{") || !strings.HasSuffix(s, "}\n```") {
				t.Errorf("%v: unfilled or without its reply block: %q", task, s)
			}
			if got := strings.Contains(s, "Option C must be the correct one"); got != (task == MultipleChoice) {
				t.Errorf("%v: letter named: %v", task, got)
			}
		}
		if strings.Contains(first, "Where is it?") ||
			!strings.Contains(later, "Question 1: Where is it?\nAnswer 1: There\n\nQuestion 2: Who?\nAnswer 2: Her\n\nWrite exactly one new") {
			t.Errorf("%v: history is not shown as two numbered blocks: %q", task, later)
		}
	}
	q := Question{"Which?", "B", []string{"w", "x", "y", "z"}}
	if got, want := p.QuestionText(q), "Which?\n(A) w\n(B) x\n(C) y\n(D) z"; got != want {
		t.Errorf("QuestionText = %q, want %q", got, want)
	}
	v := p.Verifier(q, "pred", "ref")
	if !strings.Contains(v, "Answer 1: pred\nAnswer 2: ref") || strings.Contains(v, "<text>") {
		t.Errorf("verifier: %q", v)
	}
	if _, grounding := p.Responder(GeneralQA, docs, q); !strings.Contains(grounding, "(D) z") {
		t.Errorf("options are missing from %q", grounding)
	}
}

// A reply that repeats the blanks of the prompt is no question and no answer.
func TestEchoedBlanksAreRejected(t *testing.T) {
	p := mustLoad(t, "full")
	for _, task := range allTasks {
		_, prompt := p.Questioner(task, []string{"x"}, nil, "A")
		block := prompt[strings.LastIndex(prompt, "```json"):]
		if q, v := p.ParseQuestion(task, block, nil); v != BadFormat {
			t.Errorf("%v: the prompt's own block reads as %v %v", task, q, v)
		}
		_, prompt = p.Responder(task, []string{"x"}, Question{Text: "Why?"})
		if a, ok := p.ExtractAnswer(task, prompt); ok {
			t.Errorf("%v: the prompt's own last line reads as the answer %q", task, a)
		}
		for _, blank := range regexp.MustCompile(`<[^<>]+>`).FindAllString(prompt, -1) {
			if !isPlaceholder(blank) {
				t.Errorf("%v: %s passes as a value", task, blank)
			}
		}
	}
}

// Each file of each set is broken in both ways in turn: an unknown field and, where it needs one, a missing field.
func TestEveryFileIsChecked(t *testing.T) {
	for _, name := range []string{"full", "compact"} {
		files := append(mustLoad(t, name).files(), promptFile{name: "format.txt"})
		entries, err := embedded.ReadDir("prompts/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(files) {
			t.Errorf("%s holds %d files, Load reads %d", name, len(entries), len(files))
		}
		for _, f := range files {
			file := "prompts/" + name + "/" + f.name
			original, err := embedded.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			broken := map[string]string{"unknown": string(original) + "{{nonsense}}", "open": "{{" + string(original)}
			for _, field := range f.required {
				broken["without "+field] = strings.ReplaceAll(string(original), "{{"+field+"}}", "")
			}
			for why, text := range broken {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS("prompts/"+name)); err != nil {
					t.Fatal(err)
				}
				if _, err := Load(dir); err != nil {
					t.Fatalf("a copy of %s: %v", name, err)
				}
				if err := os.WriteFile(filepath.Join(dir, f.name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), f.name) {
					t.Errorf("%s/%s, %s: error %v", name, f.name, why, err)
				}
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("prompts/"+name)); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, f.name)); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), f.name) {
				t.Errorf("%s without %s: error %v", name, f.name, err)
			}
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent folder loads")
	}
	if _, err := Load("prompts.go"); err == nil {
		t.Error("a file loads as a folder")
	}
}

func TestNames(t *testing.T) {
	for _, task := range allTasks {
		text, err := task.MarshalText()
		var back Task
		if err != nil || back.UnmarshalText(text) != nil || back != task {
			t.Errorf("%v does not survive its text %q: %v", task, text, err)
		}
	}
	if _, err := Task(NumTasks).MarshalText(); err == nil {
		t.Error("a task beyond the last has a name")
	}
	if _, err := ParseTask("maths"); err == nil {
		t.Error("an unknown name is a task")
	}
	if Questioner.String() != "questioner" || Responder.String() != "responder" || Verifier.String() != "verifier" {
		t.Error("role names changed")
	}
}
