package reading

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"spell/rl/corpus"
)

func words(s string) int { return len(strings.Fields(s)) }

// TestEvaluation: questions have the shares of their kinds, and passages about the length that is asked for.
func TestEvaluation(t *testing.T) {
	c, prompts := real(t, "factbook/europe"), prompts(t)
	for _, length := range []int{128, 256, 512, 1024} {
		o := EvaluationOptions{Questions: 100, Length: length, Measure: words,
			Weights: Weights{Cloze: 3, Field: 2, Number: 2, Choice: 2, Which: 1}}
		items, err := Evaluation(t.Context(), 1, c, o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Evaluation(t.Context(), 1, c, o)
		if err != nil || !reflect.DeepEqual(questions(items), questions(again)) {
			t.Fatalf("the second test differs: %v", err)
		}
		var kinds [NumQuestionKinds]int
		size, most := 0, 0
		for _, it := range items {
			asked := map[string]bool{}
			for _, text := range it.Cluster.Texts() {
				size += words(text)
			}
			most = max(most, len(it.Questions))
			for _, q := range it.Questions {
				kinds[q.Kind]++
				checkQuestion(t, prompts, it.Cluster, q)
				if asked[q.Text] {
					t.Errorf("%q is asked twice", q.Text)
				}
				asked[q.Text] = true
			}
		}
		if want := [NumQuestionKinds]int{Cloze: 30, Field: 20, Number: 20, Choice: 20, Which: 10}; kinds != want {
			t.Errorf("kinds %v, want %v", kinds, want)
		}
		if mean := size / len(items); mean < length*7/10 || mean > length || most != 16 {
			t.Errorf("%d words in the mean of %d prompts, up to %d questions", mean, len(items), most)
		}
	}
}

func questions(items []Item) (all []Question) {
	for _, it := range items {
		all = append(all, it.Questions...)
	}
	return all
}

func TestEvaluationErrors(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct {
		ctx  context.Context
		docs *corpus.Corpus
		o    EvaluationOptions
		says string
	}{
		"nothing":    {t.Context(), &corpus.Corpus{}, EvaluationOptions{Length: 100}, "positive"},
		"no length":  {t.Context(), fixture(), EvaluationOptions{}, "positive"},
		"no kind":    {t.Context(), fixture(), EvaluationOptions{Length: 9, Weights: Weights{Copy: 1}}, "positive"},
		"less":       {t.Context(), fixture(), EvaluationOptions{Length: 9, Weights: Weights{Cloze: -1}}, "at least 0"},
		"impossible": {t.Context(), fixture(), EvaluationOptions{Length: 1, Questions: 3}, "lack"},
	} {
		if _, err := Evaluation(tt.ctx, 1, tt.docs, tt.o); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	if _, err := Evaluation(stopped, 1, fixture(), EvaluationOptions{Length: 400}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
