package corpus

import (
	"slices"

	"spell/rl/corpus/term"
)

// group divides documents, of which any two fit a prompt together, into groups that each fit one.
// It returns the groups in the order of their first documents.
//
// Each group begins with the document that is least like all that remain, and takes in the one that
// is most like the group, until it holds its even share. An outlier has thus first choice of its
// company.
func (d *divider) group(docs []sized) ([][]sized, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	words := term.NewCounter()
	for _, doc := range docs {
		words.Add(doc.Text)
		words.Next()
	}
	g := grouping{divider: d, docs: docs, vectors: words.Vectors()}
	for i := range docs {
		g.rest = append(g.rest, i)
	}
	for len(g.rest) > 0 {
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		g.groups = append(g.groups, g.take())
	}
	g.settle()
	for _, group := range g.groups {
		slices.Sort(group)
	}
	slices.SortFunc(g.groups, slices.Compare)
	out := make([][]sized, 0, len(g.groups))
	for _, group := range g.groups {
		var own []sized
		for _, i := range group {
			own = append(own, docs[i])
		}
		if len(own) == 1 {
			own = d.halve(own[0])
		}
		if len(own) > 1 {
			out = append(out, own)
		}
	}
	return out, nil
}

// grouping is documents on their way into groups, all given by their indices.
type grouping struct {
	*divider
	docs    []sized
	vectors []term.Vector
	rest    []int // ascending
	groups  [][]int
}

// take moves the documents of one group out of the rest.
func (g *grouping) take() []int {
	size := 0
	for _, i := range g.rest {
		size += g.docs[i].size
	}
	share := size / max(ceilDiv(size, g.limit), ceilDiv(len(g.rest), g.maxDocs))
	if 0 < g.least && g.least < g.limit {
		share = min(share, g.least+int(float64(g.limit-g.least)*spread(len(g.groups))))
	}
	group := []int{g.rest[g.outlier()]}
	size = g.docs[group[0]].size
	like := make([]float64, len(g.docs)) // the sum of the cosines with the documents of the group
	g.rest = slices.DeleteFunc(g.rest, func(i int) bool { return i == group[0] })
	for len(group) < g.maxDocs {
		best := -1
		last := g.vectors[group[len(group)-1]]
		for _, i := range g.rest {
			like[i] += g.vectors[i].Cosine(last)
			if size+g.docs[i].size <= g.limit && (best < 0 || like[i] > like[best]) {
				best = i
			}
		}
		if best < 0 || len(group) > 1 && size+g.docs[best].size-share > share-size {
			break
		}
		group = append(group, best)
		size += g.docs[best].size
		g.rest = slices.DeleteFunc(g.rest, func(i int) bool { return i == best })
	}
	return group
}

// spread returns the i-th of numbers between 0 and 1 that are spread as evenly as so many can be: ½, ¼, ¾, ⅛, ⅝ … (van
// der Corput).
func spread(i int) float64 {
	x, digit := 0.0, 0.5
	for i++; i > 0; i /= 2 {
		x += digit * float64(i%2)
		digit /= 2
	}
	return x
}

// outlier returns the place in the rest of the document that is least like all of it.
func (g *grouping) outlier() int {
	vectors := make([]term.Vector, len(g.rest))
	for k, i := range g.rest {
		vectors[k] = g.vectors[i]
	}
	mean := term.Mean(vectors...)
	place, least := 0, 2.0
	for k, v := range vectors {
		if c := v.Along(mean); c < least {
			place, least = k, c
		}
	}
	return place
}

// settle finds company for a document that is alone in the last group: the most similar group that
// has room for it, or else the most similar document of a group that can spare one.
func (g *grouping) settle() {
	last := len(g.groups) - 1
	if len(g.groups[last]) > 1 {
		return
	}
	lone := g.groups[last][0]
	room, roomMost := -1, -1.0
	from, place, most := -1, 0, -1.0
	for k, group := range g.groups[:last] {
		size := g.docs[lone].size
		for _, i := range group {
			size += g.docs[i].size
		}
		for at, i := range group {
			like := g.vectors[i].Cosine(g.vectors[lone])
			if size <= g.limit && len(group) < g.maxDocs && like > roomMost {
				room, roomMost = k, like
			}
			if len(group) > 2 && like > most {
				from, place, most = k, at, like
			}
		}
	}
	switch {
	case room >= 0:
		g.groups[room] = append(g.groups[room], lone)
		g.groups = g.groups[:last]
	case from >= 0:
		g.groups[last] = append(g.groups[last], g.groups[from][place])
		g.groups[from] = slices.Delete(g.groups[from], place, place+1)
	}
}
