package world

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

func compact(t testing.TB) *role.Prompts {
	t.Helper()
	p, err := role.Load("compact")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var step = regexp.MustCompile(`[a-z]+ of [A-Z][a-z]+`)

// rewrite answers a question by putting values for "home of Tolan" until none is left. It knows
// nothing of the grammar but the words "sum" and "difference".
func rewrite(facts map[string]string, text string) (string, bool) {
	for {
		inner := step.FindString(text)
		if inner == "" {
			break
		}
		value, known := facts[inner]
		if !known {
			return "", false
		}
		text = strings.Replace(text, "the "+inner, value, 1)
	}
	words := strings.Fields(text)
	last := words[len(words)-2]
	if slices.Contains(words, "count") {
		n := 0
		for what, value := range facts {
			if strings.HasPrefix(what, words[len(words)-3]+" of ") && value == last {
				n++
			}
		}
		return strconv.Itoa(n), true
	}
	if !slices.Contains(words, "and") {
		return last, true
	}
	sum := 0
	for i, w := range words {
		if n, err := strconv.Atoi(w); err == nil && slices.Contains(words, "sum") {
			sum += n
		} else if err == nil && words[i+1] == "and" {
			sum = n
		} else if err == nil {
			sum = max(sum-n, n-sum)
		}
	}
	return strconv.Itoa(sum), true
}

// Thousands of questions: round trip through the grammar, truth against rewrite, and gold replies
// through the parsers.
func TestQuestions(t *testing.T) {
	prompts := compact(t)
	var perKind [NumQuestionKinds]int
	letters := map[string]int{}
	texts := map[string]bool{}
	aliases := 0
	for i := range uint64(400) {
		opts := Options{Docs: 3 + int(i%14), Chains: i%2 == 0, Pool: Pool(i % 2)}
		how := Asking{Alias: 0.5, HeldOutPhrasing: i%4 == 3}
		c := mustGenerate(t, 11, i, opts)
		facts := readFacts(t, c)
		r := rng.At(11, rng.World, 99, i, 0)
		for n := range 3 * NumQuestionKinds {
			kind := Kind(n % NumQuestionKinds)
			q, ok := c.Question(r, kind, how)
			if !ok {
				continue
			}
			perKind[kind]++
			texts[q.Text] = true
			checkRoundTrip(t, prompts, c, q)
			if _, plain := parseQuery(q.Text); !plain {
				continue // its task has a wording of its own, and a test of that
			}
			if how.HeldOutPhrasing != strings.HasPrefix(q.Text, "tell ") {
				t.Fatalf("phrasing of %q", q.Text)
			}
			query, _ := parseQuery(q.Text)
			if !slices.ContainsFunc(phrasings[:], func(p string) bool { return strings.HasPrefix(q.Text, p+" ") }) {
				t.Fatalf("%q is outside the grammar", q.Text)
			}
			for p := range phrasings {
				if again, ok := parseQuery(query.text(p)); !ok || again.text(0) != query.text(0) {
					t.Fatalf("%q does not survive the phrasing %q", q.Text, phrasings[p])
				}
			}
			truth, ok := c.Truth(q.Text, q.Task)
			want, known := rewrite(facts, q.Text)
			if !ok || !known || truth.Answers[0] != want || !truth.Parsed {
				t.Fatalf("%s: %q: truth %+v, the documents say %q", c.Name, q.Text, truth, want)
			}
			plain := kind
			switch kind {
			case ChoiceOneHop, ChoiceTwoHop:
				plain = kind - ChoiceOneHop + OneHop
			case ChoiceThreeHop:
				plain = ThreeHop
			}
			if truth.Kind != plain || q.Task != kind.Task() || !slices.Equal(q.Docs, truth.Docs) {
				t.Fatalf("%q: %v of %v, truth %+v", q.Text, kind, q.Task, truth)
			}
			if q.Answer != want && q.Task == task.GeneralQA {
				aliases++
			}
			checkReplies(t, prompts, c, q, want)
			if q.Task == task.MultipleChoice {
				letters[q.Answer]++
				checkOptions(t, c, q, want)
			}
		}
	}
	for k, n := range perKind {
		if n < 300 {
			t.Errorf("only %d questions of %v", n, Kind(k))
		}
	}
	total := perKind[ChoiceOneHop] + perKind[ChoiceTwoHop] + perKind[ChoiceThreeHop]
	for _, l := range task.Letters {
		if n := letters[string(l)]; n*4 < total*85/100 || n*4 > total*115/100 {
			t.Errorf("%c is right in %d of %d", l, n, total)
		}
	}
	if len(texts) < 5000 || aliases < 100 {
		t.Errorf("%d different questions, %d with an alias", len(texts), aliases)
	}
}

// checkRoundTrip checks that a question can be read and is right, and that its gold replies survive
// the parsers of the compact format.
func checkRoundTrip(t *testing.T, prompts *role.Prompts, c *Cluster, q Question) {
	t.Helper()
	if _, ok := forms[q.Task].read(q.Text); !ok || !c.Right(q.Question, q.Task) {
		t.Fatalf("%+v is outside the grammar of %v, or not right", q, q.Task)
	}
	asked, _, ok := c.Ask(prompts, q.Question, q.Task)
	back, verdict := prompts.ParseQuestion(q.Task, asked, nil)
	same := back.Text == q.Text && back.Answer == q.Answer && slices.Equal(back.Options, q.Options)
	if !ok || verdict != task.OK || !same {
		t.Fatalf("%q reads back as %+v (%v)", asked, back, verdict)
	}
	reply, ok := c.Reply(q.Question, q.Task)
	got, extracted := prompts.ExtractAnswer(q.Task, reply)
	if !ok || !extracted || !Accepts(q.Task, got, q.Answer) {
		t.Fatalf("%+v: the reply %q says %q", q, reply, got)
	}
}

// checkReplies compares the gold replies with the documents.
func checkReplies(t *testing.T, prompts *role.Prompts, c *Cluster, q Question, want string) {
	t.Helper()
	asked, determined, _ := c.Ask(prompts, q.Question, q.Task)
	last := determined[len(determined)-1]
	if !strings.HasPrefix(asked[last.Start:], " answer : ") || last.End != len(asked) {
		t.Fatalf("the answer of %q does not lie at %v", asked, last)
	}
	_, path, _ := strings.Cut(q.Text, " the ")
	follow := determined[:len(determined)-1]
	if q.Task == task.MultipleChoice {
		if at := follow[len(follow)-1]; asked[at.Start:at.End] != " "+q.Options[strings.Index(task.Letters, q.Answer)] {
			t.Fatalf("the right option of %q is not %q", asked, asked[at.Start:at.End])
		}
		follow = follow[:len(follow)-1]
	}
	if at := follow[len(follow)-1]; asked[at.Start:at.End] != " "+path {
		t.Fatalf("the path of %q is not %q", q.Text, asked[at.Start:at.End])
	}
	told := strings.Join(c.Texts(), " ")
	for i, m := range sentence.FindAllStringSubmatch(asked[:strings.Index(asked, " question :")], -1) {
		if d := determined[i]; asked[d.Start:d.End] != " "+m[3] || !strings.Contains(told, m[0]) {
			t.Fatalf("%q rests on %q, with the value %q", asked, m[0], asked[d.Start:d.End])
		}
	}
	reply, _ := c.Reply(q.Question, q.Task)
	got, _ := prompts.ExtractAnswer(q.Task, reply)
	right := got == want && Same(got, q.Answer)
	if q.Task == task.MultipleChoice {
		right = got == q.Answer
	}
	if !right {
		t.Fatalf("%+v: the reply %q says %q", q, reply, got)
	}
	for _, s := range []string{asked, reply} {
		if " "+strings.Join(strings.Fields(s), " ") != s {
			t.Fatalf("%q is not spaced evenly", s)
		}
	}
	// Every sentence of evidence stands in a document.
	text := strings.Join(c.Texts(), " ")
	for _, m := range sentence.FindAllString(reply[:strings.Index(reply, "the answer is")], -1) {
		if !strings.Contains(text, m) {
			t.Fatalf("%q is in no document", m)
		}
	}
}

func checkOptions(t *testing.T, c *Cluster, q Question, want string) {
	t.Helper()
	for i, o := range q.Options {
		named := task.Letters[i:i+1] == q.Answer
		if names.class[o] != names.class[want] || (o != want && Same(o, want)) != (named && o != want) {
			t.Fatalf("option %s of %+v, the answer is %s", o, q, want)
		}
		for _, other := range q.Options[:i] {
			if Same(o, other) {
				t.Fatalf("options %s and %s of %+v", o, other, q)
			}
		}
	}
	// No other letter is right, nor any with an option doubled.
	wrong := q.Question
	for _, l := range task.Letters {
		if wrong.Answer = string(l); c.Right(wrong, q.Task) != (wrong.Answer == q.Answer) {
			t.Fatalf("letter %c of %+v", l, q)
		}
	}
	wrong.Answer = q.Answer
	right := strings.Index(task.Letters, q.Answer)
	wrong.Options = slices.Clone(q.Options)
	wrong.Options[(right+1)%4] = wrong.Options[right]
	if c.Right(wrong, q.Task) {
		t.Fatalf("two right options pass: %+v", wrong)
	}
	wrong.Options[right] = wrong.Options[(right+2)%4]
	wrong.Options[(right+1)%4] = wrong.Options[(right+3)%4]
	if _, ok := c.Reply(wrong, q.Task); ok || c.Right(wrong, q.Task) {
		t.Fatalf("no right option passes: %+v", wrong)
	}
}

// About half of the distractors are named in the cluster; a value drawn from the pool may be by
// chance.
func TestDistractors(t *testing.T) {
	var near, all int
	for i := range uint64(300) {
		c := mustGenerate(t, 2, i, Options{Docs: 16, Chains: true})
		r := rng.At(2, rng.World, 99, i, 0)
		q, ok := c.Question(r, ChoiceOneHop, Asking{})
		if !ok {
			t.Fatal("no question")
		}
		text := " " + strings.Join(c.Texts(), " ") + " "
		for l, o := range q.Options {
			if task.Letters[l:l+1] != q.Answer {
				all++
				if strings.Contains(text, " "+o+" ") {
					near++
				}
			}
		}
	}
	if share := float64(near) / float64(all); share < 0.5 || share > 0.8 {
		t.Errorf("%.2f of the distractors are named in the cluster", share)
	}
}

// one is a cluster written by hand.
func one() *Cluster {
	c := &Cluster{Facts: [][]Fact{
		{{"Tolan", Home, "Norvale"}, {"Tolan", Employer, "Balbex"}, {"Tolan", JobOf, "physician"}, {"Tolan", Rank, "7"}},
		{{"Norvale", Mayor, "Kestor"}, {"Norvale", RegionOf, "Darland"}, {"Norvale", Size, "5"}},
		{{"Kestor", Rank, "7"}, {"Kestor", JobOf, "cook"}, {"Kestor", Home, "Balvale"}, {"Kestor", Employer, "Balbex"}},
	}, docOf: map[string]int{"Tolan": 0, "Norvale": 1, "Kestor": 2}}
	return c
}

func TestTruth(t *testing.T) {
	for _, tt := range []struct {
		text   string
		parsed bool
		ok     bool
		kind   Kind
		answer string
		docs   []int
	}{
		{"what is the home of Tolan ?", true, true, OneHop, "Norvale", []int{0}},
		{"  tell the job of   Tolan ?\n", true, true, OneHop, "physician doctor", []int{0}},
		{"name the mayor of the home of Tolan ?", true, true, TwoHop, "Kestor", []int{0, 1}},
		{"give the job of the mayor of the home of Tolan ?", true, true, ThreeHop, "cook chef", []int{0, 1, 2}},
		{"what is the rank of Tolan ?", true, true, Lookup, "7", []int{0}},
		{"what is the size of the home of Tolan ?", true, true, LookupTwoHop, "5", []int{0, 1}},
		{"what is the rank of the mayor of the home of Tolan ?", true, true, LookupThreeHop, "7", []int{0, 1, 2}},
		{"what is the sum of the rank of Tolan and the rank of Kestor ?", true, true, Sum, "14", []int{0, 2}},
		{"what is the sum of the rank of Tolan and the rank of Tolan ?", true, true, Sum, "14", []int{0}},
		{"what is the count of the rank 7 ?", true, true, Count, "2", []int{0, 2}},
		{"what is the count of the job doctor ?", true, true, Count, "1", []int{0}},
		{"what is the count of the rank 9 ?", true, false, Count, "", nil},
		{"what is the count of the rank Tolan ?", false, false, 0, "", nil},
		{"what is the count of the rank ?", false, false, 0, "", nil},
		{"what is the sum of the rank of Tolan and the size of the home of Tolan ?", true, true, SumTwoHop, "12", []int{0, 1}},
		{"what is the sum of the rank of Tolan and the rank of Kestor and the size of Norvale ?", true, true, SumOfThree,
			"19", []int{0, 2, 1}},
		{"what is the difference of the rank of Tolan and the size of Norvale ?", true, true, Difference, "2", []int{0, 1}},
		{"what is the difference of the size of Norvale and the rank of Tolan ?", true, true, Difference, "2", []int{1, 0}},
		{"what is the difference of the rank of Kestor and the rank of Tolan ?", true, false, Difference, "", nil},
		{"what is the mayor of the home of Kestor ?", true, false, TwoHop, "", nil}, // Balvale has no document
		{"what is the product of Balbex ?", true, false, OneHop, "", nil},
		{"what is the mayor of Tolan ?", false, false, 0, "", nil},             // a person has none
		{"what is the mayor of the rank of Tolan ?", false, false, 0, "", nil}, // nor has a number
		{"what is the home of Nobody ?", false, false, 0, "", nil},             // unknown to the world
		{"what is the home of Tolan", false, false, 0, "", nil},                // no mark
		{"what is home of Tolan ?", false, false, 0, "", nil},
		{"what is the home Tolan ?", false, false, 0, "", nil},
		{"what is the home of Tolan Kestor ?", false, false, 0, "", nil},
		{"what is the home of the Tolan ?", false, false, 0, "", nil},
		{"what is the home of ?", false, false, 0, "", nil},
		{"where is the home of Tolan ?", false, false, 0, "", nil},
		{"what is the sum of the home of Tolan and the rank of Tolan ?", false, false, 0, "", nil},
		{"what is the sum of the rank of Tolan ?", false, false, 0, "", nil},
		{"what is the sum of the rank of Tolan and rank of Kestor ?", false, false, 0, "", nil},
		{"what is the sum of the rank of Tolan and the rank of Kestor and the size of Norvale and the rank of Tolan ?",
			false, false, 0, "", nil},
		{"what is the difference of the rank of Tolan and the rank of Kestor and the size of Norvale ?", false, false, 0, "",
			nil},
		{"what is the mayor of the home of the mayor of the home of Tolan ?", false, false, 0, "", nil}, // four hops
		{"?", false, false, 0, "", nil},
		{"", false, false, 0, "", nil},
	} {
		got, ok := one().Truth(tt.text, task.GeneralQA)
		answer := strings.Join(got.Answers, " ")
		if ok != tt.ok || got.Parsed != tt.parsed || got.Kind != tt.kind || answer != tt.answer ||
			!slices.Equal(got.Docs, tt.docs) {
			t.Errorf("%q: %+v, %v", tt.text, got, ok)
		}
	}
}

func TestRightAndReply(t *testing.T) {
	options := []string{"Balvale", "Norvale", "Tolvale", "Kesvale"}
	for _, tt := range []struct {
		task  task.Task
		q     task.Question
		right bool
		reply string
	}{
		{task.GeneralQA, task.Question{Text: "what is the home of Tolan ?", Answer: "Norvale"}, true,
			" home Tolan Norvale . the answer is Norvale ."},
		{task.GeneralQA, task.Question{Text: "what is the home of Tolan ?", Answer: "Balvale"}, false,
			" home Tolan Norvale . the answer is Norvale ."},
		{task.GeneralQA, task.Question{Text: "what is the job of Tolan ?", Answer: "doctor"}, true,
			" job Tolan physician . the answer is physician ."},
		{task.GeneralQA, task.Question{Text: "what is the mayor of the home of Tolan ?", Answer: "Kestor"}, true,
			" home Tolan Norvale . mayor Norvale Kestor . the answer is Kestor ."},
		{task.Numeric, task.Question{Text: "what is the sum of the rank of Tolan and the size of Norvale ?", Answer: "12"}, true,
			" rank Tolan 7 . size Norvale 5 . 7 + 5 = 12 . the answer is 12 ."},
		{task.Numeric, task.Question{Text: "what is the difference of the size of Norvale and the rank of Tolan ?", Answer: "2"}, true,
			" size Norvale 5 . rank Tolan 7 . 7 - 5 = 2 . the answer is 2 ."},
		{task.MultipleChoice, task.Question{Text: "what is the home of Tolan ?", Answer: "B", Options: options}, true,
			" home Tolan Norvale . the answer is Norvale so ( B ) ."},
		{task.MultipleChoice, task.Question{Text: "what is the home of Tolan ?", Answer: "A", Options: options}, false,
			" home Tolan Norvale . the answer is Norvale so ( B ) ."},
		{task.MultipleChoice, task.Question{Text: "what is the job of Tolan ?", Answer: "D", Options: []string{"cook", "lawyer", "tutor", "doctor"}}, true,
			" job Tolan physician . the answer is doctor so ( D ) ."},
		{task.MultipleChoice, task.Question{Text: "what is the job of Tolan ?", Answer: "D", Options: []string{"cook", "physician", "tutor", "doctor"}}, false, ""},
		{task.MultipleChoice, task.Question{Text: "what is the home of Tolan ?", Answer: "B"}, false, ""},
		{task.GeneralQA, task.Question{Text: "what is the seat of Balbex ?", Answer: "Norvale"}, false, ""},
		{task.GeneralQA, task.Question{Text: "who ?", Answer: "Kestor"}, false, ""},
	} {
		c := one()
		if got := c.Right(tt.q, tt.task); got != tt.right {
			t.Errorf("%+v: right is %v", tt.q, got)
		}
		if got, ok := c.Reply(tt.q, tt.task); got != tt.reply || ok != (tt.reply != "") {
			t.Errorf("%+v: reply %q", tt.q, got)
		}
	}
}

// Whatever is read as a question is read again from its own wording, and no text stops the judge.
func FuzzTruth(f *testing.F) {
	f.Add("what is the mayor of the home of Tolan ?")
	f.Add("tell the difference of the size of Norvale and the rank of Tolan ?")
	f.Add("what is the of of the ? and")
	f.Fuzz(func(t *testing.T, text string) {
		truth, ok := one().Truth(text, task.GeneralQA)
		if ok && (!truth.Parsed || len(truth.Answers) == 0 || len(truth.Docs) == 0) {
			t.Errorf("%q: %+v", text, truth)
		}
		q, parsed := parseQuery(text)
		if parsed != truth.Parsed {
			t.Errorf("%q: parsed is %v and %v", text, parsed, truth.Parsed)
		}
		spaced := strings.Join(strings.Fields(text), " ")
		same := func(phrasing int) bool { return q.text(phrasing) == spaced }
		if parsed && !slices.ContainsFunc([]int{0, 1, 2, 3}, same) {
			t.Errorf("%q reads as %q", text, q.text(0))
		}
	})
}
