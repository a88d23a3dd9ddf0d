package bench

import (
	"spell/rl/corpus/world"
)

// The generated world asks for what follows from its documents, whose names no self-play over it reads, in
// words that none uses: as many questions of each kind, over as many documents as the length takes or the
// world has names for.
func init() {
	register(Benchmark{Name: "world", About: "facts, hops and sums of the generated world", kind: "general_qa",
		number: 6, most: worldNames() - leastWorld, make: aboutWorld})
}

// leastWorld is the number of documents of the shortest prompt.
const leastWorld = 3

// worldNames returns how many documents the world has names for.
func worldNames() int {
	n := 0
	for _, c := range []world.Class{world.Person, world.Town, world.Firm} {
		n += len(world.Names(c, world.HeldOut))
	}
	return min(n, world.MaxDocs)
}

// aboutWorld makes a question of the kind whose turn it is. Few documents may lack it, and then other
// clusters, and at last other kinds, are tried.
func aboutWorld(g *generator, q *Question) {
	const clusters = 20
	o := world.Options{Docs: leastWorld + g.fillers, Pool: world.HeldOut, Chains: true}
	for turn := range world.NumQuestionKinds {
		kind := world.Kind((g.index + turn) % world.NumQuestionKinds)
		for range clusters {
			c, err := world.Generate(g.r.Uint64(), 0, o)
			if err != nil {
				return
			}
			asked, ok := c.Question(g.r, kind, world.Asking{HeldOutPhrasing: true})
			if !ok {
				continue
			}
			q.Part, q.Task, q.Question, q.Docs = kind.String(), asked.Task, asked.Question, c.Texts()
			q.Answers = []string{q.Answer}
			if alias, ok := world.Alias(q.Answer); ok {
				q.Answers = append(q.Answers, alias)
			}
			return
		}
	}
}
