package bench

import (
	"fmt"
	"strings"
)

// Aggregation asks for the words that a list holds most often: three of them are half of the list, and
// the others share the rest.
func init() {
	register(Benchmark{Name: "ruler-aggregation", About: "the words that are there most often", kind: "general_qa",
		number: 4, make: aggregation})
}

func aggregation(g *generator, q *Question) {
	const frequent, rare, least, wordsOfADocument = 3, 40, 12, 48
	words := make([]string, frequent+rare)
	for i := range words {
		words[i] = strings.ToLower(g.name())
	}
	var list []string
	for i := range least + g.fillers { // every second one is frequent, each of them as often
		word := words[frequent+g.r.Intn(rare)]
		if i%2 == 0 {
			word = words[i/2%frequent]
		}
		list = append(list, word)
	}
	for i := 0; i+1 < len(list); i += 2 * frequent { // in any order near their place, so that length keeps the counts
		part := list[i:min(i+2*frequent, len(list))]
		g.r.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
	for i := 0; i < len(list); i += wordsOfADocument {
		q.Docs = append(q.Docs, strings.Join(list[i:min(i+wordsOfADocument, len(list))], " "))
	}
	q.Text = fmt.Sprintf("Which %d words stand most often in the text?", frequent)
	q.Answers, q.All = words[:frequent], true
}
