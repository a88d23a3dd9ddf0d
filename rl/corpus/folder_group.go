package corpus

import (
	"cmp"
	"path"
	"slices"
)

// unit is a list of documents that stay together: those of a short file, a run of a long one, or a finished group of units.
type unit struct {
	docs []int // indices of documents, ascending
	vec  vector
}

// weight returns the number of documents in units.
func weight(units []unit) (n int) {
	for _, u := range units {
		n += len(u.docs)
	}
	return n
}

// join makes one unit of several.
func join(units []unit) unit {
	var docs []int
	for _, u := range units {
		docs = append(docs, u.docs...)
	}
	slices.Sort(docs)
	return unit{docs, mean(units).sparse()}
}

// groupFolders makes the clusters of all folders.
func groupFolders(pieces []piece, opts Options, stats *Stats) []Cluster {
	type found struct {
		name string
		docs []int
	}
	var all []found
	files, folders := filesByFolder(pieces)
	for _, folder := range slices.Backward(folders) { // hence children before their parents
		own := files[folder]
		slices.SortFunc(own, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
		total := 0
		for _, docs := range own {
			total += len(docs)
		}
		switch {
		case total >= opts.MinDocs:
			groups := groupFiles(own, pieces, opts)
			for _, docs := range groups {
				name := folder + "/"
				if len(groups) > 1 {
					name = pieces[docs[0]].Name
				}
				all = append(all, found{name, docs})
			}
		case folder != ".":
			parent := path.Dir(folder)
			files[parent] = append(files[parent], own...)
		default:
			stats.Dropped = total
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.docs[0], b.docs[0]) })

	clusters := make([]Cluster, len(all))
	for i, f := range all {
		clusters[i].Name = f.name
		for _, d := range f.docs {
			clusters[i].Docs = append(clusters[i].Docs, pieces[d].Document)
		}
		stats.Documents += len(f.docs)
	}
	stats.Clusters = len(clusters)
	return clusters
}

// filesByFolder returns, for every folder, the lists of indices of the documents of each of its files, and the sorted paths of
// those folders and all above them.
func filesByFolder(pieces []piece) (files map[string][][]int, folders []string) {
	files = map[string][][]int{}
	for i, p := range pieces {
		folder := path.Dir(p.file)
		if i == 0 || p.file != pieces[i-1].file {
			files[folder] = append(files[folder], nil)
			for f := folder; ; f = path.Dir(f) {
				folders = append(folders, f)
				if f == "." {
					break
				}
			}
		}
		own := files[folder]
		own[len(own)-1] = append(own[len(own)-1], i)
	}
	slices.Sort(folders)
	return files, slices.Compact(folders)
}

// groupFiles cuts one folder's documents, at least MinDocs and given file by file, into groups of MinDocs to MaxDocs.
func groupFiles(files [][]int, pieces []piece, opts Options) [][]int {
	var units []unit // short files, then the runs of long ones
	for _, docs := range files {
		if len(docs) <= opts.MaxDocs {
			units = append(units, unit{docs: docs})
		}
	}
	short := len(units)
	for _, docs := range files {
		if len(docs) <= opts.MaxDocs {
			continue
		}
		for runs := ceilDiv(len(docs), opts.MaxDocs); runs > 0; runs-- {
			n := ceilDiv(len(docs), runs)
			units = append(units, unit{docs: docs[:n]})
			docs = docs[n:]
		}
	}
	texts := make([][]string, len(units))
	for i, u := range units {
		for _, d := range u.docs {
			texts[i] = append(texts[i], pieces[d].Text)
		}
	}
	for i, v := range tfidf(texts) {
		units[i].vec = v
	}
	groups := slices.Clone(units[short:])
	if short > 0 {
		groups = append(groups, bisect(units[:short], opts)...)
	}
	groups = mergeSmall(groups, opts)
	out := make([][]int, len(groups))
	for i, g := range groups {
		out[i] = g.docs
	}
	return out
}

// bisect cuts units in two by spherical 2-means, and the halves again, until each half fits a cluster; it returns each as one unit.
func bisect(units []unit, opts Options) []unit {
	if weight(units) <= opts.MaxDocs {
		return []unit{join(units)}
	}
	const maxRounds = 16
	// Start from the unit farthest from the mean, and the one farthest from that.
	a := mean(farthest(units, mean(units)))
	b := mean(farthest(units, a))
	at := 0
	for range maxRounds {
		type scored struct {
			unit
			score float64
		}
		byScore := make([]scored, len(units))
		for i, u := range units {
			byScore[i] = scored{u, u.vec.along(b) - u.vec.along(a)}
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
	return append(bisect(units[:at], opts), bisect(units[at:], opts)...)
}

// farthest returns the one unit that is least similar to m.
func farthest(units []unit, m *direction) []unit {
	best, least := 0, 2.0
	for i, u := range units {
		if c := u.vec.along(m); c < least {
			best, least = i, c
		}
	}
	return units[best : best+1]
}

// divide returns where to cut units, at the place nearest to natural that leaves either side a quarter of the documents and at
// least MinDocs; if there is none, where the smaller side is largest.
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

// mergeSmall joins every group of fewer than MinDocs documents to the most similar one that has room for it. Where none has room,
// the most similar one takes it in and is cut evenly in two; their sum then exceeds MaxDocs, so either half has MinDocs.
func mergeSmall(groups []unit, opts Options) []unit {
	for {
		i := slices.IndexFunc(groups, func(g unit) bool { return len(g.docs) < opts.MinDocs })
		if i < 0 || len(groups) == 1 {
			return groups
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

// mostSimilar returns the index of the group of at most room documents that is most similar to u, or −1.
func mostSimilar(groups []unit, u unit, room int) int {
	best, most := -1, -1.0
	for i, g := range groups {
		if c := g.vec.cosine(u.vec); len(g.docs) <= room && c > most {
			best, most = i, c
		}
	}
	return best
}
