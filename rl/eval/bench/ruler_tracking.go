package bench

import "fmt"

// Tracking asks which variables have a value that was given to one of them and handed on from each to
// the next. Other chains of the same length have other values.
func init() {
	register(Benchmark{Name: "ruler-tracking", About: "variables that have one value by way of others",
		kind: "general_qa", number: 3, make: tracking})
}

func tracking(g *generator, q *Question) {
	const chains, hops, digits = 3, 4, 5
	var groups [][]string
	for chain := range chains {
		value := g.number(digits)
		var group []string
		before := ""
		for hop := range hops + 1 {
			name := g.name()
			if hop == 0 {
				group = append(group, fmt.Sprintf("The variable %s is set to %s.", name, value))
			} else {
				group = append(group, fmt.Sprintf("The variable %s is set to the value of %s.", name, before))
			}
			if before = name; chain == 0 {
				q.Answers = append(q.Answers, name)
			}
		}
		if groups = append(groups, group); chain == 0 {
			q.Text = fmt.Sprintf("Which %d variables have the value %s in the end, by way of others or not?",
				hops+1, value)
		}
	}
	q.All = true
	q.Docs = g.scatter(groups...)
}
