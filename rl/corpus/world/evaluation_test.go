package world

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestEvaluation(t *testing.T) {
	for _, opts := range []EvaluationOptions{
		{Cluster: Options{Docs: 16, Pool: HeldOut, Chains: true}, Asking: Asking{HeldOutPhrasing: true, Alias: 0.3}},
		{Cluster: Options{Docs: 3, Chains: true}},
		{Cluster: Options{Docs: 3}, PerCluster: 4, Questions: 101},
		{Cluster: Options{Docs: 24}, Questions: 50, Weights: Weights{ThreeHop: 1, LookupThreeHop: 2}},
	} {
		items, err := Evaluation(t.Context(), 1, opts)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := Evaluation(t.Context(), 1, opts); !reflect.DeepEqual(items, again) {
			t.Error("two tests of one seed differ")
		}
		weights, total, perCluster := opts.Weights, 240, 8
		if opts.Questions > 0 {
			total = opts.Questions
		}
		if opts.PerCluster > 0 {
			perCluster = opts.PerCluster
		}
		if weights == (Weights{}) {
			weights = defaultWeights()
		}
		var kinds Weights
		var all, sum float64
		for _, item := range items {
			c := item.Cluster
			if len(item.Questions) > perCluster || len(c.Docs) != opts.Cluster.Docs || c.Pool != opts.Cluster.Pool {
				t.Errorf("%s: %d questions over %d documents", c.Name, len(item.Questions), len(c.Docs))
			}
			seen := map[string]bool{}
			for _, q := range item.Questions {
				kinds[q.Kind]++
				all++
				query, _ := parseQuery(q.Text)
				key := q.Kind.String() + query.text(0)
				phrasing := strings.HasPrefix(q.Text, "tell ") == opts.Asking.HeldOutPhrasing
				if seen[key] || !c.Right(q.Question, q.Task) || !phrasing {
					t.Errorf("%s: %+v", item.Cluster.Name, q)
				}
				seen[key] = true
			}
		}
		for _, w := range weights {
			sum += w
		}
		for k, n := range kinds {
			if math.Abs(n-weights[k]/sum*all) >= 1 {
				t.Errorf("%g questions of %v among %g", n, Kind(k), all)
			}
		}
		if int(all) != total {
			t.Errorf("%g questions, want %d", all, total)
		}
	}
}

func TestBinding(t *testing.T) {
	for _, n := range []int{3, 16} {
		items, err := Binding(t.Context(), 2, EvaluationOptions{Questions: 100,
			Cluster: Options{Docs: n, Pool: HeldOut}})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		for _, item := range items {
			class := names.class[item.Cluster.Docs[0].Name]
			other := func(f []Fact) bool { return names.class[f[0].Subject] != class }
			if slices.ContainsFunc(item.Cluster.Facts, other) {
				t.Errorf("%s is not homogeneous", item.Cluster.Name)
			}
			for _, q := range item.Questions {
				asked++
				if q.Kind != OneHop || !item.Cluster.Right(q.Question, q.Task) {
					t.Errorf("%+v", q)
				}
			}
		}
		if asked != 100 {
			t.Errorf("%d questions", asked)
		}
	}
}

// The documents of a test are in no corpus, no training and no Generate of the same seed.
func TestPurposesDiffer(t *testing.T) {
	opts := Options{Docs: 6}
	items, err := Evaluation(t.Context(), 4, EvaluationOptions{Cluster: opts})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewCorpus(4, 30, opts)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, item := range items {
		seen[strings.Join(item.Cluster.Texts(), "\n")] = true
	}
	for i, c := range w.Clusters {
		generated := mustGenerate(t, 4, uint64(i), opts)
		known, _ := w.Cluster(c.Name)
		for _, text := range []string{strings.Join(known.Texts(), "\n"), strings.Join(generated.Texts(), "\n")} {
			if seen[text] {
				t.Errorf("cluster %d appears in two uses", i)
			}
			seen[text] = true
		}
	}
}

func TestEvaluationErrors(t *testing.T) {
	for name, opts := range map[string]EvaluationOptions{
		"no documents":    {},
		"negative number": {Questions: -1, Cluster: Options{Docs: 3}},
		"no such links":   {Questions: 8, Cluster: Options{Docs: 3, Kinds: Homogeneous}, Weights: Weights{TwoHop: 1}},
		"no question":     {Cluster: Options{Docs: 3}, Weights: Weights{Digest: 1}},
		"negative weight": {Cluster: Options{Docs: 3}, Weights: Weights{OneHop: 2, TwoHop: -1}},
	} {
		if _, err := Evaluation(t.Context(), 1, opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkExample(b *testing.B) {
	opts := DefaultTraining()
	opts.Cluster.MaxDocs = 16
	tr := mustTrain(b, opts)
	for i := range b.N {
		tr.Example(1, uint64(i))
	}
}
