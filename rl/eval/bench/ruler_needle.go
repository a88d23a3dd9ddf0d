package bench

import "fmt"

// A needle is a code that one sentence states, among others that state codes of others. The second
// benchmark asks for all four codes of one name.
func init() {
	register(Benchmark{Name: "ruler-needle", About: "one code among those of others", kind: "general_qa", number: 1,
		make: func(g *generator, q *Question) { needles(g, q, 1) }})
	register(Benchmark{Name: "ruler-needles", About: "all four codes of one name", kind: "general_qa", number: 2,
		make: func(g *generator, q *Question) { needles(g, q, 4) }})
}

// needles asks for so many codes of one name. Four other names have as many.
func needles(g *generator, q *Question, codes int) {
	const others, digits = 4, 7
	var groups [][]string
	for i := range 1 + others {
		name := g.name()
		for range codes {
			code := g.number(digits)
			groups = append(groups, []string{fmt.Sprintf("One access code of %s is %s.", name, code)})
			if i == 0 {
				q.Answers = append(q.Answers, code)
			}
		}
		if i == 0 && codes == 1 {
			q.Text = fmt.Sprintf("What is the access code of %s?", name)
		} else if i == 0 {
			q.Text = fmt.Sprintf("What are all %d access codes of %s?", codes, name)
		}
	}
	q.All = codes > 1
	q.Docs = g.scatter(groups...)
}
