package reading

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
	"spell/rl/role"
	"spell/rl/task"
)

// fixture is a corpus of the pages, several times over so that clusters hold enough.
func fixture() *corpus.Corpus {
	var texts []corpus.Document
	for i, text := range pages {
		texts = append(texts, corpus.Document{Name: "x/" + string(rune('a'+i)) + ".txt", Text: text})
	}
	return Gather(texts)
}

func mustTrain(t testing.TB, c *corpus.Corpus, o TrainingOptions) *Training {
	t.Helper()
	tr, err := NewTraining(prompts(t), c, func(s string) int { return len(strings.Fields(s)) }, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// documents returns those of an example as its prompt shows them.
func documents(e Example) (all []string) {
	for _, d := range e.Docs {
		all = append(all, strings.TrimPrefix(d, "#\n"))
	}
	return all
}

// checkBranch checks a branch against the documents of its example, and returns the kind.
func checkBranch(t *testing.T, prompts *role.Prompts, e Example, b Branch) Kind {
	t.Helper()
	kind := b.Kind.(Kind)
	if b.Reply == "" || b.Reply[0] != ' ' || strings.Contains(b.Reply, "  ") || kind.Task() != b.Task && kind < Copy {
		t.Fatalf("%+v", b)
	}
	c := Over(documents(e))
	switch {
	case kind == Verify:
		lines := strings.Split(b.Suffix, "\n")
		first, second := strings.TrimPrefix(lines[1], "first : "), strings.TrimPrefix(lines[2], "second : ")
		if got := prompts.ParseVote(b.Reply); (got == role.Yes) != Same(first, second) || got == role.Invalid {
			t.Fatalf("%q is answered%s", b.Suffix, b.Reply)
		}
	case kind == Grounding:
		got, ok := prompts.ExtractAnswer(b.Task, b.Reply)
		if e.Prefix != "#\nEmpty\n" || b.Task.NeedsLetter() == ok || ok && got != role.EmptyDocuments {
			t.Fatalf("%q %+v", e.Prefix, b)
		}
	case kind == Arithmetic:
		terms := strings.Fields(b.Suffix + b.Reply)
		m, _ := whole(terms[0])
		n, _ := whole(terms[2])
		if d, _ := whole(terms[4]); len(terms) != 6 || m-n != d || d <= 0 {
			t.Fatalf("%q", terms)
		}
	case kind == Copy:
		piece := strings.TrimPrefix(b.Suffix, "copy : ") + b.Reply
		if !slices.ContainsFunc(e.Docs, func(d string) bool { return strings.Contains(oneSpace(d), piece) }) {
			t.Fatalf("%q is no piece of %q", piece, e.Docs)
		}
	case b.Role == role.Questioner:
		q, verdict := prompts.ParseQuestion(b.Task, b.Reply, nil)
		if verdict != task.OK || !c.Right(q, b.Task) {
			t.Fatalf("%q over %q is read as %+v", b.Reply, e.Docs, q)
		}
		told := !b.Task.NeedsLetter() || strings.Contains(b.Suffix, "ask choice "+q.Answer+" about")
		if !told || strings.Contains(b.Suffix, q.Text) {
			t.Fatalf("%q is asked after %q", q.Text, b.Suffix)
		}
	default:
		text := strings.TrimSuffix(strings.TrimPrefix(b.Suffix, "question : "), "\nanswer :")
		text, options, _ := strings.Cut(text, " ? ")
		truth, ok := c.Truth(strings.TrimSuffix(text, " ?")+" ?", b.Task)
		said, read := prompts.ExtractAnswer(b.Task, b.Reply)
		if b.Task.NeedsLetter() {
			_, option, _ := strings.Cut(options+" (", "( "+said+" ) ")
			said, _, _ = strings.Cut(option, " (")
		}
		if !ok || !read || !truth.Is(said) {
			t.Fatalf("%q over %q: %q has the truth %+v", b.Suffix, e.Docs, b.Reply, truth)
		}
	}
	return kind
}

func TestTraining(t *testing.T) {
	prompts := prompts(t)
	for _, name := range []string{"", "factbook/europe", "sotu"} {
		t.Run(name, func(t *testing.T) {
			c := fixture()
			if name != "" {
				c = real(t, name)
			}
			o := DefaultTraining()
			tr := mustTrain(t, c, o)
			var kinds [NumKinds]int
			var roles [role.NumRoles]int
			votes, branches, examples := map[string]int{}, 0, 150
			for i := range uint64(examples) {
				e := tr.Example(7, i)
				if i < 100 && !reflect.DeepEqual(e, tr.Example(7, i)) {
					t.Fatalf("two examples of index %d differ", i)
				}
				size := 0
				for _, d := range documents(e) {
					size += len(strings.Fields(d))
				}
				if len(e.Docs) > 0 && strings.Join(e.Docs, "\n")+"\n" != e.Prefix {
					t.Fatalf("the pieces %q are not the prompt's %q", e.Docs, e.Prefix)
				}
				n := len(e.Branches)
				if size > o.MaxLength || len(e.Docs) > o.MaxDocs || n > o.Branches || n == 0 {
					t.Fatalf("%d words in %d documents, %d branches", size, len(e.Docs), len(e.Branches))
				}
				branches += len(e.Branches)
				for _, b := range e.Branches {
					k := checkBranch(t, prompts, e, b)
					kinds[k]++
					roles[b.Role]++
					if k == Verify {
						votes[b.Reply]++
					}
				}
			}
			t.Log(kinds, roles, votes, branches)
			for k, n := range kinds {
				if n < 10 && !slices.Contains(append(lack[name], Difference), Kind(k)) {
					t.Errorf("%d branches of %v", n, Kind(k))
				}
			}
			if yes, no := votes[" yes ."], votes[" no ."]; yes*5 < no*4 || no*5 < yes*4 {
				t.Errorf("votes %v", votes)
			}
			if branches < examples*o.Branches/2 {
				t.Errorf("%d branches in %d examples", branches, examples)
			}
		})
	}
}

// TestLengths: the size of the documents follows the range that is asked for.
func TestLengths(t *testing.T) {
	c := real(t, "factbook/europe")
	for _, length := range []int{64, 128, 512} {
		o := DefaultTraining()
		o.Length, o.MaxLength, o.Docs, o.MaxDocs, o.Documents = length/2, length, 2, 4, 1e9
		tr := mustTrain(t, c, o)
		sum, examples := 0, 50
		for i := range uint64(examples) {
			for _, d := range tr.Example(1, i).Docs {
				sum += len(strings.Fields(d))
			}
		}
		if mean := sum / examples; mean < length/2 || mean > length {
			t.Errorf("from %d to %d words: %d in the mean", length/2, length, mean)
		}
	}
}

func TestNewTrainingErrors(t *testing.T) {
	good := DefaultTraining()
	for name, tt := range map[string]struct {
		change func(*TrainingOptions)
		docs   *corpus.Corpus
		says   string
	}{
		"nothing":     {func(*TrainingOptions) {}, &corpus.Corpus{}, "no documents"},
		"no branches": {func(o *TrainingOptions) { o.Branches = 0 }, fixture(), "positive"},
		"no passages": {func(o *TrainingOptions) { o.Docs = 0 }, fixture(), "positive"},
		"backwards":   {func(o *TrainingOptions) { o.MaxLength = 1 }, fixture(), "larger one second"},
		"no shares":   {func(o *TrainingOptions) { o.Asked = Weights{} }, fixture(), "zero"},
		"no kinds":    {func(o *TrainingOptions) { o.Asked = Weights{Verify: 1} }, fixture(), "all zero"},
		"too short":   {func(o *TrainingOptions) { o.Length, o.MaxLength = 1, 2 }, fixture(), "raise"},
	} {
		o := good
		tt.change(&o)
		_, err := NewTraining(prompts(t), tt.docs, nil, o)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
