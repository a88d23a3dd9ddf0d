package folder

import (
	"cmp"
	"path"
	"slices"

	"spell/rl/corpus"
	"spell/rl/corpus/term"
)

// unit is a list of documents that stay together: those of a short file, a run of a long one, or a
// finished group of units.
type unit struct {
	docs []int // indices of documents, ascending
	vec  term.Vector
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
	return unit{docs, mean(units).Sparse()}
}

// mean returns the direction of the sum of the vectors of units.
func mean(units []unit) *term.Direction {
	vectors := make([]term.Vector, len(units))
	for i, u := range units {
		vectors[i] = u.vec
	}
	return term.Mean(vectors...)
}

// groupFolders returns the clusters of all folders.
func (r *reader) groupFolders(pieces []piece, opts Options) ([]corpus.Cluster, error) {
	if err := r.meter.begin(); err != nil {
		return nil, err
	}
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
			groups, err := r.groupFiles(own, pieces, opts)
			if err != nil {
				return nil, err
			}
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
			r.report.Dropped = total
			for _, docs := range own {
				r.report.Files[pieces[docs[0]].entry].Documents -= len(docs)
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.docs[0], b.docs[0]) })

	clusters := make([]corpus.Cluster, len(all))
	for i, f := range all {
		clusters[i].Name = f.name
		for _, d := range f.docs {
			clusters[i].Docs = append(clusters[i].Docs, pieces[d].Document)
		}
		r.report.Documents += len(f.docs)
	}
	r.report.Clusters = len(clusters)
	return clusters, nil
}

// filesByFolder returns, for every folder, the lists of indices of the documents of each of its
// files, and the sorted paths of those folders and all above them.
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

// groupFiles cuts one folder's documents, at least MinDocs and given file by file, into groups of
// MinDocs to MaxDocs.
func (r *reader) groupFiles(files [][]int, pieces []piece, opts Options) ([][]int, error) {
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
	if err := r.vectors(units, pieces); err != nil {
		return nil, err
	}
	groups := slices.Clone(units[short:])
	if short > 0 {
		halves, err := r.bisect(units[:short], opts)
		if err != nil {
			return nil, err
		}
		groups = append(groups, halves...)
	}
	groups, err := r.mergeSmall(groups, opts)
	if err != nil {
		return nil, err
	}
	out := make([][]int, len(groups))
	for i, g := range groups {
		out[i] = g.docs
	}
	return out, nil
}

// vectors gives every unit its vector.
func (r *reader) vectors(units []unit, pieces []piece) error {
	words := term.NewCounter()
	for _, u := range units {
		for _, d := range u.docs {
			if err := r.meter.step(len(pieces[d].Text)); err != nil {
				return err
			}
			words.Add(pieces[d].Text)
		}
		words.Next()
	}
	for i, v := range words.Vectors() {
		units[i].vec = v
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
