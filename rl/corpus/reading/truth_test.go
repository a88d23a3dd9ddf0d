package reading

import (
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
	"spell/rl/task"
	"spell/tensor/rng"
)

var pages = []string{
	`Norland

Background: Norland declared its independence from the Kestor Empire in 1912, but was occupied by Balbex in 1939.
The "White Fleet" left on 3 May 1940. Some 1,200 sailors stayed.
Area:
total: 2,500 sq km
water: 150 sq km
Capital: Port Tolan (since 1921)
Population: 12,500
Motto: peace
Motto: work`,
	`Southmark

Background: Southmark declared its independence from the Ormen League in 1931, but was never occupied.
It borders Norland. It borders Norland.
Area:
total: 900 sq km
Capital: Vessel
Exports: wool, tin, amber, rope, salt, fish, glass, paper and very much else`,
	`# Harbour notes

The ferry to Vessel leaves at nine. The ferry to Tolan leaves at noon. Mr. Anders keeps the
light; its lamp was lit in 1903 by his father, and the keeper lives in the tower beside the
old sea wall.`,
}

func TestTruth(t *testing.T) {
	c := Over(pages)
	tasks := map[string]task.Task{"text": task.GeneralQA, "number": task.Numeric, "choice": task.MultipleChoice}
	for _, tt := range []struct {
		question, task string
		parsed, found  bool
		answer         string // empty: there is none
	}{
		{"fill : independence from the ___ in 1912, but ?", "text", true, true, "Kestor Empire"},
		{"fill : INDEPENDENCE from the ___ in (1912) but ?", "text", true, true, "Kestor Empire"},
		{"fill : its independence from the ___ in ?", "text", true, true, ""},
		{"fill : Empire in ___, but was occupied ?", "text", true, true, "1912"},
		{"fill : Empire in ___, but was occupied ?", "number", true, true, "1912"},
		{"fill : independence from the ___ in 1912, but ?", "number", true, true, ""},
		{"fill : It borders ___. It borders ?", "text", true, true, "Norland"},
		{"fill : The ferry to ___ leaves at nine. ?", "text", true, true, "Vessel"},
		{"fill : ferry to ___ leaves at ?", "text", true, true, ""},
		{"fill : lit in ___ by his father, ?", "number", true, true, "1903"},
		{"fill : the keeper lives in the ___ beside the old sea ?", "text", true, true, "tower"},
		{`fill : The "___" left on ?`, "text", true, true, "White Fleet"},
		{"fill : its lamp was ___ by ?", "text", true, true, "lit in 1903"},
		{"fill : Mr. ___ keeps the light ?", "text", true, true, "Anders"},
		{"fill : Mr. ___ breaks the light ?", "text", true, false, ""},
		{"fill : ___ keeps the light ?", "text", false, false, ""},
		{"fill : keeps the ___ ?", "text", false, false, ""},
		{"fill : keeps ___ the ___ lamp ?", "text", false, false, ""},
		{"fill : keeps the x___ lamp ?", "text", false, false, ""},
		{"fill : keeps the light ?", "text", false, false, ""},
		{"fill : keeps the ___ its lamp", "text", false, false, ""},
		{"fill : keeps ? the ___ its lamp ?", "text", false, false, ""},
		{"difference : in ___, but was occupied | in ___, but was never ?", "number", true, true, "19"},
		{"difference : total: ___ sq km water: | water: ___ sq km Capital: ?", "number", true, true, "2350"},
		{"difference : Empire in ___, but | Empire in ___, but ?", "number", true, true, ""},
		{"difference : Empire in ___, but | leaves at ___. Mr. ?", "number", true, true, ""},
		{"difference : Empire in ___, but | Empires in ___, but ?", "number", true, false, ""},
		{"difference : Empire in ___, but was occupied ?", "number", false, false, ""},
		{"difference : in ___, but was occupied | in ___, but was never ?", "text", false, false, ""},
		{"what is the Capital of Norland ?", "text", true, true, "Port Tolan"},
		{"what is the capital of norland ?", "text", true, true, "Port Tolan"},
		{"what is the Capital of Southmark ?", "choice", true, true, "Vessel"},
		{"what is the Population of Norland ?", "number", true, true, "12,500"},
		{"what is the Capital of Norland ?", "number", true, true, ""},
		{"what is the total of Norland ?", "text", true, true, "2,500 sq km"},
		{"what is the Area total of Southmark ?", "text", true, true, "900 sq km"},
		{"what is the Capital total of Southmark ?", "text", true, false, ""},
		{"what is the Motto of Norland ?", "text", true, true, ""},
		{"what is the Exports of Southmark ?", "text", true, true, ""},
		{"what is the Capital of Vessel ?", "text", true, false, ""},
		{"what is the Capital ?", "text", false, false, ""},
		{"which document says : declared its independence from the Ormen League ?", "text", true, true, "Southmark"},
		{"which document says : declared its independence from the ?", "text", true, true, ""},
		{"which document says : the keeper lives in ?", "text", true, true, "Harbour notes"},
		{"which document says : the keeper died in ?", "text", true, false, ""},
		{"which document says : the keeper ?", "text", false, false, ""},
		{"which document says : the keeper lives in ?", "number", false, false, ""},
		{"who keeps the light ?", "text", false, false, ""},
		{"", "text", false, false, ""},
		{"?", "text", false, false, ""},
		{"fill : ?", "text", false, false, ""},
	} {
		truth, ok := c.Truth(tt.question, tasks[tt.task])
		answer := ""
		if ok {
			answer = truth.Answers[0]
		}
		if truth.Parsed != tt.parsed || truth.Found != tt.found || answer != tt.answer {
			t.Errorf("%s %q: %+v, want parsed %v, found %v, %q", tt.task, tt.question, truth, tt.parsed, tt.found,
				tt.answer)
		}
		if !ok {
			continue
		}
		q := task.Question{Text: tt.question, Answer: answer}
		if tt.task == "choice" {
			q.Options, q.Answer = []string{"Tolan", "the vessel", "Balbex", "Ormen"}, "B"
		}
		if _, replied := c.Reply(q, tasks[tt.task]); !replied || !c.Right(q, tasks[tt.task]) {
			t.Errorf("%s %+v is not right", tt.task, q)
		}
	}
}

// TestOptions: an answer is right if exactly one option is true, and it is that one's letter.
func TestOptions(t *testing.T) {
	c := Over(pages)
	for options, want := range map[string]string{
		"Vessel,Tolan,Balbex,Ormen": "A", "Tolan,Balbex,Ormen,vessel": "D",
		"Vessel,the Vessel,Balbex,Ormen": "", "Tolan,Balbex,Ormen,Kestor": "", "Vessel,Tolan": "",
	} {
		for _, letter := range task.Letters {
			q := task.Question{Text: "what is the Capital of Southmark ?", Options: strings.Split(options, ","),
				Answer: string(letter)}
			if got := c.Right(q, task.MultipleChoice); got != (string(letter) == want) {
				t.Errorf("%s of %s is right: %v", q.Answer, options, got)
			}
		}
	}
}

// TestUntitled: a text without a title is called by its first words, and two of the same first words by none.
func TestUntitled(t *testing.T) {
	texts := []string{"In the year of the flood the river rose twice.", "In the year of the drought it fell.",
		"Fellow citizens of the Senate and the House, all is well.", "Fellow citizens of the Senate and the rest, go."}
	for question, want := range map[string]string{
		"the river rose twice": "In the year of the flood", "the drought it fell": "In the year of the drought",
		"the House, all is": "",
	} {
		truth, ok := Over(texts).Truth("which document says : "+question+" ?", task.GeneralQA)
		if ok != (want != "") || ok && truth.Answers[0] != want {
			t.Errorf("%q: %+v, want %q", question, truth, want)
		}
	}
}

func TestPrepared(t *testing.T) {
	c := &corpus.Corpus{Clusters: []corpus.Cluster{{Name: "x", Docs: []corpus.Document{
		{Name: "a.txt#1", Text: "Norland\n\nCapital: Tolan"}, {Name: "a.txt#2", Text: "Area: 5 sq km"},
		{Name: "b#c.txt", Text: "no title at all, it seems."}, {Name: "c.txt#2", Text: "a piece"}}}}}
	want := []string{"Norland\nCapital: Tolan", "Norland\nArea: 5 sq km", "no title at all, it seems.", "a piece"}
	if got := NewCluster(Prepared(c).Clusters[0]).Texts(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if c.Clusters[0].Docs[1].Text != "Area: 5 sq km" {
		t.Error("the corpus has changed")
	}
}

func TestCorpus(t *testing.T) {
	var docs, others []corpus.Document
	for i, text := range pages {
		docs = append(docs, corpus.Document{Name: string(rune('a' + i)), Text: text})
		others = append(others, corpus.Document{Name: string(rune('a' + i)),
			Text: strings.ReplaceAll(text, "Vessel", "Kiln")})
	}
	k := NewCorpus(&corpus.Corpus{Clusters: []corpus.Cluster{{Name: "x", Docs: docs}, {Name: "y", Docs: others}}})
	q := task.Question{Text: "what is the Capital of Southmark ?", Answer: "vessel"}
	check := func(name string, right, known bool) {
		t.Helper()
		if r, n := k.Right(name, task.GeneralQA, q); r != right || n != known {
			t.Errorf("over %s: right %v, known %v", name, r, n)
		}
	}
	check("x", true, true)
	check("x (2)", true, true)
	check("y", false, true)
	check("z", false, false)
	k.Divided([]corpus.Cluster{{Name: "x", Docs: docs[:1]}, {Name: "x (2)", Docs: docs[1:]}})
	check("x", false, false)
	check("x (2)", true, true)
	asked := 0
	for i := range uint64(30) {
		for _, of := range Tasks() {
			q, ok := k.Ask("y", of, rng.At(1, rng.Reading, i, 0, 0))
			if !ok {
				continue
			}
			asked++
			if right, known := k.Right("y", of, q); !right || !known {
				t.Errorf("%+v is right: %v, known: %v", q, right, known)
			}
		}
	}
	if asked < 60 {
		t.Errorf("%d questions", asked)
	}
	if _, ok := k.Ask("z", task.GeneralQA, rng.At(1, rng.Reading, 0, 0, 0)); ok {
		t.Error("a question about no cluster")
	}
}

// FuzzTruth: no text and no question, of any kind, ends the program, and every question that is generated has
// what questions have.
func FuzzTruth(f *testing.F) {
	for _, text := range pages {
		f.Add(text, "fill : its independence from the ___ in 1912 ?")
		f.Add(text, "difference : in ___, but | in ___, but ?")
		f.Add(text, "what is the Capital of Norland ?")
		f.Add(text, "which document says : The ferry to Vessel ?")
	}
	f.Add("a\xff\xfe$-5 :\n#\n:\nx:\n x (\n\n", "fill : \xff ___ \xfe ?")
	prompts := prompts(f)
	f.Fuzz(func(t *testing.T, text, question string) {
		half := len(text) / 2
		c := Over([]string{strings.ToValidUTF8(text[:half], ""), strings.ToValidUTF8(text[half:], "")})
		options := []string{"a", "b", "c", "d"}
		for _, of := range task.All() {
			c.Truth(question, of)
			q := task.Question{Text: question, Answer: question, Options: options}
			if c.Right(q, of) {
				if _, ok := c.Reply(q, of); !ok {
					t.Errorf("no reply to %+v", q)
				}
			}
			c.Ask(prompts, q, of)
		}
		if Same(text, question) != Same(question, text) {
			t.Errorf("Same(%q, %q) depends on the order", text, question)
		}
		for kind := range Kind(NumQuestionKinds) {
			if q, ok := c.Question(rng.At(1, rng.Reading, uint64(kind), 0, 0), kind); ok {
				checkQuestion(t, prompts, c, q)
			}
		}
	})
}
