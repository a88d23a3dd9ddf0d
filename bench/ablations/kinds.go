package main

import (
	"context"
	"fmt"
	"io"

	"spell/bench/rounds"
	"spell/rl/corpus/world"
	"spell/rl/eval"
)

// kinds prints the accuracy by kind of question, before and after the runs of a row: a line per kind, a column per
// length, and last what the row has of all kinds but counts, which no questioner asks.
func kinds(ctx context.Context, w io.Writer, runs []result) error {
	type cell struct{ before, after eval.Count }
	lengths := runs[0].Tests
	table := map[string][]cell{}
	var names []string // of the kinds, in their order
	others := make([]cell, len(lengths))
	add := func(kind string, length int, before, after eval.Count) {
		if table[kind] == nil {
			table[kind], names = make([]cell, len(lengths)), append(names, kind)
		}
		cells := []*cell{&table[kind][length]}
		if kind != world.Count.String() {
			cells = append(cells, &others[length])
		}
		for _, c := range cells {
			c.before.N, c.before.Right = c.before.N+before.N, c.before.Right+before.Right
			c.after.N, c.after.Right = c.after.N+after.N, c.after.Right+after.Right
		}
	}
	one := func(right float64) eval.Count { return eval.Count{N: 1, Right: int(right)} }
	for _, r := range runs {
		for i, t := range r.Tests {
			if len(t.Before.ByKind) > 0 {
				for k, c := range t.Before.ByKind {
					if c.N > 0 {
						add(c.Kind, i, c.Count, t.After.ByKind[k].Count)
					}
				}
				continue
			}
			for k := range world.NumQuestionKinds { // in this order
				add(world.Kind(k).String(), i, eval.Count{}, eval.Count{})
			}
			items, err := eval.HeldOut(ctx, t.Before.All.N, t.Docs)
			if err != nil {
				return err
			}
			before, after := eval.Points(t.Before.Outcomes), eval.Points(t.After.Outcomes)
			at := 0
			for _, item := range items {
				for _, q := range item.Questions {
					if at == min(len(before), len(after)) {
						return fmt.Errorf("%s, seed %d: the outcomes over %s are of fewer questions than the test has",
							r.Row, r.Seed, t.length())
					}
					add(q.Kind.String(), i, one(before[at]), one(after[at]))
					at++
				}
			}
		}
	}
	titles := []string{""}
	for _, t := range lengths {
		titles = append(titles, t.length())
	}
	cells := [][]string{titles}
	line := func(name string, list []cell) {
		row := []string{name}
		for _, c := range list {
			row = append(row, fmt.Sprintf("%.1f → %.1f", 100*c.before.Rate(), 100*c.after.Rate()))
		}
		cells = append(cells, row)
	}
	for _, name := range names {
		if table[name][0].before.N > 0 {
			line(name, table[name])
		}
	}
	if table[world.Count.String()] != nil {
		line("all but counts", others)
	} else {
		line("all", others)
	}
	rounds.Table(w, cells)
	return nil
}
