package world

import (
	"fmt"
	"strings"

	"spell/rl/corpus"
	"spell/tensor/rng"
)

// Kinds says what the documents of a cluster are about.
type Kinds uint8

const (
	Mixed Kinds = iota // persons, towns and firms
	// Homogeneous clusters are about one of the three. A value's class
	// alone then says nothing about the document to look in.
	Homogeneous
)

// MaxDocs is the most documents a cluster may have.
const MaxDocs = 64

// Options says which clusters to generate.
type Options struct {
	Pool    Pool
	Docs    int   // documents in a cluster, 1–64
	MaxDocs int   // if larger than Docs: their number is drawn from Docs … MaxDocs
	Kinds   Kinds // Homogeneous clusters have no links
	// Linked is the share of references that point to another document of the cluster, if that has
	// one of the right class. 0 means 0.85, a negative number means none.
	Linked float64
	Chains bool // as many persons as towns and firms, so that every reference finds a document of the right class
	Style  Style
}

func (o Options) most() int { return max(o.Docs, o.MaxDocs) }

// check returns an error if the pool cannot give such clusters.
func (o Options) check() error {
	most := o.most()
	if o.Docs < 1 || most > MaxDocs {
		return fmt.Errorf("a cluster of the generated world cannot have %d to %d documents: ask for 1 to %d",
			o.Docs, most, MaxDocs)
	}
	var room int
	for c := range Class(numKinds) {
		n := len(names.members[o.Pool][c])
		if o.Kinds == Homogeneous {
			room = max(room, n)
		} else {
			room += n
		}
	}
	if most > room {
		return fmt.Errorf("the generated world has names for %d documents of these kinds in this pool, "+
			"not for %d: ask for fewer", room, most)
	}
	return nil
}

// Cluster is a cluster of documents and what they say.
type Cluster struct {
	corpus.Cluster // a document's name is its entity
	Pool           Pool
	Facts          [][]Fact // of each document, in the order of its sentences

	docOf map[string]int // document of an entity
}

// Generate returns the cluster at an index: the same one for the same arguments.
func Generate(seed, index uint64, opts Options) (*Cluster, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return generate(rng.At(seed, rng.World, useCluster, index, 0), fmt.Sprintf("world-%d-%d", seed, index), opts), nil
}

// generate returns a cluster by options that were checked.
func generate(r *rng.Rand, name string, opts Options) *Cluster {
	n := opts.Docs + r.Intn(opts.most()-opts.Docs+1)
	members := &names.members[opts.Pool]
	var chosen, others [numKinds][]string // names with a document and without
	for c, count := range countKinds(r, n, opts) {
		all := shuffle(r, append([]string(nil), members[c]...))
		chosen[c], others[c] = all[:count], all[count:]
	}
	linked := opts.Linked
	if linked == 0 {
		linked = 0.85
	}
	value := func(c Class) string {
		if c >= numKinds {
			return pick(r, members[c])
		}
		near := chance(r, linked)
		if len(chosen[c]) > 0 && (near || len(others[c]) == 0) {
			return pick(r, chosen[c])
		}
		return pick(r, others[c])
	}
	cl := &Cluster{Pool: opts.Pool, docOf: make(map[string]int, n)}
	cl.Name = name
	for c := range Class(numKinds) {
		for _, subject := range chosen[c] {
			var facts []Fact
			for _, rel := range relationsOf[c] {
				facts = append(facts, Fact{subject, rel, value(relations[rel].value)})
			}
			cl.Facts = append(cl.Facts, shuffle(r, facts))
		}
	}
	shuffle(r, cl.Facts)
	for d, facts := range cl.Facts {
		sentences := make([]string, len(facts))
		for i, f := range facts {
			if sentences[i] = f.String(); opts.Style == Natural {
				sentences[i] = f.natural(r.Intn(2))
			}
		}
		subject := facts[0].Subject
		cl.docOf[subject] = d
		cl.Docs = append(cl.Docs, corpus.Document{Name: subject, Text: strings.Join(sentences, " ")})
	}
	return cl
}

// countKinds divides n documents among persons, towns and firms, as far as the pool's names go.
func countKinds(r *rng.Rand, n int, opts Options) (count [numKinds]int) {
	var room [numKinds]int
	for c := range room {
		room[c] = len(names.members[opts.Pool][c])
	}
	if opts.Kinds == Homogeneous {
		var fits []int
		for c := range room {
			if room[c] >= n {
				fits = append(fits, c)
			}
		}
		count[pick(r, fits)] = n
		return count
	}
	order := r.Perm(numKinds)
	for i := 0; n > 0; i++ {
		c := order[i%numKinds]
		if !opts.Chains {
			c = r.Intn(numKinds)
		}
		if count[c] < room[c] {
			count[c]++
			n--
		}
	}
	return count
}

// Texts returns the documents as prompts take them.
func (c *Cluster) Texts() []string {
	texts := make([]string, len(c.Docs))
	for i, d := range c.Docs {
		texts[i] = d.Text
	}
	return texts
}

// subject returns the entity of document d.
func (c *Cluster) subject(d int) string { return c.Facts[d][0].Subject }

// value returns what the documents say of a subject, and the document that says it.
func (c *Cluster) value(subject string, rel Relation) (value string, doc int, ok bool) {
	doc, ok = c.docOf[subject]
	if !ok {
		return "", 0, false
	}
	for _, f := range c.Facts[doc] {
		if f.Relation == rel {
			return f.Value, doc, true
		}
	}
	return "", 0, false
}
