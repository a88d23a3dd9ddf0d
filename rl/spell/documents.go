package spell

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"spell/rl/corpus"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/task"
)

// cluster is the documents that one question may draw on, cut to what a prompt holds.
type cluster struct {
	name string
	docs []string
	of   *Source   // nil: of none
	near []float64 // [i*len(docs)+j]: how near documents i and j are; nil where they are drawn at random
}

// corpus returns the cluster as a corpus has it. Its documents have lost their names.
func (c *cluster) corpus() corpus.Cluster {
	k := corpus.Cluster{Name: c.name}
	for _, text := range c.docs {
		k.Docs = append(k.Docs, corpus.Document{Text: text})
	}
	return k
}

// all returns the numbers of the documents.
func (c *cluster) all() []int {
	numbers := make([]int, len(c.docs))
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// between reports whether a character is no part of a word.
func between(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// nearness weighs the rare words that each two documents share: words with a letter that at most
// a fifth of the documents have, by log(documents/documents that have it).
func nearness(docs []string) []float64 {
	n := len(docs)
	having := map[string][]int{}
	var words []string // in the order of their first occurrence
	for i, d := range docs {
		for w := range strings.FieldsFuncSeq(strings.ToLower(d), between) {
			at := having[w]
			if at == nil && strings.ContainsFunc(w, unicode.IsLetter) {
				words = append(words, w)
			}
			if len(at) == 0 || at[len(at)-1] != i {
				having[w] = append(at, i)
			}
		}
	}
	near := make([]float64, n*n)
	for _, w := range words {
		at := having[w]
		if len(at) > max(2, n/5) {
			continue
		}
		weight := math.Log(float64(n) / float64(len(at)))
		for _, i := range at {
			for _, j := range at {
				if i != j {
					near[i*n+j] += weight
				}
			}
		}
	}
	return near
}

// fit divides the clusters so that the documents of each fit the responder's prompt beside a
// question.
func (g *Game) fit(ctx context.Context, docs *corpus.Corpus) ([]cluster, error) {
	instruction := 0
	for _, t := range g.Config.Tasks {
		prefix, ask := g.Prompts.Questioner(t, nil, nil, role.Drawn{Letter: task.Letters[:1]})
		_, answer := g.Prompts.Responder(t, nil, task.Question{})
		for _, suffix := range []string{ask, answer} {
			prompt, _, err := g.encode(prefix, suffix, 0)
			if err != nil {
				return nil, err
			}
			instruction = max(instruction, len(prompt[0])+len(prompt[1]))
		}
	}
	c := &g.Config
	limit := c.MostPrompt(g.context, max(c.MaxQuestion, c.MaxAnswer)) - instruction - g.room
	mark := g.mark()
	sizes := func(texts []string) []int {
		n := make([]int, len(texts))
		for i, ids := range g.Chat.Tok.EncodeAll(texts) {
			n[i] = len(ids) + mark - 1 // Divide adds one for a line end
		}
		return n
	}
	divided, division, err := corpus.Divide(ctx, g.escaped(docs),
		corpus.Room{Tokens: limit, Docs: c.MaxDocs, Least: c.LeastTokens}, sizes)
	if err != nil {
		return nil, err
	}
	if j, ok := g.Judge.(Divided); ok {
		j.Divided(divided)
	}
	g.unread = division.Unread()
	least, small := 0, 0
	var out []cluster
	for _, c := range divided {
		k := cluster{name: c.Name, of: g.Config.sourceOf(c)}
		for _, d := range c.Docs {
			k.docs = append(k.docs, d.Text)
		}
		if g.Config.NearDocs {
			k.near = nearness(k.docs)
		}
		if least = g.Config.leastDocs(k.of); len(k.docs) < least {
			g.unread += len(k.docs)
			small++
			continue
		}
		out = append(out, k)
	}
	if len(out) == 0 && small > 0 {
		return nil, fmt.Errorf("no cluster has %d documents, of which the questioner of the first question would see "+
			"all but one; lower docs, or set least_docs to 2", least)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cluster has two documents that fit in the %d tokens that max_prompt %d and the "+
			"model's context of %d leave them beside instruction, question and answer; lower doc_chars, "+
			"max_question or max_answer, or raise max_prompt",
			max(limit, 0), g.Config.MaxPrompt, g.context)
	}
	return out, nil
}

// escaped returns the documents as prompts show them.
func (g *Game) escaped(docs *corpus.Corpus) *corpus.Corpus {
	all := &corpus.Corpus{Stats: docs.Stats}
	for _, c := range docs.Clusters {
		c.Docs = slices.Clone(c.Docs)
		for i := range c.Docs {
			c.Docs[i].Text = g.Prompts.Escape(c.Docs[i].Text)
		}
		all.Clusters = append(all.Clusters, c)
	}
	return all
}

// mark returns the tokens between two documents.
func (g *Game) mark() int {
	between := g.Prompts.Between()
	if between == "\n" {
		return 1
	}
	return len(g.Chat.Tok.Encode(between))
}

// encode returns a prompt's tokens, and whether limit and context hold them and an output of n
// more.
func (g *Game) encode(prefix, suffix string, n int) (prompt [][]int32, fits bool, err error) {
	if prompt, err = g.Chat.User(prefix, suffix); err != nil {
		return nil, false, err
	}
	size := 0
	for _, ids := range prompt {
		size += len(ids)
	}
	return prompt, size <= g.Config.MostPrompt(g.context, n), nil
}

// Documents returns the number of clusters and documents that prompts are made of, and of the
// documents that were left out because they do not fit.
func (g *Game) Documents() (clusters, documents, unread int) {
	for _, c := range g.clusters {
		documents += len(c.docs)
	}
	return len(g.clusters), documents, g.unread
}

// Summary describes the documents.
func (g *Game) Summary() string {
	clusters, documents, unread := g.Documents()
	do := "do"
	if unread == 1 {
		do = "does"
	}
	s := fmt.Sprintf("%s in %s fit a prompt, %d %s not", plural.Of(documents, "document"),
		plural.Of(clusters, "cluster"), unread, do)
	switch {
	case g.kept != nil:
		return fmt.Sprintf("%s; %s kept out to measure on", s, plural.Are(len(g.kept.clusters), "cluster"))
	case len(g.aside) > 0:
		return fmt.Sprintf("%s; %s kept out to measure on", s, plural.Are(len(g.aside), "cluster"))
	case g.keepsOut():
		return fmt.Sprintf("%s; they are too few to keep %.3g of them out to measure on", s, g.Config.HeldOutShare)
	}
	return s
}

// fingerprint tells the documents and prompts of a run from any others.
func (g *Game) fingerprint() string {
	h := sha256.New()
	fmt.Fprintln(h, g.Prompts.Hash())
	for _, c := range g.clusters {
		fmt.Fprintf(h, "%q %q\n", c.name, c.docs)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// describe writes how many documents, clusters and tokens prompts are made of.
func (g *Game) describe(w io.Writer) error {
	tokens, most, mark := 0, 0, g.mark()
	for _, c := range g.clusters {
		n := 0
		for _, ids := range g.Chat.Tok.EncodeAll(c.docs) {
			n += len(ids) + mark
		}
		tokens, most = tokens+n, max(most, n)
	}
	_, err := fmt.Fprintf(w, "%s; %d tokens, %d in the largest cluster\n", g.Summary(), tokens, most)
	return err
}
