package spell

import (
	"context"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus"
	"spell/rl/task"
)

func TestSourceMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, document string
		want              bool
	}{
		{"filings", "filings/a.txt", true}, {"filings", "filings/2019/a.txt#3", true}, {"filings", "filings2/a.txt", false},
		{"filings/2019", "filings/2019/a.txt", true}, {"2019", "filings/2019/a.txt", false},
		{"filings/*", "filings/a.txt", true}, {"filings/*", "filings/2019/a.txt", true}, {"*", "a.txt", true},
		{"*.md", "web/a.md#12", true}, {"*.md", "web/a.mdx", false}, {"a.txt", "web/a.txt", true},
		{"web/a#1.txt", "web/a#1.txt", true}, {"w[ea]b", "wab/x", true}, {"we?", "web", true},
		{"other", "web/a.txt", false},
	} {
		s := Source{Match: tt.pattern}
		if got := s.matches(tt.document); got != tt.want {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.document, got)
		}
	}
}

// TestSourceErrors: what no cluster can be of, or none is, is refused with its number.
func TestSourceErrors(t *testing.T) {
	docs := documents(4, 4) // 0/0 to 3/3
	both := []task.Task{task.GeneralQA, task.Numeric}
	for say, sources := range map[string][]Source{
		"":                         {{Match: "[01]/*", Tasks: both}, {Match: "*/*"}},
		`sources.0.match is ""`:    {{}},
		`sources.1.match is "[a"`:  {{Match: "0/*"}, {Match: "[a"}},
		"sources.0.tasks has mult": {{Match: "0/*", Tasks: []task.Task{task.MultipleChoice}}},
		"sources.1.docs is -1":     {{Match: "0/*"}, {Match: "1/*", Docs: -1}},
		`sources.1.match "9/*" is no document's that an earlier source has not; the first one is 0/0`: {{Match: "0/*"},
			{Match: "9/*"}},
		`sources.1.match "2/*" is no`:                    {{Match: "*/*"}, {Match: "2/*"}},
		"numeric is one of tasks, and no source asks it": {{Match: "*/*", Tasks: both[:1]}},
	} {
		c := small()
		c.Tasks, c.Sources = both, sources
		err := c.Validate()
		if err == nil {
			err = c.matched(docs)
		}
		if say == "" && err != nil || say != "" && (err == nil || !strings.Contains(err.Error(), say)) {
			t.Errorf("%+v: error %v, want %q", sources, err, say)
		}
	}
	c := small()
	c.Sources = []Source{{Match: "0/*"}}
	if err := c.matched(&corpus.Corpus{}); err == nil || !strings.Contains(err.Error(), "there are none") {
		t.Errorf("without documents: %v", err)
	}
}

// TestSources: clusters of a source are asked its kinds of questions over as many documents as it says, and those of
// none as ever.
func TestSources(t *testing.T) {
	c := small()
	c.Tasks, c.Draw, c.Docs, c.LeastDocs = task.All(), 9, 2, 0
	c.Sources = []Source{{Match: "0/*", Tasks: []task.Task{task.Numeric}, Docs: 1},
		{Match: "[1-5]/*", Tasks: []task.Task{task.GeneralQA, task.MultipleChoice}, Docs: 3}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(12, 4), func(_, _, _ int) plan {
		return plan{fate: "asked", yes: [2]int{0, 4}} // which is not remembered
	})
	seen := map[string]int{}
	for range 4 {
		_, records, err := r.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range recordsOf(records, "ask") {
			of, want := "none", 2
			asks := true
			switch name := strings.TrimPrefix(rec.Cluster, "cluster-"); {
			case name == "0":
				of, want, asks = "first", 1, rec.Task == task.Numeric
			case len(name) == 1 && name <= "5":
				of, want, asks = "second", 3, rec.Task != task.Numeric
			}
			if seen[of]++; !asks || len(rec.Docs) != want {
				t.Errorf("a question of task %v about %s is asked over documents %v", rec.Task, rec.Cluster, rec.Docs)
			}
		}
	}
	if seen["first"] == 0 || seen["second"] < 4 || seen["none"] < 4 {
		t.Errorf("%v questions of each source", seen)
	}
}

// TestSourceLeast: a source's clusters have one document more than its m.
func TestSourceLeast(t *testing.T) {
	c := small()
	c.Docs, c.LeastDocs, c.MaxDocs = 3, 0, 6
	c.Sources = []Source{{Match: "0/*", Docs: 4}, {Match: "1/*", Docs: 1}}
	docs := documents(3, 4)
	for i := range docs.Clusters {
		if got, want := c.leastDocs(c.sourceOf(docs.Clusters[i])), []int{5, 2, 4}[i]; got != want {
			t.Errorf("cluster %d has %d documents at least, want %d", i, got, want)
		}
	}
	r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, docs, nil)
	if clusters, _, unread := r.game.Documents(); clusters != 2 || unread != 4 {
		t.Errorf("%d clusters are read, and %d documents are not", clusters, unread)
	}
}
