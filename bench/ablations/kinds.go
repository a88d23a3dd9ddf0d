package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"spell/bench/rounds"
	"spell/rl/corpus/world"
	"spell/rl/eval"
)

// kinds prints the accuracy by kind of question, before and after the runs of a row: a line per kind, a column per
// length, and last what the row has of all kinds but counts, which no questioner asks.
func kinds(ctx context.Context, w io.Writer, runs []result) error {
	type cell struct{ before, after eval.Count }
	lengths := runs[0].Tests
	table := map[world.Kind][]cell{}
	others := make([]cell, len(lengths))
	for _, r := range runs {
		for i, t := range r.Tests {
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
					if table[q.Kind] == nil {
						table[q.Kind] = make([]cell, len(lengths))
					}
					cells := []*cell{&table[q.Kind][i]}
					if q.Kind != world.Count {
						cells = append(cells, &others[i])
					}
					for _, c := range cells {
						c.before.Add(before[at] > 0)
						c.after.Add(after[at] > 0)
					}
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
	for _, k := range slices.Sorted(maps.Keys(table)) {
		line(k.String(), table[k])
	}
	line("all but counts", others)
	rounds.Table(w, cells)
	return nil
}
