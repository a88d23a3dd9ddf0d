package spell

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"spell/rl/task"
)

// Grounding is the test that a question needs its documents: it is answered without them, and dropped if enough of the
// answers are right.
type Grounding struct {
	Samples int `json:"samples" min:"0" max:"1024" doc:"answers without documents to a question; 0: no test. Paper 1"`
	Right   int `json:"right" min:"1" max:"1024" doc:"of these that must be right for a question to be dropped; paper 1"`
	// A guess answers one question with options in four.
	ChoiceSamples int         `json:"choice_samples" min:"0" max:"1024" doc:"the same of questions with options, one in four of which a guess answers; 0: samples"`
	ChoiceRight   int         `json:"choice_right" min:"0" max:"1024" doc:"of these that must be right; 0: right"`
	Tasks         []task.Task `json:"tasks" doc:"kinds of questions that are tested so"`
	Names         bool        `json:"names" doc:"drop questions with a name, a word with a capital letter behind the first, that none of the documents has which the questioner saw. Paper: no"`
	Stated        bool        `json:"stated" doc:"drop questions that say their reference answer, word for word, unless they have options. Paper: no"`
}

// usualGrounding is the paper's test.
func usualGrounding() Grounding {
	return Grounding{Samples: 1, Right: 1, Tasks: task.All()}
}

// of returns how many answers a question of a task gets without documents, and how many of them drop it.
func (g *Grounding) of(t task.Task) (samples, right int) {
	if g.Samples == 0 || !slices.Contains(g.Tasks, t) {
		return 0, 0
	}
	if t.NeedsLetter() && g.ChoiceSamples > 0 {
		return g.ChoiceSamples, max(1, g.ChoiceRight)
	}
	return g.Samples, g.Right
}

// most returns how many answers without documents a question gets at most.
func (g *Grounding) most() int {
	if g.Samples == 0 {
		return 0
	}
	return max(g.Samples, g.ChoiceSamples)
}

// namesAre reports whether the documents have all names of a question: the words with a capital letter behind the first
// word, in any case.
func namesAre(question string, documents []string) bool {
	missing := map[string]bool{}
	for i, w := range wordsOf(question) {
		if i > 0 && strings.IndexFunc(w, unicode.IsUpper) >= 0 {
			missing[strings.ToLower(w)] = true
		}
	}
	for _, text := range documents {
		for _, w := range wordsOf(text) {
			delete(missing, strings.ToLower(w))
		}
	}
	return len(missing) == 0
}

// states reports whether a question says an answer: its words one behind the other, in any case.
func states(question, answer string) bool {
	said, of := wordsOf(strings.ToLower(question)), wordsOf(strings.ToLower(answer))
	for i := range said {
		if len(of) > 0 && len(of) <= len(said)-i && slices.Equal(said[i:i+len(of)], of) {
			return true
		}
	}
	return false
}

// wordsOf returns the runs of letters and digits of a text.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// validate refuses a test that no question fails.
func (g *Grounding) validate() error {
	switch {
	case g.Samples > 0 && g.Right > g.Samples:
		return fmt.Errorf("grounding.right is %d of grounding.samples %d; to leave the test out, set samples to 0",
			g.Right, g.Samples)
	case g.ChoiceSamples > 0 && g.ChoiceRight > g.ChoiceSamples:
		return fmt.Errorf("grounding.choice_right is %d of grounding.choice_samples %d; to leave the test out, take "+
			"the kind off grounding.tasks", g.ChoiceRight, g.ChoiceSamples)
	}
	return nil
}
