package bench

import "fmt"

// Multi-hop asks for what three facts in a row lead to. Other rows of facts are alike.
func init() {
	register(Benchmark{Name: "ruler-multihop", About: "three facts in a row", kind: "general_qa", number: 5,
		make: multihop})
}

func multihop(g *generator, q *Question) {
	const rows = 5
	var groups [][]string
	for row := range rows {
		firm, head, town, builder := g.name(), g.name(), g.name(), g.name()
		for _, fact := range []string{
			fmt.Sprintf("The firm of %s is led by %s.", firm, head),
			fmt.Sprintf("%s lives in the town of %s.", head, town),
			fmt.Sprintf("The bridge of %s was built by %s.", town, builder),
		} {
			groups = append(groups, []string{fact})
		}
		if row == 0 {
			q.Text = fmt.Sprintf("Who built the bridge of the town in which the head of the firm of %s lives?", firm)
			q.Answers = []string{builder}
		}
	}
	q.Docs = g.scatter(groups...)
}
