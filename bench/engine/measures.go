package main

import (
	"fmt"
	"strings"

	"spell/bench/shapes"
	"spell/kernels"
	"spell/model"
)

// A shape is a model to measure.
type shape struct {
	name string
	model.Config
}

var models = []shape{
	{"qwen2.5-0.5b", shapes.Qwen05B}, {"smollm-135m", shapes.Smol135M},
	{"llama-124m", shapes.Llama124M}, {"llama-7.9m", shapes.Llama8M},
}

func names() string {
	var list []string
	for _, s := range models {
		list = append(list, s.name)
	}
	return strings.Join(list, ", ")
}

func named(name string) (shape, error) {
	for _, s := range models {
		if s.name == name {
			return s, nil
		}
	}
	return shape{}, fmt.Errorf("there is no model %q; there are %s", name, names())
}

// A measure is something both engines do, which gives one or more figures.
type measure struct {
	figures []figure
	ours    func(e *engine, s side) ([]pass, []span, error)
	peer    func(p *peer) ([]float64, error) // a rate for each figure, NaN where it has none; nil without the program

	slots, scored int // rows of a cache and of a document that ours needs
}

// A figure is tokens a second.
type figure struct {
	name   string
	memory bool // what bounds it, rather than arithmetic
}

// measures lists what to measure.
func (o *options) measures(vocab int) (list []measure) {
	for _, kind := range o.kinds {
		switch kind {
		case "prefill":
			for _, n := range o.prompts {
				list = append(list, measure{
					figures: []figure{{fmt.Sprintf("prompt of %d", n), false}}, slots: slots(n, 1),
					ours: func(e *engine, s side) ([]pass, []span, error) { return e.answer(s, tokens(n, vocab), 1) },
					peer: func(p *peer) ([]float64, error) { return p.prefill(n) }})
			}
		case "decode":
			list = append(list, measure{figures: []figure{{"one answer", true}}, slots: slots(1, o.length+1),
				ours: func(e *engine, s side) ([]pass, []span, error) {
					passes, spans, err := e.answer(s, tokens(1, vocab), o.length+1)
					return passes, spans[1:], err
				},
				peer: func(p *peer) ([]float64, error) { return p.decode(o.length) }})
		case "group":
			lengths := []int{2*o.length + 1} // one goes on alone
			for range o.answers - 1 {
				lengths = append(lengths, o.length+1)
			}
			list = append(list, measure{slots: slots(o.long, lengths...),
				figures: []figure{{fmt.Sprintf("prompt of %d", o.long), false},
					{fmt.Sprintf("%d answers after it", o.answers), true}, {"one answer after it", true}},
				ours: func(e *engine, s side) ([]pass, []span, error) {
					return e.answer(s, tokens(o.long, vocab), lengths...)
				},
				peer: func(p *peer) ([]float64, error) { return p.group(o.long, o.answers, o.length) }})
		case "score":
			list = append(list, measure{figures: []figure{{fmt.Sprintf("scoring %d", o.score), false}}, scored: o.score,
				ours: func(e *engine, s side) ([]pass, []span, error) { return e.read(s, tokens(o.score, vocab)) },
				peer: func(*peer) ([]float64, error) { return nil, nil }})
		}
	}
	return list
}

// slots is the rows of a cache that a prompt and answers to it take: whole pages each.
func slots(prompt int, answers ...int) int {
	const page = kernels.KeyBlock
	n := (prompt + page - 1) / page
	for _, length := range answers {
		n += (length + page - 1) / page
	}
	return n * page
}

// rates runs the measure on the processor.
func (m *measure) rates(e *engine) ([]float64, error) {
	passes, spans, err := m.ours(e, e.on[0])
	if err != nil {
		return nil, err
	}
	var list []float64
	for _, s := range spans {
		list = append(list, s.rate(passes))
	}
	return list, nil
}

// A cost is what a token takes.
type cost struct{ flops, gigabytes float64 }

// costs runs the measure on paper.
func (m *measure) costs(e *engine) ([]cost, error) {
	passes, spans, err := m.ours(e, e.on[1])
	if err != nil {
		return nil, err
	}
	var list []cost
	for _, s := range spans {
		list = append(list, s.cost(passes))
	}
	return list, nil
}
