package reading

import (
	"path"
	"strconv"
	"strings"

	"spell/rl/corpus"
	"spell/tensor/rng"
)

// pieceChars is the most characters of a piece that a file is cut into.
const pieceChars = 4000

// Gather returns a corpus of whole texts: those of a folder are a cluster, cut into pieces that each begin
// with the title of their text if it has one.
func Gather(texts []corpus.Document) *corpus.Corpus {
	c := &corpus.Corpus{}
	clusters := map[string]int{}
	for _, t := range texts {
		dir := path.Dir(t.Name)
		i, known := clusters[dir]
		if !known {
			i = len(c.Clusters)
			clusters[dir] = i
			c.Clusters = append(c.Clusters, corpus.Cluster{Name: dir})
		}
		n := 0
		for piece := range corpus.Cut(t.Text, pieceChars) {
			n++
			d := corpus.Document{Name: t.Name + "#" + strconv.Itoa(n), Text: piece}
			c.Clusters[i].Docs = append(c.Clusters[i].Docs, d)
		}
		c.Stats.Documents += n
	}
	c.Stats.Clusters = len(c.Clusters)
	return Prepared(c)
}

// A library is the pieces of which passages are taken.
type library struct {
	docs    []corpus.Document // of all clusters
	starts  []int             // where those of each document's cluster begin
	ends    []int
	measure func(string) int
}

func newLibrary(c *corpus.Corpus, measure func(string) int) *library {
	l := &library{measure: measure}
	for _, cl := range c.Clusters {
		start := len(l.docs)
		l.docs = append(l.docs, cl.Docs...)
		for range cl.Docs {
			l.starts, l.ends = append(l.starts, start), append(l.ends, start+len(cl.Docs))
		}
	}
	return l
}

// neighbours is how often the next passage is of the document behind the one before.
const neighbours = 0.3

// passages returns up to n passages of one cluster, of at most length in all. A cluster with fewer documents
// gives fewer and longer ones. It returns none if no sentence at the places that were tried is that short.
func (l *library) passages(r *rng.Rand, n, length int) (texts []string) {
	at := r.Intn(len(l.docs))
	start, end := l.starts[at], l.ends[at]
	n = min(n, end-start)
	taken := map[int]bool{}
	for n > 0 {
		taken[at] = true
		if text, size := l.passage(r, l.docs[at].Text, length/n); text != "" {
			texts, length = append(texts, text), length-size
		}
		if n--; n == 0 {
			break
		}
		if at+1 < end && chance(r, neighbours) {
			at++
		}
		for taken[at] {
			at = start + r.Intn(end-start)
		}
	}
	r.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	return texts
}

// passage returns consecutive sentences of a text from a random one on, of at most length in all, below the
// title of the text if it has one, and their size. Lines are kept, blank ones are not.
func (l *library) passage(r *rng.Rand, text string, length int) (passage string, size int) {
	all := lines(text)
	title := titleOf(text, all)
	var parts []string // sentences, each with what stands before it
	for i, line := range all {
		if i == 0 && title != "" {
			continue
		}
		before := "\n"
		for _, s := range sentences(text, line) {
			parts = append(parts, before+oneSpace(text[s.start:s.end]))
			before = " "
		}
	}
	if len(parts) == 0 {
		return "", 0
	}
	size = l.measure(title) + 1
	sizes, last, behind := make([]int, len(parts)), 0, size
	for i := len(parts) - 1; i >= 0; i-- { // the last sentence from which on enough is left
		sizes[i] = l.measure(parts[i])
		if behind += sizes[i]; behind > length {
			last = i
			break
		}
	}
	from := r.Intn(last + 1)
	to := from
	for ; to < len(parts); to++ {
		if sizes[to] == 0 {
			sizes[to] = l.measure(parts[to])
		}
		if size+sizes[to] > length {
			break
		}
		size += sizes[to]
	}
	if from == to {
		return "", 0
	}
	// What begins within a line begins a line here: a title has its own.
	return strings.TrimSpace(title + "\n" + strings.TrimSpace(strings.Join(parts[from:to], ""))), size
}
