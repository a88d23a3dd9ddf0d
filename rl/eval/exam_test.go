package eval

import (
	"context"
	"strings"
	"testing"

	"spell/rl/corpus"
	"spell/rl/corpus/reading"
)

// TestDocuments: who says the gold reply has all right, by kind, who says that of the question before has few,
// and who says nothing has none.
func TestDocuments(t *testing.T) {
	docs := reading.Gather([]corpus.Document{
		{Name: "a/a.txt", Text: "Norland\n\nCapital: Port Tolan\nArea: 2,500 sq km\nThe old harbour was built by the " +
			"Kestor Company in 1912, and the light beside the harbour was lit in 1903 by Anders Holm himself."},
		{Name: "a/b.txt", Text: "Southmark\n\nCapital: Vessel\nArea: 900 sq km\nThe long bridge was opened by the " +
			"Ormen League in 1931, but its last stones were laid in 1938 after the Winter Flood of that year."},
	})
	o := reading.EvaluationOptions{Questions: 30, Length: 1000}
	o.Weights[reading.Cloze], o.Weights[reading.Field], o.Weights[reading.Number] = 1, 1, 1
	items, err := reading.Evaluation(t.Context(), 1, docs, o)
	if err != nil {
		t.Fatal(err)
	}
	var prompts map[string]string
	for name, tt := range map[string]struct {
		said         func(reply string) string
		right, valid int
	}{
		"gold":       {func(reply string) string { return reply }, 30, 30},
		"wrong":      {func(string) string { return " the answer is nothing ." }, 0, 30},
		"more":       {func(r string) string { return strings.TrimSuffix(r, ".") + "and more ." }, 0, 30},
		"unreadable": {func(string) string { return " well ." }, 0, 0},
	} {
		p, _ := policy(t, func(prompt string) string { return tt.said(prompts[prompt]) })
		prompts = map[string]string{}
		for _, it := range items {
			for _, q := range it.Questions {
				prefix, suffix := p.Prompts.Responder(q.Task, it.Cluster.Texts(), q.Question)
				prompts[prefix+suffix], _ = it.Cluster.Reply(q.Question, q.Task)
			}
		}
		res, err := Documents("all", items).Ask(context.Background(), p, 48)
		if err != nil {
			t.Fatal(err)
		}
		field := res.ByKind[reading.Field].Count
		if res.All != (Count{30, tt.right}) || res.Valid.N != tt.valid || field != (Count{10, tt.right / 3}) ||
			len(res.Outcomes) != 30 || res.Tokens < 20 {

			t.Errorf("%s: %v, field %v", name, res, field)
		}
	}
}
