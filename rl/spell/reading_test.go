package spell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// TestDividedJudge: a judge of real documents knows the clusters that prompts are made of, and not only those
// that they were divided from.
func TestDividedJudge(t *testing.T) {
	c := small()
	c.MaxDocs = 6
	docs := &corpus.Corpus{}
	large := corpus.Cluster{Name: "large"}
	for i := range 20 {
		text := fmt.Sprintf("document %d says that the colour of item %d is red .", i, i)
		large.Docs = append(large.Docs, corpus.Document{Name: fmt.Sprint("large/", i), Text: text})
	}
	docs.Clusters = append(docs.Clusters, large)
	on := testModel(t, opentest.CPU(t, 1), model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	judge := reading.NewCorpus(docs)
	var _ Asker = judge
	r, err := begin(context.Background(), c, on, docs, judge)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	if len(r.game.clusters) < 4 {
		t.Fatalf("%d clusters", len(r.game.clusters))
	}
	q := task.Question{Text: "fill : document 7 says that the colour of item ___ is red ?", Answer: "7"}
	known := 0
	for _, k := range r.game.clusters {
		cl, ok := judge.Cluster(k.name)
		if !ok || !slices.Equal(cl.Texts(), k.docs) {
			t.Errorf("the judge knows other documents of %s", k.name)
		}
		if right, has := judge.Right(k.name, task.GeneralQA, q); has {
			if known++; !right {
				t.Errorf("%+v is wrong over %s", q, k.name)
			}
		}
	}
	if known != 1 {
		t.Errorf("%d clusters know document 7", known)
	}
}

// TestOtherTask: a questioner that is shown a place is asked for a text where its documents have no number.
func TestOtherTask(t *testing.T) {
	c := small()
	c.Prompts, c.Tasks, c.Docs, c.MaxDocs = "reading", []task.Task{task.Numeric, task.GeneralQA}, 1, 24
	docs := &corpus.Corpus{}
	for _, what := range []string{"horse", "cart", "mill", "barn"} {
		cl := corpus.Cluster{Name: what}
		for i := range c.MaxDocs {
			who := []string{"miller", "smith", "baker"}[i%3]
			text := fmt.Sprintf("The old %s of Ardenne sold the %s to Mary Kent before winter came.\n", who, what)
			cl.Docs = append(cl.Docs, corpus.Document{Name: fmt.Sprint(what, i), Text: text})
		}
		cl.Docs[0].Text += "It took 15 days.\n"
		docs.Clusters = append(docs.Clusters, cl)
	}
	on := testModel(t, opentest.CPU(t, 1), model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	r, err := begin(context.Background(), c, on, docs, reading.NewCorpus(docs))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	asked := map[task.Task]int{}
	for step := range 8 {
		r.game.Begin(step)
		if _, err := r.game.Draw(0); err != nil {
			t.Fatal(err)
		}
		for _, it := range r.game.round {
			asked[it.Task]++
			if text := strings.Join(it.shownDocs(), ""); it.Task == task.Numeric && !strings.Contains(text, "15") {
				t.Errorf("a number of %q is asked for", text)
			}
		}
	}
	if asked[task.Numeric] == 0 || asked[task.GeneralQA] < asked[task.Numeric] {
		t.Errorf("asked %v", asked)
	}
}
