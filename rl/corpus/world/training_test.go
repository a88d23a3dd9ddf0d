package world

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/role"
	"spell/rl/task"
)

func mustTrain(t testing.TB, opts TrainingOptions) *Training {
	t.Helper()
	tr, err := NewTraining(compact(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTraining(t *testing.T) {
	prompts := compact(t)
	vocabulary := map[string]bool{}
	for _, w := range Vocabulary() {
		vocabulary[w] = true
	}
	for _, pool := range []Pool{Train, HeldOut} {
		opts := DefaultTraining()
		opts.Cluster.Pool = pool
		tr := mustTrain(t, opts)
		var kinds [NumKinds]int
		var history, questioner int
		votes, letters := map[string]int{}, map[string]int{}
		for i := range uint64(3000) {
			e := tr.Example(7, i)
			if i < 300 && !reflect.DeepEqual(e, tr.Example(7, i)) {
				t.Fatalf("two examples of index %d differ", i)
			}
			if len(e.Branches) != opts.Branches {
				t.Fatalf("%d branches", len(e.Branches))
			}
			c := reread(t, e.Docs)
			for _, b := range e.Branches {
				kinds[b.Kind.(Kind)]++
				checkWords(t, vocabulary, pool, e.Prefix+b.Suffix+b.Reply)
				for _, s := range b.Determined {
					if s.Start < 0 || s.End > len(b.Reply) || s.Start >= s.End || b.Reply[s.Start] != ' ' {
						t.Fatalf("%v of %q", s, b.Reply)
					}
				}
				switch {
				case b.Kind == Verify:
					votes[b.Reply]++
					checkVote(t, prompts, b)
				case b.Kind == Grounding:
					got, ok := prompts.ExtractAnswer(b.Task, b.Reply)
					if e.Prefix != "Empty\n" || (b.Task != task.MultipleChoice) != ok || ok && got != "Empty" {
						t.Fatalf("%q %+v", e.Prefix, b)
					}
				case b.Kind == Arithmetic:
					checkSum(t, b)
				case b.Kind == Letter:
					got, _ := prompts.ExtractAnswer(b.Task, b.Reply)
					letters[got]++
					checkLetter(t, b)
				case b.Kind == Digest:
					checkDigest(t, e, b)
				case b.Role == role.Questioner:
					questioner++
					if earlier := strings.Count(b.Suffix, "before :"); earlier > 0 {
						history++
					}
					checkComposed(t, prompts, c, e, b)
				default:
					checkAnswered(t, prompts, c, e, b)
				}
			}
		}
		for k, n := range kinds {
			if want := k >= NumQuestionKinds || opts.Asked[k] > 0; want != (n > 100) {
				t.Errorf("%d branches of %v", n, Kind(k))
			}
		}
		if votes[" yes ."] != votes[" no ."] {
			t.Errorf("votes %v", votes)
		}
		for _, l := range task.Letters {
			if n := letters[string(l)]; n*4 < kinds[Letter]*80/100 || n*4 > kinds[Letter]*120/100 {
				t.Errorf("%c is right in %d of %d", l, n, kinds[Letter])
			}
		}
		if share := float64(history) / float64(questioner); share < 0.2 || share > opts.History {
			t.Errorf("%.2f of the questioner prompts have a history", share)
		}
	}
}

// reread makes a cluster of the sentences of documents.
func reread(t *testing.T, docs []string) *Cluster {
	c := &Cluster{docOf: map[string]int{}}
	for d, text := range docs {
		var facts []Fact
		for _, m := range sentence.FindAllStringSubmatch(text, -1) {
			facts = append(facts, Fact{m[2], byWord[m[1]], m[3]})
		}
		if len(facts) < 3 {
			t.Fatalf("%q has %d facts", text, len(facts))
		}
		c.Facts = append(c.Facts, facts)
		c.docOf[facts[0].Subject] = d
	}
	return c
}

func checkWords(t *testing.T, vocabulary map[string]bool, pool Pool, text string) {
	t.Helper()
	if strings.Contains(text, "tell") || strings.Contains(text, "  ") {
		t.Fatalf("%q has the held-out phrasing or two spaces", text)
	}
	for w := range strings.FieldsSeq(text) {
		if p, pooled := names.pool[w]; !vocabulary[w] || pooled && p != pool {
			t.Fatalf("%q has the word %s", text, w)
		}
	}
}

func checkVote(t *testing.T, prompts *role.Prompts, b Branch) {
	t.Helper()
	field := func(name string) string {
		_, rest, _ := strings.Cut(b.Suffix, name+" : ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	want := role.No
	if Same(field("first"), field("second")) {
		want = role.Yes
	}
	_, parsed := parseQuery(field("question"))
	if prompts.ParseVote(b.Reply) != want || !parsed || b.Role != role.Verifier {
		t.Fatalf("%+v", b)
	}
}

func checkSum(t *testing.T, b Branch) {
	t.Helper()
	var x, y, z int
	var op string
	if _, err := fmt.Sscanf(b.Suffix+b.Reply, " %d %s %d = %d .", &x, &op, &y, &z); err != nil {
		t.Fatalf("%+v: %v", b, err)
	}
	if op == "+" && x+y != z || op == "-" && x-y != z || z <= 0 || min(x, y) < 2 || x > 24 || y > 12 {
		t.Fatalf("%+v", b)
	}
}

func checkLetter(t *testing.T, b Branch) {
	t.Helper()
	facts := sentence.FindStringSubmatch(b.Suffix)
	var value, letter string
	if _, err := fmt.Sscanf(b.Reply, " the answer is %s so ( %s ) .", &value, &letter); err != nil {
		t.Fatal(err)
	}
	if !Same(facts[3], value) || !strings.Contains(b.Suffix, "( "+letter+" ) "+value) {
		t.Fatalf("%+v", b)
	}
}

func checkDigest(t *testing.T, e Example, b Branch) {
	t.Helper()
	var stated, restated []string
	for _, d := range e.Docs {
		stated = append(stated, sentence.FindAllString(d, -1)...)
	}
	restated = sentence.FindAllString(b.Reply, -1)
	for i, s := range b.Determined {
		if want := sentence.FindStringSubmatch(restated[i])[3]; b.Reply[s.Start:s.End] != " "+want {
			t.Fatalf("value %d of %q is %q", i, b.Reply, b.Reply[s.Start:s.End])
		}
	}
	if b.Suffix != "facts :" || " "+strings.Join(restated, " ") != b.Reply || len(b.Determined) != len(restated) {
		t.Fatalf("%+v", b)
	}
	slices.Sort(stated)
	slices.Sort(restated)
	if !slices.Equal(stated, restated) {
		t.Fatalf("%q restates %q", restated, stated)
	}
}

func checkComposed(t *testing.T, prompts *role.Prompts, c *Cluster, e Example, b Branch) {
	t.Helper()
	q, verdict := prompts.ParseQuestion(b.Task, b.Reply, nil)
	if verdict != task.OK || !c.Right(q, b.Task) || len(b.Determined) < 3 {
		t.Fatalf("%v: %+v over %q", verdict, b, e.Docs)
	}
	asked, _ := parseQuery(q.Text)
	earlier := []string{asked.text(0)}
	lines := strings.Split(b.Suffix, "\n")
	for _, line := range lines[:len(lines)-1] {
		text, _, _ := strings.Cut(strings.TrimPrefix(line, "before : "), " ?")
		before, ok := parseQuery(text + " ?")
		if !ok || slices.Contains(earlier, before.text(0)) {
			t.Fatalf("the history of %+v", b)
		}
		earlier = append(earlier, before.text(0))
	}
}

func checkAnswered(t *testing.T, prompts *role.Prompts, c *Cluster, e Example, b Branch) {
	t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(b.Suffix, "question : "), "\nanswer :")
	q := task.Question{Text: text}
	if b.Task == task.MultipleChoice {
		var ok task.Verdict
		if q, ok = prompts.ParseQuestion(b.Task, "question : "+text+" answer : ( A ) .", nil); ok != task.OK {
			t.Fatalf("%+v", b)
		}
	}
	got, ok := prompts.ExtractAnswer(b.Task, b.Reply)
	q.Answer = got
	if want, _ := prompts.Responder(b.Task, e.Docs, q); !ok || want != e.Prefix || !c.Right(q, b.Task) {
		t.Fatalf("%q over %q: %+v", e.Prefix, e.Docs, b)
	}
}

func TestNewTrainingErrors(t *testing.T) {
	for name, spoil := range map[string]func(*TrainingOptions){
		"no documents":       func(o *TrainingOptions) { o.Cluster = Options{} },
		"too many":           func(o *TrainingOptions) { o.Cluster.MaxDocs = 65 },
		"too many of a kind": func(o *TrainingOptions) { o.Cluster.Pool, o.Cluster.MaxDocs = HeldOut, 25 },
		"no branches":        func(o *TrainingOptions) { o.Branches = 0 },
		"no roles":           func(o *TrainingOptions) { o.Responder, o.Questioner, o.Digest = 0, 0, 0 },
		"nothing at all": func(o *TrainingOptions) {
			o.Documents, o.Verifier, o.Grounding, o.Arithmetic, o.Letters = 0, 0, 0, 0, 0
		},
	} {
		o := DefaultTraining()
		spoil(&o)
		if _, err := NewTraining(compact(t), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every word is frequent after a space, and every word that occurs is known.
func TestText(t *testing.T) {
	tr := mustTrain(t, DefaultTraining())
	known := map[string]bool{}
	for _, w := range Vocabulary() {
		known[w] = true
	}
	counts := map[string]int{}
	for i := range 100 {
		text := tr.Text(5, i)
		if text != tr.Text(5, i) || text == tr.Text(6, i) {
			t.Fatalf("text %d does not follow its seed", i)
		}
		for w := range strings.FieldsSeq(text) {
			if !known[w] {
				t.Fatalf("%q is not in the vocabulary", w)
			}
		}
		for w := range known {
			counts[w] += strings.Count(text+" ", " "+w+" ")
		}
	}
	for w := range known {
		if counts[w] < 50 {
			t.Errorf("%q follows a space %d times in 100 texts", w, counts[w])
		}
	}
}
