package role

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func fenced(s string) string { return "Reasoning first.\n```json\n" + s + "\n```" }

func TestParseQuestionFull(t *testing.T) {
	const abcd = `"options":{"A":"w","B":"x","C":"y","D":12.5}`
	options := []string{"w", "x", "y", "12.5"}
	long := strings.Repeat("word ", 41)
	tests := []struct {
		name    string
		task    Task
		output  string
		verdict Verdict
		want    Question
	}{
		{"qa", GeneralQA, fenced(`{"question":" What? ","answer":"The **old** mill."}`), OK, Question{"What?", "The old mill", nil}},
		{"bare json", GeneralQA, `{"question":"What?","answer":"(mill)"}`, OK, Question{"What?", "mill", nil}},
		{"last block that parses", GeneralQA, fenced(`{"question":"1?","answer":"a"}`) + fenced(`{"question":"2?","answer":"b"}`) + fenced(`{"question":`), OK, Question{"2?", "b", nil}},
		{"last block is a list", GeneralQA, fenced(`{"question":"1?","answer":"a"}`) + fenced(`[1]`), BadFormat, Question{}},
		{"after thinking", GeneralQA, "<think>" + fenced(`{"question":"1?","answer":"a"}`) + "</think>" + fenced(`{"question":"2?","answer":"b"}`), OK, Question{"2?", "b", nil}},
		{"thinking not ended", GeneralQA, "<think>" + fenced(`{"question":"1?","answer":"a"}`), Skip, Question{}},
		{"only the end of thinking", GeneralQA, "hm</think>" + fenced(`{"question":"2?","answer":"b"}`), OK, Question{"2?", "b", nil}},
		{"40 tokens", GeneralQA, fenced(`{"question":"1?","answer":"` + long[:5*40] + `"}`), OK, Question{"1?", strings.TrimSpace(long[:5*40]), nil}},
		{"41 tokens", GeneralQA, fenced(`{"question":"1?","answer":"` + long + `"}`), Skip, Question{}},
		{"no json", GeneralQA, "What is it?", BadFormat, Question{}},
		{"empty", GeneralQA, "", BadFormat, Question{}},
		{"no answer", GeneralQA, fenced(`{"question":"1?"}`), BadFormat, Question{}},
		{"null answer", GeneralQA, fenced(`{"question":"1?","answer":null}`), BadFormat, Question{}},
		{"blank answer", GeneralQA, fenced(`{"question":"1?","answer":" ... "}`), BadFormat, Question{}},
		{"number for a phrase", GeneralQA, fenced(`{"question":"1?","answer":3}`), BadFormat, Question{}},
		{"question is a list", GeneralQA, fenced(`{"question":["1?"],"answer":"a"}`), BadFormat, Question{}},
		{"invalid utf-8", GeneralQA, fenced("{\"question\":\"1\xff?\",\"answer\":\"a\"}"), OK, Question{"1\uFFFD?", "a", nil}},

		{"number", Numeric, fenced(`{"question":"1?","answer":12.5}`), OK, Question{"1?", "12.5", nil}},
		{"number in a string", Numeric, fenced(`{"question":"1?","answer":" $1,234.5 million. "}`), OK, Question{"1?", "$1,234.5 million", nil}},
		{"leading dot", Numeric, fenced(`{"question":"1?","answer":".5"}`), OK, Question{"1?", ".5", nil}},
		{"zero", Numeric, fenced(`{"question":"1?","answer":"0.00"}`), Skip, Question{}},
		{"no number", Numeric, fenced(`{"question":"1?","answer":"many"}`), Skip, Question{}},
		{"NaN", Numeric, fenced(`{"question":"1?","answer":"NaN"}`), Skip, Question{}},
		{"too large", Numeric, fenced(`{"question":"1?","answer":1e999}`), Skip, Question{}},
		{"sentinel", Numeric, fenced(`{"question":"1?","answer":999999999}`), Skip, Question{}},
		{"code", Numeric, fenced(`{"question":"1?","answer":"9**9**9"}`), Skip, Question{}},
		{"truth value", Numeric, fenced(`{"question":"1?","answer":true}`), BadFormat, Question{}},

		{"choice", MultipleChoice, fenced(`{"question":"1?",` + abcd + `,"answer":"(B)"}`), OK, Question{"1?", "B", options}},
		{"letter E", MultipleChoice, fenced(`{"question":"1?",` + abcd + `,"answer":"E"}`), BadFormat, Question{}},
		{"lower case", MultipleChoice, fenced(`{"question":"1?",` + abcd + `,"answer":"b"}`), BadFormat, Question{}},
		{"letter and text", MultipleChoice, fenced(`{"question":"1?",` + abcd + `,"answer":"B: x"}`), BadFormat, Question{}},
		{"no options", MultipleChoice, fenced(`{"question":"1?","answer":"B"}`), BadFormat, Question{}},
		{"options in a list", MultipleChoice, fenced(`{"question":"1?","options":["w","x","y","z"],"answer":"B"}`), BadFormat, Question{}},
		{"three options", MultipleChoice, fenced(`{"question":"1?","options":{"A":"w","B":"x","C":"y"},"answer":"B"}`), BadFormat, Question{}},
		{"option E", MultipleChoice, fenced(`{"question":"1?","options":{"A":"w","B":"x","C":"y","E":"z"},"answer":"B"}`), BadFormat, Question{}},
		{"empty option", MultipleChoice, fenced(`{"question":"1?","options":{"A":"w","B":"x","C":"y","D":""},"answer":"B"}`), BadFormat, Question{}},
	}
	p := mustLoad(t, "full")
	for _, tt := range tests {
		got, verdict := p.ParseQuestion(tt.task, tt.output, nil)
		if verdict != tt.verdict || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, verdict %d; want %+v, %d", tt.name, got, verdict, tt.want, tt.verdict)
		}
	}
	p.Thinking = true
	if _, verdict := p.ParseQuestion(GeneralQA, fenced(`{"question":"1?","answer":"a"}`), nil); verdict != Skip {
		t.Errorf("with Thinking a reply without </think> has verdict %d, want Skip", verdict)
	}
	count := func(string) int { return 41 }
	p.Thinking = false
	if _, verdict := p.ParseQuestion(GeneralQA, fenced(`{"question":"1?","answer":"a"}`), count); verdict != Skip {
		t.Errorf("an answer of 41 counted tokens has verdict %d, want Skip", verdict)
	}
}

func TestParseQuestionCompact(t *testing.T) {
	tests := []struct {
		task    Task
		output  string
		verdict Verdict
		want    Question
	}{
		{GeneralQA, " question : where does Tolan live ? answer : Norvale .", OK, Question{"where does Tolan live ?", "Norvale", nil}},
		{GeneralQA, " question : who ? answer : Ada Tolan .\n", OK, Question{"who ?", "Ada Tolan", nil}},
		{Numeric, " question : how many goats ? answer : 7 .", OK, Question{"how many goats ?", "7", nil}},
		{Numeric, " question : how many goats ? answer : 0 .", Skip, Question{}},
		{Numeric, " question : how many goats ? answer : Tolan .", Skip, Question{}},
		{MultipleChoice, " question : where ? ( A ) w ( B ) x y ( C ) z ( D ) u answer : ( B ) .", OK, Question{"where ?", "B", []string{"w", "x y", "z", "u"}}},
		{MultipleChoice, " question : where ? ( A ) w ( B ) x ( C ) z ( D ) u answer : ( E ) .", BadFormat, Question{}},
		{MultipleChoice, " question : where ? ( A ) w ( B ) ( C ) z ( D ) u answer : ( A ) .", BadFormat, Question{}},
		{MultipleChoice, " question : where ? ( A ) w ( C ) z ( D ) u answer : ( A ) .", BadFormat, Question{}},
		{MultipleChoice, " question : where ? answer : w .", BadFormat, Question{}},
		{GeneralQA, " question : ? answer : x .", BadFormat, Question{}},
		{GeneralQA, " question : who ? answer : .", BadFormat, Question{}},
		{GeneralQA, " question : who ? answer : x", BadFormat, Question{}},
		{GeneralQA, " question : who ? answer : x . more", BadFormat, Question{}},
		{GeneralQA, " question : who answer : x .", BadFormat, Question{}},
		{GeneralQA, " who ? answer : x .", BadFormat, Question{}},
		{GeneralQA, "", BadFormat, Question{}},
	}
	p := mustLoad(t, "compact")
	for _, tt := range tests {
		got, verdict := p.ParseQuestion(tt.task, tt.output, nil)
		if verdict != tt.verdict || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, verdict %d; want %+v, %d", tt.output, got, verdict, tt.want, tt.verdict)
		}
	}
}

func TestExtractAnswer(t *testing.T) {
	tests := []struct {
		set    string
		task   Task
		output string
		want   string // "" for no answer
	}{
		{"full", GeneralQA, "So. The correct answer is (The **Old** Mill).", "The Old Mill"},
		{"full", GeneralQA, "The correct answer is: Paris.\nBecause…", "Paris"},
		{"full", GeneralQA, "the answer is A. No, the answer is B", "B"},
		{"full", GeneralQA, "The correct answer is X. But the answer is Y.", "Y"},
		{"full", GeneralQA, "The correct answer is (a) mill (b) lock", "(a) mill (b) lock"},
		{"full", GeneralQA, "İİ the correct Answer Is İx", "İx"},
		{"full", GeneralQA, "The correct answer is (<your answer>)", ""},
		{"full", GeneralQA, "The correct answer is", ""},
		{"full", GeneralQA, "It is the mill.", ""},
		{"full", GeneralQA, "<think>The correct answer is (x)", ""},
		{"full", GeneralQA, "<think>the answer is x</think>The correct answer is (y)", "y"},

		{"full", Numeric, "Therefore, the answer is (1,234.5).", "1234.5"},
		{"full", Numeric, "Therefore, the answer is -$5 million.", "-$5 million"},
		{"full", Numeric, "the answer is 4. Hence THE ANSWER IS 42, as 6*7 = 42.", "42"},
		{"full", Numeric, "the answer is 4. The answer is not stated.", "4"},
		{"full", Numeric, `\boxed{3} then \boxed{\frac{3}{4}}, the answer is 9`, `\frac{3}{4}`},
		{"full", Numeric, "the answer is unknown\n7", ""},
		{"full", Numeric, "It is 7.", ""},

		{"full", MultipleChoice, "The correct answer is (B).", "B"},
		{"full", MultipleChoice, "The correct answer is **C**", "C"},
		{"full", MultipleChoice, "the answer is (A) or so; the answer is D", "D"},
		{"full", MultipleChoice, "The answer is (A). The answer is Because", "A"},
		{"full", MultipleChoice, `\boxed{\text{C}} the answer is B`, "C"},
		{"full", MultipleChoice, "The correct answer is (b)", ""},
		{"full", MultipleChoice, "The correct answer is (E)", ""},
		{"full", MultipleChoice, "B", ""},

		{"compact", GeneralQA, " Tolan lives in Norvale . the answer is Norvale .", "Norvale"},
		{"compact", GeneralQA, " the answer is Ada Tolan . and more", "Ada Tolan"},
		{"compact", GeneralQA, " the answer is x . the answer is y", "y"},
		{"compact", GeneralQA, " the answer is .", ""},
		{"compact", GeneralQA, " Norvale .", ""},
		{"compact", Numeric, " 7 + 5 = 12 . the answer is 12 .", "12"},
		{"compact", MultipleChoice, " e . the answer is w so ( B ) .", "B"},
		{"compact", MultipleChoice, " the answer is w ( A ) so ( C ) .", "C"},
		{"compact", MultipleChoice, " ( A ) the answer is w .", ""},
		{"compact", MultipleChoice, " the answer is w so ( E ) .", ""},
	}
	for _, tt := range tests {
		got, ok := mustLoad(t, tt.set).ExtractAnswer(tt.task, tt.output)
		if got != tt.want && ok || ok != (tt.want != "") {
			t.Errorf("%s %v %q: %q, %v; want %q", tt.set, tt.task, tt.output, got, ok, tt.want)
		}
	}
}

func TestParseVote(t *testing.T) {
	tests := []struct {
		set, output string
		want        Vote
	}{
		{"full", "They agree. [[YES]]", Yes}, {"full", "[[NO]]", No}, {"full", "[[YES]] [[NO]]", Invalid},
		{"full", "NO wonder: [[YES]]", Yes}, {"full", "YES", Yes}, {"full", "NO.", No}, {"full", "YES and NO", Invalid},
		{"full", "NOTE: YES", Yes}, {"full", "yes", Invalid}, {"full", "", Invalid},
		{"full", "<think>[[YES]]", Invalid}, {"full", "<think>[[YES]]</think>[[NO]]", No},
		{"compact", " yes .", Yes}, {"compact", " no .\n", No}, {"compact", " yes no .", Invalid}, {"compact", "", Invalid},
	}
	for _, tt := range tests {
		if got := mustLoad(t, tt.set).ParseVote(tt.output); got != tt.want {
			t.Errorf("%s %q: %d, want %d", tt.set, tt.output, got, tt.want)
		}
	}
}

// Replies built to make a careless parser quadratic; at this size such a parser would not end within the test's limit.
func TestHostileRepliesAreLinear(t *testing.T) {
	const size = maxReply - 64
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for _, output := range []string{
		fill("```json"), fill("```json{```"), fill("```json{}```"), fill(`{"question":`), fill("["), fill(`\boxed{`), fill(`\boxed{}`),
		fill("answer is "), fill("the answer is ("), fill("the answer is 1,"), fill("<think></think>"), fill("("), fill("question : "),
		"question : " + fill("? ( A ) "), "question : x ? ( A ) " + fill("( B "), fill("[[YES] "), fill("9"), "answer is " + fill("9,"),
		`{"question":"` + fill("a") + `","answer":"a"}`, `{"question":"a","answer":"` + fill("9") + `"}`, fill("\xff"), fill("{{"),
		fill("x") + fill("y"), // longer than maxReply
	} {
		for _, set := range []string{"full", "compact"} {
			p := mustLoad(t, set)
			for _, task := range allTasks {
				p.ParseQuestion(task, output, nil)
				p.ExtractAnswer(task, output)
			}
			p.ParseVote(output)
		}
	}
}

func FuzzParseQuestion(f *testing.F) {
	for _, s := range []string{
		fenced(`{"question":"1?","answer":"a"}`), fenced(`{"question":"1?","options":{"A":"w","B":"x","C":"y","D":"z"},"answer":"B"}`),
		" question : who ? answer : x .", " question : where ? ( A ) w ( B ) x ( C ) z ( D ) u answer : ( B ) .", "<think></think>{}", "```json```",
	} {
		for task := range uint8(NumTasks) {
			f.Add(task, s)
		}
	}
	sets := []*Prompts{mustLoad(f, "full"), mustLoad(f, "compact")}
	f.Fuzz(func(t *testing.T, task uint8, output string) {
		for _, p := range sets {
			q, verdict := p.ParseQuestion(Task(task%NumTasks), output, nil)
			if verdict != OK {
				continue
			}
			if q.Text == "" || q.Answer == "" || !utf8.ValidString(q.Text+q.Answer+strings.Join(q.Options, "")) {
				t.Errorf("accepted %+q", q)
			}
			if Task(task%NumTasks) == MultipleChoice && (len(q.Options) != 4 || len(q.Answer) != 1) {
				t.Errorf("accepted choice %+q", q)
			}
		}
	})
}

func FuzzExtractAnswer(f *testing.F) {
	for _, s := range []string{"The correct answer is (x).", `\boxed{3}`, " the answer is w so ( B ) .", "answer is answer is", "<think>", "[[YES]]"} {
		for task := range uint8(NumTasks) {
			f.Add(task, s)
		}
	}
	sets := []*Prompts{mustLoad(f, "full"), mustLoad(f, "compact")}
	f.Fuzz(func(t *testing.T, task uint8, output string) {
		for _, p := range sets {
			a, ok := p.ExtractAnswer(Task(task%NumTasks), output)
			if ok && (a == "" || !utf8.ValidString(a)) {
				t.Errorf("answer %q", a)
			}
			if ok && Task(task%NumTasks) == MultipleChoice && !strings.Contains(Letters, a) {
				t.Errorf("letter %q", a)
			}
			p.ParseVote(output)
		}
	})
}
