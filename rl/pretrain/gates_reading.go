package pretrain

import (
	"context"
	"strconv"

	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/eval"
)

// A readingTest is the accuracy of answers over documents of a length.
type readingTest struct {
	Length int         `json:"length"`
	Result eval.Result `json:"result"`
}

// lengthenings are the lengths of documents that a base which learned from questions about them is tested
// over, in those that it learned from at most.
var lengthenings = []int{1, 2, 4, 8}

const (
	readingQuestions = 256 // of a test
	readingAnswer    = 96  // tokens of an answer or a question
)

// testedDocs returns the documents that a base is tested on: those held out, or all if none are.
func (r *Run) testedDocs() *corpus.Corpus {
	if len(r.tested) == 0 {
		return r.gathered()
	}
	return reading.Gather(r.tested)
}

// measureReading tests a base on questions about documents. then is called after each part.
func (r *Run) measureReading(ctx context.Context, p eval.Policy, m *Measurement, then func()) error {
	p.Sampling = eval.Sampled
	last := r.last().Reading
	docs := r.testedDocs()
	o := reading.EvaluationOptions{Questions: readingQuestions, Length: last.MaxLength,
		Passage: max(1, last.MaxLength/last.MaxDocs), Weights: last.Asked, Measure: r.measure}
	var err error
	if o.Weights, err = reading.Askable(ctx, r.Config.Seed, docs, o); err != nil {
		return err
	}
	for i, times := range lengthenings {
		o.Length = times * last.MaxLength
		if o.Length+readingAnswer+promptTokens > r.Config.Context {
			break
		}
		items, err := reading.Evaluation(ctx, r.Config.Seed, docs, o)
		if err != nil {
			return err
		}
		res, err := eval.Documents(strconv.Itoa(o.Length), items).Ask(ctx, p, readingAnswer)
		if err != nil {
			return err
		}
		m.Reading = append(m.Reading, readingTest{o.Length, res})
		then()
		if i == 0 {
			if err := r.readingGates(ctx, p, m, docs, last, items, &res); err != nil {
				return err
			}
			then()
		}
	}
	return nil
}

// readingGates measures what self-play over documents needs, at the length of the training.
func (r *Run) readingGates(ctx context.Context, p eval.Policy, m *Measurement, docs *corpus.Corpus,
	last *reading.TrainingOptions, items []reading.Item, res *eval.Result) error {

	for _, g := range []struct {
		kind  reading.Kind
		least float64
	}{{reading.Cloze, 0.85}, {reading.Field, 0.9}, {reading.Number, 0.85}, {reading.Choice, 0.85}} {
		if c := res.ByKind[g.kind]; c.N > 0 {
			what := "answers to questions of the kind " + g.kind.String()
			m.Gates = append(m.Gates, gateResult{what, c.Count, g.least})
		}
	}
	pairs, err := reading.Pairs(ctx, r.prompts, docs, r.measure, *last, r.Config.Seed, readingQuestions)
	if err != nil {
		return err
	}
	var over []eval.Truthful
	for _, it := range items {
		over = append(over, it.Cluster)
	}
	roles, err := eval.RolesOf(ctx, p, over, reading.Tasks(), pairs, readingQuestions, 2*readingAnswer)
	if err != nil {
		return err
	}
	for _, g := range []gate{
		{"questions that can be read", roles.Parse, 0.95},
		{"their reference answers that are true", roles.Right, 0.85},
		{"equal answers that the verifier accepts", roles.Accept, 0.92},
		{"different answers that it rejects", roles.Reject, 0.92},
	} {
		m.Gates = append(m.Gates, gateResult{g.what, g.count, g.least})
	}
	return nil
}
