package reading

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"spell/rl/corpus"
	"spell/rl/corpus/exercise"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Weights says how often each kind is asked, in any unit.
type Weights [NumKinds]float64

// TrainingOptions is the mixture of a base model's training. DefaultTraining returns a good one to start
// from. A weight of zero means never.
type TrainingOptions struct {
	Docs, MaxDocs     int // passages of an example: from Docs to MaxDocs
	Length, MaxLength int // size of its passages together, likewise: tokens, where those are counted
	Branches          int // in an example

	// Shares of the examples: passages with branches, or branches without documents of one kind.
	Documents, Verifier, Grounding, Arithmetic float64

	// Shares of the branches over documents.
	Responder, Questioner, Copy float64

	Asked Weights // kinds of questions the responder is asked
	// Composed are kinds the questioner writes; first one of their tasks is drawn, each as likely, then its kind. Its
	// questions point at places from where sentences begin: there are few such, so that a small model can choose one.
	Composed Weights
	History  float64 // share of questioner prompts that show one to three earlier questions of the task
}

// DefaultTraining returns the mixture for passages of 256 tokens together.
func DefaultTraining() TrainingOptions {
	return TrainingOptions{
		Docs: 1, MaxDocs: 4, Length: 96, MaxLength: 256, Branches: 12,
		Documents: 0.76, Verifier: 0.2, Grounding: 0.02, Arithmetic: 0.02,
		Responder: 0.45, Questioner: 0.5, Copy: 0.05,
		Asked:    Weights{Cloze: 28, Field: 38, Which: 18, Number: 18, Difference: 6, Choice: 16},
		Composed: Weights{Cloze: 50, Field: 45, Which: 5, Number: 80, Difference: 12, Choice: 100},
		History:  0.3,
	}
}

// Training makes the examples a base model is trained on.
type Training struct {
	prompts *role.Prompts
	opts    TrainingOptions
	library *library
}

// NewTraining checks the options. The prompts must be of the set reading, or compact, whose format the gold replies
// have. measure returns the size of a text; if it is nil that is its bytes.
func NewTraining(prompts *role.Prompts, docs *corpus.Corpus, measure func(string) int, o TrainingOptions) (
	*Training, error) {

	if measure == nil {
		measure = func(s string) int { return len(s) }
	}
	t := &Training{prompts: prompts, opts: o, library: newLibrary(docs, measure)}
	switch {
	case len(t.library.docs) == 0:
		return nil, errors.New("there are no documents to ask about: name a folder of text files with --docs")
	case o.Docs < 1 || o.MaxDocs < o.Docs || o.Length < 1 || o.MaxLength < o.Length || o.Branches < 1:
		return nil, fmt.Errorf("examples cannot have %d to %d passages of %d to %d tokens together with %d branches: "+
			"give positive numbers, the larger one second", o.Docs, o.MaxDocs, o.Length, o.MaxLength, o.Branches)
	}
	r := rng.At(0, rng.Reading, 0, 0, 0)
	for _, shares := range [][]float64{
		{o.Documents, o.Verifier, o.Grounding, o.Arithmetic}, {o.Responder, o.Questioner, o.Copy},
		o.Asked[:NumQuestionKinds], o.Composed[:NumQuestionKinds],
	} {
		if exercise.Weighted(r, shares) < 0 {
			return nil, fmt.Errorf("the shares %v of the training are all zero: give one a positive number", shares)
		}
	}
	if e := t.Example(0, 0); len(e.Branches) == 0 {
		return nil, fmt.Errorf("no passage of up to %d tokens was found that a question can be asked about: raise "+
			"maxlength, or give more text", o.MaxLength)
	}
	return t, nil
}

// places is how many places are tried for passages that something can be asked about.
const places = 50

// Example returns the example at an index: the same one for the same documents, seed and options. It may be
// called concurrently. It has no branches only if nothing can be asked about the documents.
func (t *Training) Example(seed, index uint64) Example {
	r := rng.At(seed, rng.Reading, useTraining, index, 0)
	o := &t.opts
	which := exercise.Weighted(r, []float64{o.Documents, o.Verifier, o.Grounding, o.Arithmetic})
	for range places {
		if e := t.example(r, which); len(e.Branches) > 0 {
			return e
		}
	}
	return Example{}
}

func (t *Training) example(r *rng.Rand, which int) (e Example) {
	o := &t.opts
	if which == 3 {
		for range o.Branches {
			e.Branches = append(e.Branches, t.arithmetic(r))
		}
		return e
	}
	docs := t.library.passages(r, between(r, o.Docs, o.MaxDocs), between(r, o.Length, o.MaxLength))
	if len(docs) == 0 {
		return e
	}
	c, a := Over(docs), newAsking(o.Asked, false)
	switch which {
	case 0:
		e.Prefix = t.prompts.Documents(docs)
		e.Docs = t.shown(docs)
		e.Branches = t.branches(r, c)
	case 1:
		for i := range o.Branches {
			if b, ok := t.verify(r, c, a, i%2 == 0); ok {
				e.Branches = append(e.Branches, b)
			}
		}
	case 2:
		e.Prefix = t.prompts.Documents(nil)
		for range o.Branches {
			if b, ok := t.grounding(r, c, a); ok {
				e.Branches = append(e.Branches, b)
			}
		}
	}
	return e
}

// shown returns documents as prompts show them, in pieces that each end before a line end, which Documents joins.
func (t *Training) shown(docs []string) []string {
	pieces := make([]string, len(docs))
	before := t.prompts.Documents(docs[:1])
	before = before[:strings.Index(before, t.prompts.Escape(docs[0]))]
	for i, d := range docs {
		pieces[i] = before + t.prompts.Escape(d)
		before = strings.TrimPrefix(t.prompts.Between(), "\n")
	}
	return pieces
}

// branches returns those over documents. What the documents are too short for is left out.
func (t *Training) branches(r *rng.Rand, c *Cluster) (all []Branch) {
	o := &t.opts
	answered, composed := newAsking(o.Asked, false), newAsking(o.Composed, true)
	for range o.Branches {
		var b Branch
		ok := false
		switch exercise.Weighted(r, []float64{o.Responder, o.Questioner, o.Copy}) {
		case 0:
			b, ok = t.answer(r, c, answered)
		case 1:
			b, ok = t.compose(r, c, composed)
		}
		if !ok {
			b, ok = t.copy(r, c)
		}
		if ok {
			all = append(all, b)
		}
	}
	return all
}

// asking is what is asked of a cluster.
type asking struct {
	weights Weights // 0 for a kind of which no more was found
	led     bool    // questions point at places from where sentences begin
	asked   map[string]bool
}

func newAsking(w Weights, led bool) *asking { return &asking{w, led, map[string]bool{}} }

// ask asks a question of one of the tasks that was not asked yet, of a kind that the cluster has.
func (a *asking) ask(r *rng.Rand, c *Cluster, of ...task.Task) (q Question, ok bool) {
	for range NumQuestionKinds {
		weights := a.weights
		for k := range weights {
			if !slices.Contains(of, Kind(k).Task()) {
				weights[k] = 0
			}
		}
		k := exercise.Weighted(r, weights[:NumQuestionKinds])
		if k < 0 {
			break
		}
		if q, ok = c.question(r, Kind(k), a.asked, a.led); ok {
			a.asked[q.Text] = true
			return q, true
		}
		a.weights[k] = 0
	}
	return q, false
}

// answer returns a responder's branch.
func (t *Training) answer(r *rng.Rand, c *Cluster, a *asking) (b Branch, ok bool) {
	q, ok := a.ask(r, c, Tasks()...)
	if !ok {
		return b, false
	}
	b = Branch{Role: role.Responder, Task: q.Task, Kind: q.Kind}
	_, b.Suffix = t.prompts.Responder(q.Task, nil, q.Question)
	b.Reply, ok = c.Reply(q.Question, q.Task)
	return b, ok
}

// mostEarlier is how many earlier questions a questioner's prompt shows at most.
const mostEarlier = 3

// compose returns a questioner's branch. The earlier questions that it shows differ from each other and from
// the new one.
func (t *Training) compose(r *rng.Rand, c *Cluster, a *asking) (b Branch, ok bool) {
	of := pick(r, Tasks())
	var history []role.Example
	if chance(r, t.opts.History) {
		for range between(r, 1, mostEarlier) {
			if q, ok := a.ask(r, c, of); ok {
				history = append(history, role.Example{Question: t.prompts.QuestionText(q.Question), Answer: q.Answer})
			}
		}
	}
	q, ok := a.ask(r, c, of)
	if !ok {
		return b, false
	}
	b = Branch{Role: role.Questioner, Task: q.Task, Kind: q.Kind}
	b.Reply, b.Determined, ok = c.Ask(t.prompts, q.Question, q.Task)
	_, b.Suffix = t.prompts.Questioner(q.Task, nil, history, role.Drawn{Letter: q.Answer, Place: c.placeOf(q)})
	return b, ok
}

const (
	leastCue, mostCue   = 4, 6 // words that a piece begins with
	leastCopy, mostCopy = 4, 24
)

// copy returns a branch that goes on with a sentence of a document to its end: the prompt has words of it that
// stand nowhere else.
func (t *Training) copy(r *rng.Rand, c *Cluster) (b Branch, ok bool) {
	c.candidates()
	for range tries {
		if len(c.quotes) == 0 {
			break
		}
		s := pick(r, c.quotes)
		cue := between(r, leastCue, mostCue)
		if s.n < cue+leastCopy {
			continue
		}
		end := int(s.word) + s.n
		at := between(r, max(int(s.word), end-cue-mostCopy), end-cue-leastCopy)
		doc := &c.docs[s.doc]
		var ids []int32
		for _, w := range doc.words[at : at+cue] {
			ids = append(ids, w.id)
		}
		from, middle := doc.edges(at, at+cue)
		_, stop := doc.edges(at, end)
		if len(c.find(ids)) == 1 && middle < stop {
			return Branch{Role: role.Responder, Task: Copy.Task(), Kind: Copy,
				Suffix: "copy : " + oneSpace(doc.text[from:middle]), Reply: " " + oneSpace(doc.text[middle:stop])}, true
		}
	}
	return b, false
}

// grounding asks a question without documents: no one can answer it.
func (t *Training) grounding(r *rng.Rand, c *Cluster, a *asking) (b Branch, ok bool) {
	q, ok := a.ask(r, c, Tasks()...)
	b = Branch{Role: role.Responder, Task: q.Task, Kind: Grounding,
		Reply: " the answer is " + role.EmptyDocuments + " ."}
	_, b.Suffix = t.prompts.Responder(q.Task, nil, q.Question)
	return b, ok
}

// arithmetic returns a branch of one calculation as replies have it, with numbers of one to four digits.
func (t *Training) arithmetic(r *rng.Rand) Branch {
	most := []int{9, 99, 999, mostWhole}[r.Intn(4)]
	a := 1 + r.Intn(most)
	b := a
	for b == a {
		b = 1 + r.Intn(most)
	}
	sentence, result := subtract(a, b)
	cut := len(sentence) - len(result) - len(" .") - 1
	return Branch{Role: role.Responder, Task: Arithmetic.Task(), Kind: Arithmetic,
		Suffix: " " + sentence[:cut], Reply: sentence[cut:]}
}

// Text returns the i-th text for training a tokenizer beside the documents: an example, prompts and replies
// in full.
func (t *Training) Text(seed uint64, i int) string {
	e := t.Example(seed, uint64(i))
	var b strings.Builder
	b.WriteString(e.Prefix)
	for _, branch := range e.Branches {
		b.WriteString(branch.Suffix + branch.Reply + "\n")
	}
	return b.String()
}
