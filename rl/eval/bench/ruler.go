package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"spell/tensor/rng"
)

// The generated benchmarks follow the kinds of tasks of RULER (arXiv 2404.06654): facts lie among
// sentences that do not matter, as many of them as make a prompt of a wanted length. Names, words and
// sentences are our own, and all follows from the seed.

// A generator makes one question.
type generator struct {
	r       *rng.Rand
	index   int      // of the question
	fillers int      // sentences that do not matter
	unused  []string // names, in random order
}

// Generate returns n questions of each of some generated benchmarks, whose prompts are of at most so
// many tokens and as near to that as whole sentences are. tokens measures a prompt.
func Generate(benchmarks []*Benchmark, seed uint64, n, length int, tokens func(*Question) (int, error)) ([]*Question,
	error) {

	var all []*Question
	for _, b := range benchmarks {
		for i := range n {
			q, err := fitted(length, b.most, func(fillers int) (*Question, int, error) {
				q, err := b.generate(seed, i, fillers)
				if err != nil {
					return nil, 0, err
				}
				n, err := tokens(q)
				return q, n, err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.Name, err)
			}
			all = append(all, q)
		}
	}
	return all, nil
}

// generate makes question i among so many sentences that do not matter.
func (b *Benchmark) generate(seed uint64, i, fillers int) (*Question, error) {
	q, err := b.question()
	if err != nil {
		return nil, err
	}
	g := &generator{r: rng.At(seed, rng.Benchmark, b.number, uint64(i), 0), index: i, fillers: fillers}
	g.unused = allNames()
	g.r.Shuffle(len(g.unused), func(i, j int) { g.unused[i], g.unused[j] = g.unused[j], g.unused[i] })
	b.make(g, q)
	q.ID = fmt.Sprintf("%d-%d", seed, i)
	return q, q.setAnswers(q.Answers...)
}

// fitted returns the longest question of at most so many tokens. build makes one with a number of
// sentences that do not matter, of at most most unless that is 0, and measures it; tokens grow with them,
// evenly by and large.
func fitted(length, most int, build func(fillers int) (*Question, int, error)) (*Question, error) {
	lo, hi := 0, -1 // lo fits; hi, if there is one, does not
	best, least, err := build(lo)
	if err != nil {
		return nil, err
	}
	if least > length {
		return nil, fmt.Errorf("a question takes %d tokens and --length is %d; give at least that many", least, length)
	}
	at, over := least, 0 // tokens at lo and hi
	next := 16
	if most == 0 {
		most = math.MaxInt
	}
	for step := 1; lo < most && (hi < 0 || hi-lo > 1); step++ {
		next = min(next, most)
		q, n, err := build(next)
		if err != nil {
			return nil, err
		}
		if n <= length {
			best, lo, at = q, next, n
		} else {
			hi, over = next, n
		}
		if hi < 0 { // as many as would do if each took as much as those so far
			next = lo + max(1, (length-at)*lo/max(1, at-least)) + 8
			continue
		}
		if next = (lo + hi) / 2; step%3 != 0 { // every third step by halves, in case they do not grow evenly
			next = min(max(lo+(length-at)*(hi-lo)/max(1, over-at), lo+1), hi-1)
		}
	}
	return best, nil
}

// name returns a name that the question does not have yet.
func (g *generator) name() string {
	name := g.unused[0]
	g.unused = g.unused[1:]
	return name
}

// number returns a number of so many digits.
func (g *generator) number(digits int) string {
	s := strconv.Itoa(1 + g.r.Intn(9))
	for range digits - 1 {
		s += strconv.Itoa(g.r.Intn(10))
	}
	return s
}

// allNames are invented names, none of which is part of another.
func allNames() (names []string) {
	const (
		starts = "Bal Cor Dun Fel Gar Hol Ist Jun Kel Lom Mar Nev Orl Pas Qui Ros Sil Tam Ulf Ver"
		ends   = "ack bin cot dra eth fin gus hem ila jok kad lun mey nor oph pet rus sev tin vim"
	)
	for _, a := range strings.Fields(starts) {
		for _, b := range strings.Fields(ends) {
			names = append(names, a+b)
		}
	}
	return names
}

// scatter lays facts among the sentences that do not matter, those of one group in their order, and
// cuts all of it into documents.
func (g *generator) scatter(groups ...[]string) (docs []string) {
	const sentencesOfADocument = 12
	type placed struct {
		depth float64 // from 0 to 1
		fact  string
	}
	var facts []placed
	for _, group := range groups {
		depths := make([]float64, len(group))
		for i := range depths {
			depths[i] = g.r.Float64()
		}
		slices.Sort(depths)
		for i, fact := range group {
			facts = append(facts, placed{depths[i], fact})
		}
	}
	slices.SortStableFunc(facts, func(a, b placed) int {
		switch {
		case a.depth < b.depth:
			return -1
		case a.depth > b.depth:
			return 1
		}
		return 0
	})
	var all []string
	for i := range g.fillers + 1 {
		for len(facts) > 0 && facts[0].depth < float64(i+1)/float64(g.fillers+1) {
			all, facts = append(all, facts[0].fact), facts[1:]
		}
		if i < g.fillers {
			all = append(all, g.filler())
		}
	}
	for part := range slices.Chunk(all, sentencesOfADocument) {
		docs = append(docs, strings.Join(part, " "))
	}
	return docs
}

// The words of sentences that do not matter.
var (
	fillerSubjects = strings.Split("The old ferry|A grey heron|The night watch|Every second cart|The miller's dog|"+
		"One of the lamps|The long queue|A handful of sailors|The new clerk|The narrow gate|Most of the orchard|"+
		"A woman with a lantern|The second bell|The empty barrel|Nobody from the village|The wind", "|")
	fillerVerbs = strings.Split("waits|turns back|stands still|comes to rest|goes unnoticed|is late again|"+
		"makes little noise|stays where it was|arrives too early|can hardly be seen", "|")
	fillerPlaces = strings.Split("behind the mill|at the far bank|under the arches|near the market|by the low wall|"+
		"beside the well|above the harbour|along the towpath|in front of the inn|across the square|"+
		"outside the chapel|on the wet stones", "|")
	fillerTimes = strings.Split("in the morning|before the rain|after the fair|at the end of the week|in late autumn|"+
		"while the tide is out|when the shops close|for most of the day", "|")
)

// filler returns a sentence that does not matter.
func (g *generator) filler() string {
	of := func(list []string) string { return list[g.r.Intn(len(list))] }
	return of(fillerSubjects) + " " + of(fillerVerbs) + " " + of(fillerPlaces) + " " + of(fillerTimes) + "."
}
