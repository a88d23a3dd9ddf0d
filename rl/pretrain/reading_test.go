package pretrain

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/reading"
	"spell/tokenizer"
)

// pages returns the texts of a folder: pages of invented places.
func pages(n int) (all []folder.Text) {
	places := strings.Fields("Norland Southmark Eastholm Westmere Upford Downley Longmoor Highfell")
	people := strings.Fields("Anders Berta Carl Dora Emil Frida Gustav Hanna")
	for i := range n {
		at, of := places[i%8], places[(3*i+1)%8]
		text := fmt.Sprintf("%s\n\nCapital: Port %s\nArea: %d sq km\nPopulation: %d,500\nThe old harbour was built by "+
			"the %s Company in %d, and the light beside the harbour was lit in %d by %s Holm. It borders %s to the "+
			"north, where the river %s falls into the grey sea, and its ships carry timber, wool and %d barrels of "+
			"salt.",
			at, people[i%8], 1000+37*i, 12+i, people[(i+3)%8], 1800+i, 1900+i, people[(i+5)%8], of, people[(i+1)%8],
			20+i)
		all = append(all, folder.Text{Name: fmt.Sprintf("region%d/%s.txt", i%2, at), Text: text})
	}
	return all
}

// reads is a recipe of a drill over the vocabulary and questions about documents, for a tiny model.
func reads() Config {
	r := tiny()
	mix := reading.DefaultTraining()
	mix.Length, mix.MaxLength, mix.Branches = 40, 120, 6
	r.Vocab, r.Context = 700, 650
	r.Stages = []Stage{
		{Name: "drill", Data: "drill", Steps: 2, LR: 3e-3, Flat: 1, Final: 1, Embed: 1, Batch: 4, Pairs: 4, Queries: 4,
			Words: 30},
		{Name: "reading", Data: "reading", Steps: 4, LR: 2e-3, Flat: 1, Final: 1, Embed: 1, Tokens: 1500, Slack: 50,
			Reading: &mix, DocWeight: 0.03, FreeWeight: 0.3},
	}
	return r
}

// readingTokenizer is a vocabulary of the pages and of what is asked about them.
var readingTokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	r := reads()
	spoken, err := r.read(pages(8))
	if err != nil {
		return nil, err
	}
	return tokenizer.Train(slices.Values(spoken), tokenizer.TrainOptions{VocabSize: r.Vocab, Special: []string{End},
		Pattern: tokenizer.GPT2})
})

// readingRun begins a run of a recipe on pages.
func readingRun(t *testing.T, r Config) *Run {
	t.Helper()
	tok, err := readingTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	run, err := New(r, fresh(t, r, opentest.CPU(t, 1), model.F32, tok), pages(8))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Free)
	return run
}

// TestReading: a run on questions about documents goes through its stages, takes the same steps again, and is
// tested on them at last.
func TestReading(t *testing.T) {
	r := reads()
	r.HeldOut = []string{"region1"}
	first, second := readingRun(t, r), readingRun(t, r)
	if n := len(words(first.tok, 30)); n != 30 {
		t.Fatalf("%d words of 30", n)
	}
	if len(first.docs) != 4 || len(first.tested) != 4 || len(first.texts) != 4 {
		t.Fatalf("%d documents, %d held out", len(first.docs), len(first.tested))
	}
	for range 6 {
		if a, b := step(t, first, 1)[0], step(t, second, 1)[0]; !reflect.DeepEqual(a, b) {
			t.Fatalf("%v, then %v", a, b)
		}
	}
	if !done(first) || !first.Due() {
		t.Fatalf("done is %v, due %v", done(first), first.Due())
	}
	rep, err := first.Measure(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := rep.Metrics.(*Measurement)
	var gates []string
	for _, g := range m.Gates {
		gates = append(gates, g.What)
	}
	if len(m.Reading) != 2 || m.Reading[0].Result.All.N != readingQuestions || len(gates) != 8 || first.Due() {
		t.Errorf("%d tests, gates %q: %v", len(m.Reading), gates, m)
	}
	for i := 1; i < len(m.Reading); i++ {
		if a, b := m.Reading[i-1], m.Reading[i]; b.Length != 2*a.Length {
			t.Errorf("%d tokens, then %d", a.Length, b.Length)
		}
	}
}

// TestReadingFits: examples whose prompts are more than a pass holds lose their last branches, and no others.
func TestReadingFits(t *testing.T) {
	r := reads()
	r.Stages = r.Stages[1:]
	r.Stages[0].Reading.Branches = 40
	run := readingRun(t, r)
	most := func() (n int) {
		for _, f := range run.batch().trees {
			read := 0
			for _, s := range f {
				if !s.Scored || s.Parent < 0 {
					read += len(s.Tokens)
				}
			}
			n = max(n, read)
		}
		return n
	}
	whole := most()
	run.Config.PassTokens = 400
	if cut := most(); whole <= 400 || cut > 400 || cut < 200 {
		t.Errorf("prompts have %d tokens, and %d where a pass has 400", whole, cut)
	}
	step(t, run, 1)
}

func TestReadingErrors(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"reading, its mixture, is missing": func(r *Config) { r.Stages[1].Reading = nil },
		"is no pattern":                    func(r *Config) { r.HeldOut = []string{"a[b"} },
		"larger one second":                func(r *Config) { r.Stages[1].Reading.MaxLength = 1 },
		"trains on text and there is none": func(r *Config) { r.HeldOut = []string{"*"} },
		"pass_tokens is 300":               func(r *Config) { r.PassTokens, r.Stages[1].Reading.MaxLength = 300, 250 },
	} {
		r := reads()
		change(&r)
		tok, _ := tokens(t)
		_, err := New(r, fresh(t, reads(), opentest.CPU(t, 1), model.F32, tok), pages(8))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

// TestReadingRecipe: the recipe can be run, ends on questions, and makes a model that an embedded base may be.
func TestReadingRecipe(t *testing.T) {
	r := Reading()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	c := r.Model(r.Vocab, 0)
	if n := c.Params(); n < 2e6 || n > 8e6 || !r.gated() {
		t.Errorf("%d parameters, gated: %v", n, r.gated())
	}
	longest := lengthenings[len(lengthenings)-1] * r.Stages[len(r.Stages)-1].Reading.MaxLength
	if longest+readingAnswer+promptTokens > r.Context {
		t.Errorf("the context of %d does not hold %d tokens of documents", r.Context, longest)
	}
}

func TestHeldOut(t *testing.T) {
	c := Config{HeldOut: []string{"factbook/europe", "sotu/*[13579]_*", "*.md"}}
	for name, want := range map[string]bool{
		"factbook/europe/al.txt": true, "factbook/africa/al.txt": false, "sotu/1791_x.txt": true,
		"sotu/1790_x.txt": false, "a.md": true, "b/a.md": false, "europe.txt": false,
	} {
		if got := c.heldOut(name); got != want {
			t.Errorf("%s is held out: %v", name, got)
		}
	}
}
