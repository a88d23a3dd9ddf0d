// Package measure tells what a model can do with documents and what it asks about them, by questions whose truth a
// rule reads from the documents (package reading).
//
// A Plan is what is asked; every model that is measured by it is asked the same. An Outcome is what a model made of
// it, and a Report that of one model or of two, with what changed between them.
package measure

import (
	"context"
	"fmt"
	"strings"

	"spell/kernels"
	"spell/model/rollout"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/eval"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/task"
)

// Options says what is asked.
type Options struct {
	Questions int    `json:"questions"` // over documents of each length
	Length    int    `json:"length"`    // tokens of the documents at first
	Lengths   int    `json:"lengths"`   // how many, each twice as long as the one before
	Asked     int    `json:"asked"`     // questions that the model asks, and pairs of answers that it compares
	Answers   int    `json:"n"`         // to each question that the model asks
	Examples  int    `json:"examples"`
	Seed      uint64 `json:"seed"`
}

// Tokens that a reply can have.
const (
	answerTokens   = 96
	questionTokens = 192
)

// together is how many questions that a model asked are answered over one reading of their documents, and answering
// how many answers there are to these at a time.
const (
	together  = 16
	answering = 128
)

// A Plan is what models are asked: the same for all.
type Plan struct {
	Options

	left      []left // lengths that are left out
	stretches []eval.Stretch
	turns     []eval.Turn
	over      []*reading.Cluster // documents of each turn
	pairs     []reading.Branch
}

// New makes a plan about documents. The prompts must be of the set reading, or compact. most, if it is not 0, is the
// longest that a prompt and its answer may be, in tokens, which size counts.
func New(ctx context.Context, docs *corpus.Corpus, prompts *role.Prompts, size func(string) int, most int,
	o Options) (p *Plan, err error) {

	p = &Plan{Options: o}
	var times []int
	for i := range o.Lengths {
		times = append(times, 1<<i)
	}
	longest := 0 // of documents
	if most > 0 {
		longest = max(1, most-answerTokens)
	}
	p.stretches, err = eval.Stretches(ctx, o.Seed, docs, times,
		eval.TestOptions{Questions: o.Questions, Tokens: o.Length, Most: longest, Size: size})
	if err != nil {
		return nil, err
	}
	n := len(p.stretches)
	const short = "the documents are too short, or their sentences too long, or nothing in them can be asked for"
	switch {
	case most > 0 && o.Length > longest:
		return nil, tooLong(o.Length, most)
	case n == 0:
		return nil, fmt.Errorf("nothing can be asked over %d tokens of these documents: %s; give another "+
			"--length, or more text", o.Length, short)
	case n < o.Lengths && most > 0 && o.Length<<n > longest:
		p.leave(n, tooShort(most))
	case n < o.Lengths:
		p.leave(n, short)
	}
	p.turn()
	return p, p.pair(ctx, docs, prompts, size)
}

// left is lengths from a number on that are left out.
type left struct {
	from, to int
	why      string
}

// leave leaves out the lengths from number n on.
func (p *Plan) leave(n int, why string) {
	if len(p.left) > 0 && p.left[0].why == why {
		p.left[0].from = n
	} else {
		p.left = append([]left{{n, p.Lengths, why}}, p.left...)
	}
	p.stretches, p.Lengths = p.stretches[:n], n
}

// Left says what is left out, a sentence each.
func (p *Plan) Left() (lines []string) {
	for _, l := range p.left {
		var list []string
		for i := l.from; i < l.to; i++ {
			list = append(list, fmt.Sprint(p.Length<<i))
		}
		lines = append(lines, fmt.Sprintf("questions over %s tokens are left out: %s", strings.Join(list, ", "), l.why))
	}
	if n := len(p.pairs); n < p.Asked {
		lines = append(lines, fmt.Sprintf("of %s of answers to compare, the documents gave %d",
			plural.Of(p.Asked, "pair"), n))
	}
	return lines
}

// tooShort says of a context why lengths are left out.
func tooShort(context int) string {
	return fmt.Sprintf("the model's context of %d does not hold them and an answer", context)
}

// tooLong is the error of a first length that a context does not hold.
func tooLong(length, context int) error {
	return fmt.Errorf("the model's context of %d does not hold %d tokens of documents with a question and its answer; "+
		"lower --length", context, length)
}

// turn gives the questioner its turns: the tasks one after the other over the documents of the first length.
func (p *Plan) turn() {
	tasks, items := reading.Tasks(), p.stretches[0].Items
	for i := range p.Asked {
		round := i / len(tasks)
		over := items[round%len(items)].Cluster
		letter := (round + round/len(items)) % len(task.Letters)
		p.over = append(p.over, over)
		p.turns = append(p.turns, eval.TurnOver(over, tasks, i, letter, uint64(i)))
	}
}

// pair makes the pairs of answers that the verifier compares.
func (p *Plan) pair(ctx context.Context, docs *corpus.Corpus, prompts *role.Prompts, size func(string) int) (
	err error) {

	if p.Asked == 0 {
		return nil
	}
	o := reading.DefaultTraining()
	o.MaxLength, o.Length = p.Length, min(o.Length, p.Length)
	p.pairs, err = reading.Pairs(ctx, prompts, docs, size, o, p.Seed, p.Asked)
	if ctx.Err() == nil { // what else there is, is that so few were found
		err = nil
	}
	return err
}

// A Size is what a model needs for the questions over a length.
type Size struct {
	Context int // tokens of the longest prompt and its answer
	Slots   int // tokens of the cache
}

// Sizes returns what a model needs for each length. Of the policy no engine is needed.
func (p *Plan) Sizes(ctx context.Context, policy eval.Policy) ([]Size, error) {
	sizes := make([]Size, len(p.stretches))
	docs := 0 // tokens of the first length, most
	for i, s := range p.stretches {
		reqs, err := s.Test().Requests(ctx, policy, greedily())
		if err != nil {
			return nil, err
		}
		for _, r := range reqs {
			slots := 0
			for _, s := range r.Prompt {
				slots += page(len(s.Tokens))
			}
			for _, b := range r.Branches {
				sizes[i].Context = max(sizes[i].Context, int(r.Prompt.End(b.Segment))+b.MaxTokens)
				slots += page(b.MaxTokens)
			}
			if sizes[i].Slots = max(sizes[i].Slots, slots); i == 0 {
				docs = max(docs, len(r.Prompt[0].Tokens))
			}
		}
	}
	first := &sizes[0]
	for _, t := range p.turns {
		ids, err := t.Prompt(policy)
		if err != nil {
			return nil, err
		}
		n := questionTokens
		for _, run := range ids {
			n += len(run)
		}
		// A question is answered with other words around it, of which there are no more tokens than it can have.
		first.Context = max(first.Context, n, docs+2*questionTokens+answerTokens)
		each := page(2*questionTokens) + p.Answers*page(answerTokens)
		first.Slots = max(first.Slots, page(n), page(docs)+p.together()*each)
	}
	return sizes, nil
}

// page is the most tokens of the cache that so many take, which have pages of their own.
func page(tokens int) int { return tokens + kernels.KeyBlock }

// together is how many questions that the model asked are answered over one reading of their documents.
func (p *Plan) together() int { return max(1, min(together, answering/p.Answers)) }

// Fit leaves out the lengths that a model's context does not hold. The error is that it does not hold the first.
func (p *Plan) Fit(sizes []Size, context int) error {
	for i, s := range sizes[:len(p.stretches)] {
		if s.Context <= context {
			continue
		}
		if i == 0 {
			return tooLong(p.Length, context)
		}
		p.leave(i, tooShort(context))
		break
	}
	return nil
}

// greedily is how questions are answered whose answers are counted.
func greedily() rollout.Branch {
	return rollout.Branch{N: 1, MaxTokens: answerTokens, Sampling: rollout.Sampling{TopP: 1}}
}
