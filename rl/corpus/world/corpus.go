package world

import (
	"fmt"

	"spell/rl/corpus"
	"spell/tensor/rng"
)

// Corpus is a corpus of generated clusters that keeps what is true of them.
type Corpus struct {
	corpus.Corpus
	clusters map[string]*Cluster
}

// NewCorpus generates a corpus of n clusters: the same one for the
// same arguments. A document's name there begins with its cluster's,
// "world-7-12/Tolan", since names recur from cluster to cluster.
func NewCorpus(seed uint64, n int, opts Options) (*Corpus, error) {
	if n < 1 {
		return nil, fmt.Errorf("a generated corpus cannot have %d clusters: ask for at least 1", n)
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	w := &Corpus{clusters: make(map[string]*Cluster, n)}
	for i := range uint64(n) {
		c := generate(rng.At(seed, rng.World, useCorpus, i, 0), fmt.Sprintf("world-%d-%d", seed, i), opts)
		for d := range c.Docs {
			c.Docs[d].Name = c.Name + "/" + c.Docs[d].Name
		}
		w.Clusters = append(w.Clusters, c.Cluster)
		w.clusters[c.Name] = c
		w.Stats.Documents += len(c.Docs)
	}
	w.Stats.Clusters = n
	return w, nil
}

// Cluster returns the generated cluster with a name.
func (w *Corpus) Cluster(name string) (*Cluster, bool) {
	c, ok := w.clusters[name]
	return c, ok
}
