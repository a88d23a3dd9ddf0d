package folder

import (
	"cmp"
	"slices"

	"spell/rl/corpus/term"
)

// bisect cuts units in two by spherical 2-means, and the halves again, until each half fits a
// cluster; it returns each as one unit.
func (r *reader) bisect(units []unit, opts Options) ([]unit, error) {
	if weight(units) <= opts.MaxDocs {
		return []unit{join(units)}, nil
	}
	const maxRounds = 16
	// Start from the unit farthest from the mean, and the one farthest from that.
	a := mean(farthest(units, mean(units)))
	b := mean(farthest(units, a))
	at := 0
	for range maxRounds {
		if err := r.meter.check(); err != nil {
			return nil, err
		}
		type scored struct {
			unit
			score float64
		}
		byScore := make([]scored, len(units))
		for i, u := range units {
			byScore[i] = scored{u, u.vec.Along(b) - u.vec.Along(a)}
		}
		slices.SortFunc(byScore, func(x, y scored) int {
			return cmp.Or(cmp.Compare(x.score, y.score), cmp.Compare(x.docs[0], y.docs[0]))
		})
		natural, same := 0, true
		for i, s := range byScore {
			if s.score <= 0 {
				natural = i + 1
			}
			same = same && s.docs[0] == units[i].docs[0]
			units[i] = s.unit
		}
		before := at
		at = divide(units, natural, opts)
		if same && at == before {
			break
		}
		a, b = mean(units[:at]), mean(units[at:])
	}
	left, err := r.bisect(units[:at], opts)
	if err != nil {
		return nil, err
	}
	right, err := r.bisect(units[at:], opts)
	return append(left, right...), err
}

// farthest returns the one unit that is least similar to m.
func farthest(units []unit, m *term.Direction) []unit {
	best, least := 0, 2.0
	for i, u := range units {
		if c := u.vec.Along(m); c < least {
			best, least = i, c
		}
	}
	return units[best : best+1]
}

// divide returns where to cut units, at the place nearest to natural that leaves either side a
// quarter of the documents and at least MinDocs; if there is none, where the smaller side is
// largest.
func divide(units []unit, natural int, opts Options) int {
	total, left := weight(units), 0
	low := max(opts.MinDocs, total/4)
	nearest, even, evenSide := 0, 0, 0
	for at := 1; at < len(units); at++ {
		left += len(units[at-1].docs)
		side := min(left, total-left)
		if side > evenSide {
			even, evenSide = at, side
		}
		if side >= low && (nearest == 0 || max(at-natural, natural-at) < max(nearest-natural, natural-nearest)) {
			nearest = at
		}
	}
	if nearest == 0 {
		return even
	}
	return nearest
}

// mergeSmall joins every group of fewer than MinDocs documents to the most similar one that has
// room for it. If none has room, the most similar one takes it in and is cut evenly in two; their
// sum then exceeds MaxDocs, so either half has MinDocs.
func (r *reader) mergeSmall(groups []unit, opts Options) ([]unit, error) {
	for {
		if err := r.meter.check(); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(groups, func(g unit) bool { return len(g.docs) < opts.MinDocs })
		if i < 0 || len(groups) == 1 {
			return groups, nil
		}
		small := groups[i]
		groups = slices.Delete(groups, i, i+1)
		to := mostSimilar(groups, small, opts.MaxDocs-len(small.docs))
		if to < 0 {
			to = mostSimilar(groups, small, opts.MaxDocs)
		}
		both := join([]unit{groups[to], small})
		groups[to] = both
		if n := len(both.docs); n > opts.MaxDocs {
			// The halves keep the joint vector, near enough for whatever is still to be merged.
			groups[to].docs = both.docs[:n/2]
			groups = append(groups, unit{both.docs[n/2:], both.vec})
		}
	}
}

// mostSimilar returns the index of the group of at most room documents that is most similar to u,
// or −1.
func mostSimilar(groups []unit, u unit, room int) int {
	best, most := -1, -1.0
	for i, g := range groups {
		if c := g.vec.Cosine(u.vec); len(g.docs) <= room && c > most {
			best, most = i, c
		}
	}
	return best
}
