package spell

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/train"
	"spell/rl/corpus/folder"
	"spell/rl/runner/runnertest"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// data is a path in the shared test data: below $SPELL_DATA, or beside the checkout.
func data(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("SPELL_DATA")
	for up := "."; root == ""; up = filepath.Join(up, "..") {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			root = filepath.Join(up, "..", "shared", "data")
		} else if len(up) > 40 {
			t.Skip("the checkout has no go.mod above this folder")
		}
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared test data are absent (%v); set SPELL_DATA", err)
	}
	return path
}

// TestRealDocuments: over real documents, with a questioner whose questions can be read, a step
// goes through every stage and updates the weights.
func TestRealDocuments(t *testing.T) {
	c := small()
	c.DocChars, c.MaxDocs, c.MaxPrompt, c.Draw, c.PassTokens, c.CacheTokens = 300, 8, 900, 6, 2048, 8192
	c.Tasks = []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}
	docs, _, err := folder.Read(context.Background(), data(t, "docs", "factbook"),
		folder.Options{DocChars: c.DocChars, MaxDocs: c.MaxDocs})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{words()}
	for _, cl := range docs.Clusters[:min(20, len(docs.Clusters))] {
		for _, d := range cl.Docs {
			texts = append(texts, d.Text)
		}
	}
	docs.Clusters = docs.Clusters[:min(60, len(docs.Clusters))]
	tok, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 900,
		Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	b := opentest.CPU(t, 1)
	r, err := begin(context.Background(), c, testModel(t, b, model.F32, &chat.Dialog{Tok: tok}), docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	followed(t, r, func(_, _, i int) plan { return plan{fate: "asked", passes: 1 + i%3, yes: [2]int{1, 3}} })
	defer r.Free()
	before := numbers(r)
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Counts.Good != 6 || rep.Update.MaxLogpDiff != 0 || trained(&rep.Update) != [3]int{3, 12, 16} {
		t.Errorf("%v", rep)
	}
	if slices.EqualFunc(before, numbers(r), func(a, b []float32) bool { return slices.Equal(a, b) }) {
		t.Error("the weights did not change")
	}
	stages := map[string]int{}
	for _, rec := range records {
		stages[rec.Stage]++
		if !strings.Contains(rec.Prompt, ":") {
			t.Error("a prompt asks nothing")
		}
	}
	if stages["ask"] != 6 || stages["ground"] != 6 || stages["respond"] != 6 || stages["verify"] != 24 {
		t.Errorf("the transcript has %v records", stages)
	}
	checkRecords(t, records, 0)
}

// TestGuarded: a step by the real engine and two by the scripted policy, a checkpoint and a
// resumed run never touch backend memory outside an operation.
func TestGuarded(t *testing.T) {
	for _, tt := range []struct {
		p    model.Precision
		int8 bool
	}{{model.F32, false}, {model.BF16, false}, {model.BF16, true}} {
		inner, err := cpu.New(cpu.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer inner.Close()
		b := kerneltest.Guarded(inner)
		docs, c, dir := documents(6, 4), small(), t.TempDir()
		c.Draw, c.Int8, c.Steps, c.Checkpoint, c.Keep = 4, tt.int8, 3, 1, 9
		m := newScripted(t, c, docs)
		m.plans = nil
		m.before = func(_ context.Context, r *run) {
			if done, _ := r.Steps(); done == 1 {
				followed(t, r, turns)
			}
		}
		if err := m.run(context.Background(), dir, b, tt.p, false); err != nil {
			t.Fatal(err)
		}
		if m.made.Trainer().Steps == 0 {
			t.Error("nothing was trained")
		}
		want := runnertest.Outcome(t, dir, 3)
		for _, lost := range []int{2, 3} {
			if err := os.RemoveAll(filepath.Join(dir, train.Name(lost))); err != nil {
				t.Fatal(err)
			}
		}
		m = newScripted(t, c, docs)
		if err := m.run(context.Background(), dir, b, tt.p, true); err != nil {
			t.Fatal(err)
		}
		runnertest.Same(t, "resumed", runnertest.Outcome(t, dir, 3), want)
	}
}
