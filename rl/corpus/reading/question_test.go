package reading

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

func prompts(t testing.TB) *role.Prompts {
	t.Helper()
	p, err := role.Load("reading")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sharedDocs finds documents of the shared test data: below $SPELL_DATA, or beside the checkout.
func sharedDocs(t testing.TB, name string) string {
	t.Helper()
	data := os.Getenv("SPELL_DATA")
	for dir, _ := os.Getwd(); data == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "data")); err == nil {
			data = filepath.Join(dir, "shared", "data")
		}
	}
	path := filepath.Join(data, "docs", name)
	if _, err := os.Stat(path); data == "" || err != nil {
		t.Skipf("the documents %s are not here; set SPELL_DATA to the folder of test data", name)
	}
	return path
}

// real reads some files of the shared test data, cut as folder does it: two files are a cluster.
func real(t testing.TB, name string) *corpus.Corpus {
	t.Helper()
	const files, pieces = 8, 6
	dir := sharedDocs(t, name)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &corpus.Corpus{}
	for i := 0; i < len(list); i += max(1, len(list)/files) {
		text, err := os.ReadFile(filepath.Join(dir, list[i].Name()))
		if err != nil {
			t.Fatal(err)
		}
		var docs []corpus.Document
		for piece := range corpus.Cut(strings.ToValidUTF8(string(text), "\uFFFD"), 4000) {
			if len(docs) == pieces {
				break
			}
			docs = append(docs, corpus.Document{Name: fmt.Sprintf("%s#%d", list[i].Name(), len(docs)+1), Text: piece})
		}
		if n := len(c.Clusters); n == 0 || len(c.Clusters[n-1].Docs) > pieces {
			c.Clusters = append(c.Clusters, corpus.Cluster{Name: list[i].Name()})
		}
		last := &c.Clusters[len(c.Clusters)-1]
		last.Docs = append(last.Docs, docs...)
	}
	return Prepared(c)
}

// checkQuestion checks what holds of every question: it is read, its answer is true, and the gold replies of
// responder and questioner are read by its task and found right.
func checkQuestion(t *testing.T, prompts *role.Prompts, c *Cluster, q Question) {
	t.Helper()
	truth, ok := c.Truth(q.Text, q.Task)
	if !ok || truth.Kind != q.Kind || !c.Right(q.Question, q.Task) || !reflect.DeepEqual(truth.Docs, q.Docs) {
		t.Fatalf("%v %+v has the truth %+v", q.Kind, q.Question, truth)
	}
	reply, ok := c.Reply(q.Question, q.Task)
	if !ok || reply[0] != ' ' || strings.Contains(reply, "  ") {
		t.Fatalf("the reply to %+v is %q", q.Question, reply)
	}
	said, ok := prompts.ExtractAnswer(q.Task, reply)
	if !ok || !q.Task.Match(task.Rules{}, said, q.Answer) || !q.Task.Match(task.Rules{Strict: true}, said, q.Answer) ||
		!Accepts(q.Task, said, q.Answer) {

		t.Fatalf("%q answers %+v with %q", reply, q.Question, said)
	}
	asked, determined, ok := c.Ask(prompts, q.Question, q.Task)
	if !ok {
		t.Fatalf("%+v cannot be asked", q.Question)
	}
	read, verdict := prompts.ParseQuestion(q.Task, asked, nil)
	if verdict != task.OK || !reflect.DeepEqual(read, q.Question) {
		t.Fatalf("%q is read as %+v, not %+v", asked, read, q.Question)
	}
	for _, s := range determined {
		if s.Start < 0 || s.End > len(asked) || s.Start >= s.End || asked[s.Start] != ' ' {
			t.Fatalf("%v of %q", s, asked)
		}
	}
	wrong := q.Question
	if wrong.Answer = "nothing of the kind"; c.Right(wrong, q.Task) {
		t.Fatalf("%+v is right", wrong)
	}
}

// lack are the kinds of questions that documents have few of.
var lack = map[string][]Kind{"sotu": {Field}, "classics": {Field, Number, Difference}}

// TestRealQuestions asks questions of every kind about documents of four sorts.
func TestRealQuestions(t *testing.T) {
	prompts := prompts(t)
	for _, name := range []string{"factbook/europe", "sotu", "classics", "filings"} {
		t.Run(name, func(t *testing.T) {
			docs := real(t, name)
			k := NewCorpus(docs)
			var found [NumQuestionKinds]int
			for i, cl := range docs.Clusters {
				c, _ := k.Cluster(cl.Name)
				for kind := range Kind(NumQuestionKinds) {
					for n := range uint64(8) {
						q, ok := c.Question(rng.At(1, rng.Reading, uint64(i), uint64(kind), n), kind)
						if !ok {
							continue
						}
						found[kind]++
						checkQuestion(t, prompts, c, q)
						if right, known := k.Right(cl.Name, q.Task, q.Question); !right || !known {
							t.Fatalf("%+v is right %v, known %v", q, right, known)
						}
					}
				}
			}
			t.Log(found)
			for kind, n := range found {
				if n < 8 && !slices.Contains(lack[name], Kind(kind)) {
					t.Errorf("%d questions of %v", n, Kind(kind))
				}
			}
		})
	}
}

// The options of a led question are the first of its class in the documents, the answer, and the next ones behind it.
func TestLedOptions(t *testing.T) {
	docs := real(t, "factbook/europe")
	var letters [len(task.Letters)]int
	for i := range docs.Clusters {
		c := NewCluster(docs.Clusters[i])
		for n := range uint64(60) {
			q, ok := c.question(rng.At(1, rng.Reading, uint64(i), n, 0), Choice, nil, true)
			if !ok {
				continue
			}
			right := strings.Index(task.Letters, q.Answer)
			letters[right]++
			_, s, _ := c.truth(q.Text, q.Task)
			class, at, _ := c.classOf(s.evidence[0].at)
			for k, option := range q.Options {
				number := k
				if k >= right {
					number = at + k - right
				}
				if want := c.text(c.spans[class][number].span); option != want {
					t.Fatalf("%q: option %d is not %q", q.Options, k, want)
				}
			}
		}
	}
	for k, n := range letters {
		if n < 10 {
			t.Errorf("%d questions have the answer at %c", n, task.Letters[k])
		}
	}
}

// A place is words of the documents, or a title with the first words of its field, and there is none for a number in a
// text without.
func TestPlace(t *testing.T) {
	docs := real(t, "factbook/europe")
	for i := range docs.Clusters {
		c := NewCluster(docs.Clusters[i])
		text := oneSpace(strings.Join(c.Texts(), " "))
		for n, of := range Tasks() {
			words, ok := c.Place(rng.At(1, rng.Letter, uint64(i), uint64(n), 0), of, "C")
			title, name, field := strings.Cut(words, titleMark)
			first, _, _ := strings.Cut(name, " ") // the line of a field may stand far above it
			there := strings.Contains(text, title) && strings.Contains(text, first)
			if !ok || !there || field && of != task.GeneralQA {
				t.Errorf("%v: the place %q, %v", of, words, ok)
			}
		}
	}
	c := Over([]string{"The mayor opened the bridge. Nobody but the miller came to see it, and he was late."})
	if words, ok := c.Place(rng.At(1, rng.Letter, 0, 0, 0), task.Numeric, "A"); ok || words == "" {
		t.Errorf("a number is to be asked for at %q", words)
	}
}

func TestTyped(t *testing.T) {
	for typed, want := range map[string]string{
		"What is the Capital of Peru?":          "what is the Capital of Peru ?",
		"which document says: late snow":        "which document says: late snow ?",
		"Which  document says : late snow ?":    "which document says : late snow ?",
		" It was founded in ___ by ":            "fill : It was founded in ___ by ?",
		"Fill : It was founded in ___ by ?":     "fill : It was founded in ___ by ?",
		"Who built it??":                        "Who built it ?",
		"difference : in ___ was | in ___ came": "difference : in ___ was | in ___ came ?",
		"?":                                     "?",
	} {
		if got := Typed(typed); got != want {
			t.Errorf("%q is %q, not %q", typed, got, want)
		}
	}
}
