package measure

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/eval"
)

var update = flag.Bool("update", false, "write testdata/one.txt and two.txt")

// result is the outcome of questions of two kinds in turn, four over each prompt.
func result(outcomes string) eval.Result {
	r := eval.Result{Tokens: 60, Outcomes: outcomes,
		ByKind: []eval.KindCount{{Kind: "cloze"}, {Kind: "which"}, {Kind: "choice"}}}
	for i, o := range outcomes {
		r.All.Add(o == '1')
		r.ByKind[2*(i%2)].Add(o == '1')
		if o != '-' {
			r.Valid.Add(o == '1')
		}
		if i%4 == 0 {
			r.PerPrompt = append(r.PerPrompt, 4)
		}
	}
	return r
}

// TestLines is what is printed of one model and of two.
func TestLines(t *testing.T) {
	p := Plan{Options: Options{Answers: 4}}
	questions := []Question{{"general_qa", true, true, true, 4}, {"general_qa", true, true, false, 1},
		{"numeric", true, false, false, 0}, {"numeric", false, false, false, 0}}
	asked := []Asking{p.count(questions, "general_qa"), p.count(questions, "numeric"), p.count(questions, "")}
	before := &Outcome{Accuracies: []Accuracy{{256, result("1010101010101010")}, {1024, result("00-000-0")}},
		Asked: asked[1:], Accept: eval.Count{N: 4, Right: 3}, Reject: eval.Count{N: 5, Right: 1}}
	after := &Outcome{Accuracies: []Accuracy{{256, result("1110111011101110")}, {1024, result("10-010-0")}},
		Asked: asked, Accept: eval.Count{N: 4, Right: 4}, Reject: eval.Count{N: 5, Right: 5},
		Answered: []Answered{{"cloze", "fill : the ___ harbour ?", "old", Answer{" the\nold . the answer is old .",
			"old", true, true}}, {"choice", "fill : a ___ b ? ( A ) x", "A", Answer{" well .", "", false, false}}},
		Posed: []Posed{
			{questions[0], " a . question : fill : ___ ? answer : Tolan .", "fill : ___ ?", "Tolan", []string{"Tolan"},
				[]Answer{{" x", "Tolan", true, true}, {" x", "Tolan", true, true}, {" x", "Tolan", true, true},
					{" x", "tolan", true, true}}},
			{questions[1], " b .", "fill : b ___ ?", "Holm", []string{"Anders Holm", "Holm, Anders"},
				[]Answer{{" x", "Holm", true, true}, {" y", "", false, false}, {" y", "", false, false},
					{" x", "Anders Holm", true, false}}},
			{questions[2], " c .", "fill : c ___ ?", "7", nil, []Answer{{" x", "8", true, false}}},
			{questions[3], " d\n.", "", "", nil, nil},
		}}
	settings := Settings{Options: Options{Answers: 4, Seed: 1}, Docs: "docs", Documents: 24, Prompts: "reading",
		Precision: "f32", Model: Model{Path: "base"}}
	compared := settings
	compared.Files, compared.Before = []string{"a/*", "b"}, &settings.Model
	compared.Model = Model{Path: "m", Adapter: "ad"}
	for name, r := range map[string]*Report{
		"one": NewReport(settings, nil, nil, before),
		"two": NewReport(compared, []string{"something is left out"}, before, after),
	} {
		path := filepath.Join("testdata", name+".txt")
		got := strings.Join(r.Lines(), "\n") + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: it prints\n%s\nnot\n%s", name, got, want)
		}
	}
}
