package bench

import (
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus/world"
	"spell/rl/task"
)

// TestWorld: each kind has its turn, prompts are as long as wanted to a document, up to the names there are,
// and the answers, by their other names too, are what the documents say.
func TestWorld(t *testing.T) {
	const document = 40 // words, at most
	b, err := Parse("world")
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{150, 400, 1 << 20} {
		qs, err := Generate(b, 7, 3*world.NumQuestionKinds, length, words)
		if err != nil {
			t.Fatal(err)
		}
		aliases := 0
		for i, q := range qs {
			n, _ := words(q)
			all := length == 1<<20
			if n > length || !all && n < length-document || all && len(q.Docs) != worldNames() {
				t.Errorf("%s has %d words in %d documents, %d are wanted", q.ID, n, len(q.Docs), length)
			}
			if kind := world.Kind(i % world.NumQuestionKinds); q.Part != kind.String() || q.Task != kind.Task() {
				t.Errorf("question %d is %s, not %v", i, q.Part, kind)
			}
			for _, a := range q.Answers {
				if aliases++; !q.Right(task.Rules{}, a) {
					t.Errorf("%q is not right of %q", a, q.Text)
				}
			}
			aliases--
			if q.Part == world.OneHop.String() { // tell the home of Tolan .
				w := strings.Fields(q.Text)
				said := strings.Join([]string{w[2], w[4], q.Answer, "."}, " ")
				if !slices.ContainsFunc(q.Docs, func(d string) bool { return strings.Contains(d, said) }) {
					t.Errorf("%q is answered by %s", q.Text, q.Answer)
				}
			}
		}
		if aliases == 0 {
			t.Error("no answer has another name")
		}
	}
	if _, err := Generate(b, 7, 1, 10, words); err == nil || !strings.Contains(err.Error(), "give at least") {
		t.Errorf("in ten words: %v", err)
	}
}
