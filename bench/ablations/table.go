package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"spell/bench/rounds"
	"spell/rl/eval"
)

// intervals are how the table's are found.
var intervals = eval.Bootstrap{Seed: 1, Samples: 2000}

// table prints a line per row that has results.
func table(w io.Writer, rows []row, list []result) {
	of := func(name string) (all []result) {
		for _, r := range list {
			if r.Row == name {
				all = append(all, r)
			}
		}
		slices.SortStableFunc(all, func(a, b result) int { return int(a.Seed) - int(b.Seed) })
		return all
	}
	spell, lengths := of(baseline), list[0].Tests
	titles := []string{"", "seeds"}
	for _, t := range lengths {
		titles = append(titles, "gain, "+t.length())
	}
	titles = append(titles, "beyond the first", "readable, beyond the first", "less SPELL's", "true, first → last",
		"answers", "10⁶ tokens", "seconds")
	cells := [][]string{titles}
	for _, r := range rows {
		runs := of(r.name)
		if len(runs) == 0 {
			continue
		}
		g := gains(runs)
		line := []string{r.title, fmt.Sprint(len(runs))}
		for i := range lengths {
			line = append(line, g.cell([]int{i}))
		}
		line = append(line, g.cell(beyond(len(lengths))), readable(runs, beyond(len(lengths))))
		less := "—"
		if r.name != baseline {
			if ours, theirs := common(runs, spell); len(ours) > 0 {
				d := gains(ours).minus(gains(theirs))
				less = d.cell(beyond(len(lengths)))
			}
		}
		cells = append(cells, append(line, append([]string{less}, totals(runs)...)...))
	}
	rounds.Table(w, cells)
}

// beyond returns the places of the lengths beyond the first; the first if there is no other.
func beyond(lengths int) (at []int) {
	for i := 1; i < lengths; i++ {
		at = append(at, i)
	}
	if at == nil {
		at = []int{0}
	}
	return at
}

// length says how long the documents of a test are.
func (t *test) length() string {
	if t.Docs == 0 {
		return fmt.Sprintf("%d tokens", t.Tokens)
	}
	return fmt.Sprintf("%d documents", t.Docs)
}

// totals returns the means of what runs say beside their tests.
func totals(runs []result) []string {
	var share [2]float64
	var answers, tokens, seconds float64
	n := float64(len(runs))
	for _, r := range runs {
		for i := range share {
			share[i] += 100 * r.True[i].Rate() / n
		}
		answers += float64(r.Trained["responder"]) / n
		tokens += float64(r.Tokens) / 1e6 / n
		seconds += r.Seconds / n
	}
	return []string{fmt.Sprintf("%.0f → %.0f %%", share[0], share[1]), fmt.Sprintf("%.0f", answers),
		fmt.Sprintf("%.1f", tokens), fmt.Sprintf("%.0f", seconds)}
}

// common returns the runs of two lists that have a seed in common, in the order of seeds.
func common(a, b []result) (of, with []result) {
	for _, r := range a {
		i := slices.IndexFunc(b, func(other result) bool { return other.Seed == r.Seed })
		if i >= 0 {
			of, with = append(of, r), append(with, b[i])
		}
	}
	return of, with
}

// A gain is what runs gained by length, run and question, from 0 to 1. If not all runs of a length say what became
// of each question, each run has one value for all of them.
type gain [][][]float64

// rights returns a 1 for each question that was answered right and a 0 for each other one; nil if they are not told.
// Where prompts are drawn it is a value for each of them instead, whose mean is that of all questions.
func (o outcome) rights(perPrompt []int) []float64 {
	if len(o.Outcomes) != o.All.N {
		return nil
	}
	points := eval.Points(o.Outcomes)
	if len(perPrompt) == 0 {
		return points
	}
	sums, at := make([]float64, len(perPrompt)), 0
	for i, n := range perPrompt {
		for range min(n, len(points)-at) {
			sums[i] += points[at] * float64(len(perPrompt)) / float64(len(points))
			at++
		}
	}
	return sums
}

// gains returns the gains of runs.
func gains(runs []result) gain {
	g := make(gain, len(runs[0].Tests))
	for i := range g {
		whole := func(r result) bool {
			t := &r.Tests[i]
			of := func(o outcome) int { return len(o.rights(t.PerPrompt)) }
			n := of(t.Before)
			return n > 0 && of(t.After) == n && of(runs[0].Tests[i].Before) == n
		}
		each := !slices.ContainsFunc(runs, func(r result) bool { return !whole(r) })
		for _, r := range runs {
			t := &r.Tests[i]
			if !each {
				g[i] = append(g[i], []float64{t.After.All.Rate() - t.Before.All.Rate()})
				continue
			}
			before, after := t.Before.rights(t.PerPrompt), t.After.rights(t.PerPrompt)
			for k := range after {
				after[k] -= before[k]
			}
			g[i] = append(g[i], after)
		}
	}
	return g
}

// readable returns by how much the share of right answers among those that can be read rose over some lengths, in a
// cell. It is not told if the runs do not all say what became of each question.
func readable(runs []result, lengths []int) string {
	of := make(map[int][]eval.Paired)
	for _, i := range lengths {
		for _, r := range runs {
			t := &r.Tests[i]
			p := eval.Paired{Before: t.Before.Outcomes, After: t.After.Outcomes, PerPrompt: t.PerPrompt}
			if n := len(runs[0].Tests[i].After.Outcomes); n == 0 || len(p.Before) != n || len(p.After) != n {
				return "—"
			}
			of[i] = append(of[i], p)
		}
	}
	return cell(redrawn(lengths, len(runs), func(i int) int { return of[i][0].Draws() },
		func(i, s int, questions []float64) float64 { return of[i][s].Readable(questions) }))
}

// minus returns the differences to the gains of as many runs, by question where both tell them.
func (g gain) minus(other gain) gain {
	d := make(gain, len(g))
	for i := range g {
		for s := range g[i] {
			a, b := g[i][s], other[i][s]
			if len(a) != len(b) {
				a, b = []float64{eval.Mean(a)}, []float64{eval.Mean(b)}
			}
			v := make([]float64, len(a))
			for k := range v {
				v[k] = a[k] - b[k]
			}
			d[i] = append(d[i], v)
		}
	}
	return d
}

// over returns the mean over some lengths, and its interval.
func (g gain) over(lengths []int) eval.Gain {
	return redrawn(lengths, len(g[lengths[0]]), func(i int) int { return len(g[i][0]) },
		func(i, s int, questions []float64) (sum float64) {
			for _, q := range questions {
				sum += g[i][s][int(q)]
			}
			return sum / float64(len(questions))
		})
}

// redrawn returns the mean over lengths and seeds of a value of each, over the questions of some numbers, and its
// interval: what is drawn again are the numbers of the seeds, and at each length those of the questions.
func redrawn(lengths []int, seeds int, questions func(length int) int,
	value func(length, seed int, questions []float64) float64) eval.Gain {

	groups := [][]float64{eval.Numbers(seeds)}
	for _, i := range lengths {
		groups = append(groups, eval.Numbers(questions(i)))
	}
	mean := func(drawn [][]float64) (sum float64) {
		for k, i := range lengths {
			for _, s := range drawn[0] {
				sum += value(i, int(s), drawn[1+k])
			}
		}
		return sum / float64(len(drawn[0])*len(lengths))
	}
	return eval.Gain{Mean: mean(groups), Interval: intervals.Interval(groups, mean)}
}

// cell returns the mean over some lengths in a cell.
func (g gain) cell(lengths []int) string { return cell(g.over(lengths)) }

// cell returns a mean with its interval, in points.
func cell(g eval.Gain) string {
	s := fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*g.Mean, 100*g.Interval[0], 100*g.Interval[1])
	return strings.ReplaceAll(s, "-", "−")
}
