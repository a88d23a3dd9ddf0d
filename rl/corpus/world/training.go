package world

import (
	"fmt"

	"spell/rl/corpus/exercise"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Span, Branch and Example are what training is made of. The kind of a branch is a Kind of this package.
type (
	Span    = exercise.Span
	Branch  = exercise.Branch
	Example = exercise.Example
)

// TrainingOptions is the mixture of a base model's training. DefaultTraining returns a good one to
// start from. A weight of zero means never.
type TrainingOptions struct {
	Cluster     Options // with the numbers of documents
	Homogeneous float64 // share of clusters that are homogeneous whatever Cluster.Kinds says
	OtherPool   float64 // share of the examples that are about the names of the other pool
	OtherWords  bool    // examples about the other pool use all phrasings, the held-out one too
	// Loose is the share of the clusters few of whose references are
	// linked, so that a questioner must look before it asks on.
	Loose    float64
	Asking   Asking
	Branches int // in an example

	// Shares of the examples: documents with branches, or branches without documents of one kind.
	Documents, Verifier, Grounding, Arithmetic, Letters float64

	// Shares of the branches over documents.
	Responder, Questioner, Digest float64

	Asked       Weights // kinds of questions the responder is asked
	Composed    Weights // kinds the questioner writes; first one of their tasks is drawn, each as likely, then its kind
	History     float64 // share of questioner prompts that show one to three earlier questions of the task
	AfterFirst  Weights // kinds the questioner writes after earlier questions
	DigestFacts int     // most facts in a digest; 0 means all
}

// DefaultTraining returns the mixture for the training pool, with clusters of 1 to 4 documents.
func DefaultTraining() TrainingOptions {
	return TrainingOptions{
		Cluster:     Options{Docs: 1, MaxDocs: 4, Chains: true},
		Homogeneous: 0.3,
		Asking:      Asking{Alias: 0.25},
		Branches:    8,
		Documents:   0.78, Verifier: 0.1, Grounding: 0.02, Arithmetic: 0.05, Letters: 0.05,
		Responder: 0.6, Questioner: 0.28, Digest: 0.12,
		Asked: Weights{OneHop: 14, TwoHop: 18, ThreeHop: 14, Lookup: 8, LookupTwoHop: 8, LookupThreeHop: 8,
			Sum: 7, Difference: 7, SumTwoHop: 6, DifferenceTwoHop: 6, SumOfThree: 6, Count: 12,
			ChoiceOneHop: 5, ChoiceTwoHop: 6, ChoiceThreeHop: 5},
		Composed: Weights{OneHop: 25, TwoHop: 40, ThreeHop: 35, Lookup: 15, LookupTwoHop: 20, LookupThreeHop: 15,
			Sum: 12, Difference: 12, SumTwoHop: 9, DifferenceTwoHop: 9, SumOfThree: 8,
			ChoiceOneHop: 25, ChoiceTwoHop: 40, ChoiceThreeHop: 35},
		History: 0.4,
		AfterFirst: Weights{OneHop: 10, TwoHop: 35, ThreeHop: 55, Lookup: 5, LookupTwoHop: 20, LookupThreeHop: 20,
			Sum: 10, Difference: 10, SumTwoHop: 12, DifferenceTwoHop: 12, SumOfThree: 11,
			ChoiceOneHop: 10, ChoiceTwoHop: 35, ChoiceThreeHop: 55},
	}
}

// Training makes the examples a base model is trained on.
type Training struct {
	prompts  *role.Prompts
	opts     TrainingOptions
	composed []task.Task // those the questioner writes questions of
}

// NewTraining checks the options. The prompts must be of the compact
// set, whose format the gold replies have.
func NewTraining(prompts *role.Prompts, opts TrainingOptions) (*Training, error) {
	checked := []Options{opts.Cluster}
	if opts.OtherPool > 0 {
		o := opts.Cluster
		o.Pool ^= Train ^ HeldOut
		checked = append(checked, o)
	}
	if opts.Homogeneous > 0 {
		for _, o := range checked {
			o.Kinds = Homogeneous
			checked = append(checked, o)
		}
	}
	for _, o := range checked {
		if err := o.check(); err != nil {
			return nil, err
		}
	}
	if opts.Branches < 1 {
		return nil, fmt.Errorf("an example of the generated world cannot have %d branches: ask for at least 1",
			opts.Branches)
	}
	for _, shares := range [][]float64{
		{opts.Documents, opts.Verifier, opts.Grounding, opts.Arithmetic, opts.Letters},
		{opts.Responder, opts.Questioner, opts.Digest},
	} {
		if exercise.Weighted(rng.At(0, rng.World, 0, 0, 0), shares) < 0 {
			return nil, fmt.Errorf("the shares %v of the generated world's training are all zero: "+
				"give one a positive number", shares)
		}
	}
	t := &Training{prompts: prompts, opts: opts}
	for _, of := range Tasks() {
		if only(of, opts.Composed) != (Weights{}) {
			t.composed = append(t.composed, of)
		}
	}
	if len(t.composed) == 0 { // as draw does, it then asks one-hop questions
		t.composed = Tasks()
	}
	return t, nil
}

// Example returns the example at an index: the same one for the same
// seed and options. It may be called concurrently.
func (t *Training) Example(seed, index uint64) Example {
	r := rng.At(seed, rng.World, useTraining, index, 0)
	if t.opts.OtherPool > 0 && chance(r, t.opts.OtherPool) {
		other := *t
		other.opts.Cluster.Pool ^= Train ^ HeldOut
		other.opts.Asking.AllPhrasings = t.opts.OtherWords
		t = &other
	}
	o := &t.opts
	var e Example
	alone := [...]func(*rng.Rand, int) Branch{1: t.verify, t.grounding, t.arithmetic, t.letter}
	which := exercise.Weighted(r, []float64{o.Documents, o.Verifier, o.Grounding, o.Arithmetic, o.Letters})
	if which == 0 {
		return t.documents(r)
	}
	for i := range o.Branches {
		e.Branches = append(e.Branches, alone[which](r, i))
	}
	if e.Branches[0].Kind == Grounding {
		e.Prefix = t.prompts.Documents(nil)
	}
	return e
}

// documents returns an example over a cluster.
func (t *Training) documents(r *rng.Rand) Example {
	o := &t.opts
	shape := o.Cluster
	if chance(r, o.Homogeneous) {
		shape.Kinds = Homogeneous
	}
	if o.Loose > 0 && chance(r, o.Loose) {
		shape.Linked = 0.2
	}
	c := generate(r, "", shape)
	e := Example{Docs: c.Texts()}
	e.Prefix = t.prompts.Documents(e.Docs)
	answered, composed := map[string]bool{}, map[string]bool{}
	digested := false
	for range o.Branches {
		var b Branch
		switch exercise.Weighted(r, []float64{o.Responder, o.Questioner, o.Digest}) {
		case 2:
			if !digested { // one digest says all there is to say
				digested = true
				b = t.digest(r, c)
				break
			}
			fallthrough
		case 0:
			q, _ := c.draw(r, o.Asked, o.Asking, answered)
			b = t.answer(c, q)
		case 1:
			b = t.compose(r, c, composed)
		}
		e.Branches = append(e.Branches, b)
	}
	return e
}

// answer returns a responder's branch.
func (t *Training) answer(c *Cluster, q Question) Branch {
	b := Branch{Role: role.Responder, Task: q.Task, Kind: q.Kind}
	_, b.Suffix = t.prompts.Responder(q.Task, nil, q.Question)
	b.Reply, _ = c.Reply(q.Question, q.Task)
	return b
}

// compose returns a questioner's branch. The earlier questions it shows differ from each other and
// from the new one. A cluster with too few questions for that shows fewer, or none.
func (t *Training) compose(r *rng.Rand, c *Cluster, composed map[string]bool) Branch {
	of := pick(r, t.composed)
	first, later := only(of, t.opts.Composed), only(of, t.opts.AfterFirst)
	earlier := 0
	if chance(r, t.opts.History) {
		earlier = 1 + r.Intn(3)
	}
	var history []role.Example
	shown := map[string]bool{}
	for range earlier {
		q, fresh := c.draw(r, first, t.opts.Asking, shown)
		if !fresh {
			break
		}
		history = append(history, role.Example{Question: t.prompts.QuestionText(q.Question), Answer: q.Answer})
	}
	var q Question
	fresh := false
	if len(history) > 0 {
		q, fresh = c.draw(r, later, t.opts.Asking, shown)
	}
	if !fresh {
		history = nil
		q, _ = c.draw(r, first, t.opts.Asking, composed)
	}
	b := Branch{Role: role.Questioner, Task: q.Task, Kind: q.Kind}
	_, b.Suffix = t.prompts.Questioner(q.Task, nil, history, role.Drawn{Letter: q.Answer})
	b.Reply, b.Determined, _ = c.Ask(t.prompts, q.Question, q.Task)
	return b
}

// only returns the weights of one task, and 0 for the others.
func only(of task.Task, w Weights) Weights {
	for k := range w {
		if Kind(k).Task() != of {
			w[k] = 0
		}
	}
	return w
}

// digest returns a branch that restates the documents. Which fact
// comes next is free, its value is determined.
func (t *Training) digest(r *rng.Rand, c *Cluster) Branch {
	b := Branch{Role: role.Responder, Task: Digest.Task(), Kind: Digest, Suffix: "facts :"}
	var facts []Fact
	for _, list := range c.Facts {
		facts = append(facts, list...)
	}
	shuffle(r, facts)
	if n := t.opts.DigestFacts; n > 0 {
		facts = facts[:min(n, len(facts))]
	}
	for _, f := range facts {
		b.Reply += " " + f.String()
		end := len(b.Reply) - len(" .")
		b.Determined = append(b.Determined, Span{Start: end - len(f.Value) - 1, End: end})
	}
	return b
}
