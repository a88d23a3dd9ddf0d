package task

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"spell/rl/internal/textcase"
)

// TestTasks runs testdata/TASK.txt for every task.
func TestTasks(t *testing.T) {
	for _, of := range All() {
		t.Run(of.String(), func(t *testing.T) {
			seen := map[string]bool{}
			textcase.Run(t, filepath.Join("testdata", of.String()+".txt"), func(c textcase.Case) string {
				seen[strings.Join(append([]string{c.Command}, c.Args...), " ")] = true
				if c.Command == "rule" {
					return ruled(of, c.Input)
				}
				f, err := ParseFormat(strings.Join(c.Args, " "))
				if err != nil {
					return err.Error()
				}
				switch c.Command {
				case "question":
					return asked(of.ReadQuestion(f, c.Input, nil))
				case "answer":
					if answer, ok := of.ReadAnswer(f, c.Input); ok {
						return "answer: " + answer
					}
					return "none"
				}
				return "unknown command"
			})
			for _, command := range []string{"question json", "question words", "answer json", "answer words", "rule"} {
				if !seen[command] {
					t.Errorf("no case of %q", command)
				}
			}
		})
	}
}

// asked writes a question as the text files have it.
func asked(q Question, v Verdict) string {
	switch v {
	case BadFormat:
		return "bad format"
	case Skip:
		return "skip"
	}
	s := "question: " + q.Text + "\nanswer: " + q.Answer
	for i, o := range q.Options {
		s += fmt.Sprintf("\n%c: %s", Letters[i], o)
	}
	return s
}

// ruled compares each line "prediction | reference" of a text.
func ruled(of Task, text string) string {
	word := map[bool]string{true: "right", false: "wrong"}
	var s strings.Builder
	for line := range strings.Lines(text) {
		prediction, reference, _ := strings.Cut(line, "|")
		prediction, reference = strings.TrimSpace(prediction), strings.TrimSpace(reference)
		right := of.Match(Rules{}, prediction, reference)
		s.WriteString(word[right])
		if strict := of.Match(Rules{Strict: true}, prediction, reference); strict != right {
			s.WriteString(", strictly " + word[strict])
		}
		if characters := of.Match(Rules{Characters: true}, prediction, reference); characters != right {
			s.WriteString(", by characters " + word[characters])
		}
		s.WriteByte('\n')
	}
	return s.String()
}

// TestNumbers: random draws and saved runs depend on these numbers.
func TestNumbers(t *testing.T) {
	for number, name := range map[Task]string{0: "general_qa", 1: "numeric", 2: "multiple_choice"} {
		if number.String() != name {
			t.Errorf("task %d is %v, was %s", number, number, name)
		}
	}
}

// TestTable: names survive JSON, and no two tasks share a name, a number or a prompt text by
// accident.
func TestTable(t *testing.T) {
	all := All()
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var back []Task
	if err := json.Unmarshal(data, &back); err != nil || fmt.Sprint(back) != fmt.Sprint(all) {
		t.Errorf("%s reads back as %v, %v", data, back, err)
	}
	for _, of := range all {
		first, later := of.QuestionerPrompts()
		if first == later || !strings.HasPrefix(of.ResponderPrompt(), "responder") {
			t.Errorf("%v has the prompts %s, %s and %s", of, first, later, of.ResponderPrompt())
		}
	}
	beyond := Task(len(table))
	if _, err := beyond.MarshalText(); err == nil || beyond.String() != fmt.Sprintf("task(%d)", len(table)) {
		t.Errorf("a task beyond the last is called %v, %v", beyond, err)
	}
	if _, err := Parse("maths"); err == nil || !strings.Contains(err.Error(), "general_qa, numeric, multiple_choice") {
		t.Errorf("an unknown name gives %v", err)
	}
	for why, s := range map[string]spec{"number": {name: "another"}, "name": {name: all[0].String()}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("two tasks of one %s are registered", why)
				}
			}()
			register(map[string]Task{"number": all[0], "name": beyond}[why], s)
		}()
	}
}

// TestLongestAnswer: the caller's measure counts, and the longest answer is allowed.
func TestLongestAnswer(t *testing.T) {
	reply := `{"question":"1?","answer":"a"}`
	for n, want := range map[int]Verdict{MaxAnswerTokens: OK, MaxAnswerTokens + 1: Skip} {
		if _, got := GeneralQA.ReadQuestion(JSON, reply, func(string) int { return n }); got != want {
			t.Errorf("an answer of %d tokens has verdict %d, want %d", n, got, want)
		}
	}
}

func FuzzReadQuestion(f *testing.F) {
	for _, s := range []string{
		"```json\n{\"question\":\"1?\",\"answer\":\"a\"}\n```", "```json```", "{}",
		`{"question":"1?","options":{"A":"w","B":"x","C":"y","D":"z"},"answer":"B"}`,
		"~~~\n[{'Question':“\\frac”, // x\n\"answer\":\"The answer is (A)\",}]",
		" question : who ? answer : x .", " question : where ? ( A ) w ( B ) x ( C ) z ( D ) u answer : ( B ) .",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		reply = strings.ToValidUTF8(reply, "\uFFFD")
		for _, of := range All() {
			for _, format := range []Format{JSON, Words} {
				q, v := of.ReadQuestion(format, reply, nil)
				if v != OK {
					continue
				}
				all := q.Text + q.Answer + strings.Join(q.Options, "")
				if q.Text == "" || q.Answer == "" || !utf8.ValidString(all) ||
					of.NeedsLetter() && (len(q.Options) != len(Letters) || !isLetter(q.Answer)) {
					t.Errorf("%v accepts %+q", of, q)
				}
			}
		}
	})
}

func FuzzReadAnswer(f *testing.F) {
	for _, s := range []string{
		"The correct answer is (x).", `\boxed{3}`, " the answer is w so ( B ) .", "answer is answer is",
		"**Answer:** `B`", `the answer for 2019 is \[ 12\,345 \]`, "answer: （１２）", "the answer is “A” or [B]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		reply = strings.ToValidUTF8(reply, "\uFFFD")
		for _, of := range All() {
			for _, format := range []Format{JSON, Words} {
				a, ok := of.ReadAnswer(format, reply)
				if ok && (a == "" || !utf8.ValidString(a) || of.NeedsLetter() && !isLetter(a)) {
					t.Errorf("%v reads the answer %q", of, a)
				}
			}
		}
	})
}

// TestWithRight: the right option changes places with the one at a letter, in a copy.
func TestWithRight(t *testing.T) {
	options := []string{"w", "x", "y", "z"}
	for _, tt := range []struct {
		q      Question
		letter string
		want   Question
	}{
		{Question{Answer: "A", Options: options}, "C", Question{Answer: "C", Options: []string{"y", "x", "w", "z"}}},
		{Question{Answer: "D", Options: options}, "A", Question{Answer: "A", Options: []string{"z", "x", "y", "w"}}},
		{Question{Answer: "B", Options: options}, "B", Question{Answer: "B", Options: options}},
		{Question{Answer: "B", Options: options}, "E", Question{Answer: "B", Options: options}},
		{Question{Answer: "B", Options: options[:3]}, "A", Question{Answer: "B", Options: options[:3]}},
		{Question{Answer: "red"}, "A", Question{Answer: "red"}},
	} {
		if got := tt.q.WithRight(tt.letter); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v with %s is %v, want %v", tt.q, tt.letter, got, tt.want)
		}
	}
	if !slices.Equal(options, []string{"w", "x", "y", "z"}) {
		t.Errorf("the options became %v", options)
	}
}
