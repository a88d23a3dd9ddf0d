package eval

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"spell/model/rollout"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
)

// A DocumentsJudge tells the truth about questions of the kinds of package reading over documents, and tests on those
// that are kept out of self-play.
type DocumentsJudge struct{ *reading.Corpus }

// Lengths are how long the documents of tests are, in those of the easiest.
var Lengths = [...]int{1, 2, 4, 8}

// Sampled is how the questions of the embedded base for documents, and answers to them, are sampled where they are
// measured: as in the paper's self-play.
var Sampled = rollout.Sampling{Temperature: 0.7, TopP: 0.95}

const (
	testSeed = 1    // of what is asked
	passages = 3    // of a prompt of the easiest test, at least
	filled   = 0.67 // share of a length that the documents of a test have at least, in the mean
	fewer    = 0.5  // the same of a test with few prompts, whose mean says little
	few      = 8
)

// KeepsOut reports that the tests are about documents of the corpus.
func (DocumentsJudge) KeepsOut() bool { return true }

// Tests returns the tests on the documents that are kept out: those of Stretches, and none if there is nothing to ask.
func (DocumentsJudge) Tests(ctx context.Context, o TestOptions) ([]*Test, error) {
	if len(o.Kept) == 0 {
		return nil, nil
	}
	stretches, err := Stretches(ctx, testSeed, folders(o.Kept), Lengths[:], o)
	var tests []*Test
	for _, s := range stretches {
		tests = append(tests, s.Test())
	}
	return tests, err
}

// A Stretch is questions over so many tokens of documents.
type Stretch struct {
	Length int
	Items  []reading.Item
}

// Test returns the questions as a test.
func (s Stretch) Test() *Test {
	return Documents(fmt.Sprintf("%d tokens of documents", s.Length), s.Items)
}

// Stretches returns questions over documents of o.Tokens, so many times each, up to o.Most and to what the documents
// have. There are fewer questions where no more were found.
func Stretches(ctx context.Context, seed uint64, docs *corpus.Corpus, times []int, o TestOptions) ([]Stretch, error) {
	var all []Stretch
	passage := max(1, min(o.Tokens/passages, int(filled*float64(median(docs, o.Size)))))
	for _, n := range times {
		if o.Most > 0 && n*o.Tokens > o.Most {
			break
		}
		r := reading.EvaluationOptions{Questions: o.Questions, Length: n * o.Tokens, Passage: passage, Measure: o.Size}
		var err error
		if r.Weights, err = reading.Askable(ctx, seed, docs, r); err != nil {
			return nil, err
		}
		if r.Weights == (reading.Weights{}) { // nothing can be asked
			break
		}
		items, err := reading.Evaluation(ctx, seed, docs, r)
		if err != nil && !errors.Is(err, reading.ErrFew) {
			return nil, err
		}
		size := 0
		for _, it := range items {
			for _, text := range it.Cluster.Texts() {
				size += o.Size(text)
			}
		}
		least := filled
		if len(items) < few {
			least = fewer
		}
		if len(items) == 0 || float64(size) < least*float64(r.Length*len(items)) {
			break
		}
		all = append(all, Stretch{r.Length, items})
	}
	return all, nil
}

// median returns the median size of some documents, spread evenly over all.
func median(c *corpus.Corpus, size func(string) int) int {
	const some = 64
	var texts []string
	for _, cl := range c.Clusters {
		for _, d := range cl.Docs {
			texts = append(texts, d.Text)
		}
	}
	var sizes []int
	for i := 0; i < len(texts); i += 1 + len(texts)/some {
		sizes = append(sizes, size(texts[i]))
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// folders joins the clusters of each folder, which are as small as a prompt of self-play.
func folders(clusters []corpus.Cluster) *corpus.Corpus {
	all := &corpus.Corpus{}
	at := map[string]int{}
	for _, c := range clusters {
		name := path.Dir(corpus.Whole(c.Name))
		i, known := at[name]
		if !known {
			i = len(all.Clusters)
			at[name] = i
			all.Clusters = append(all.Clusters, corpus.Cluster{Name: name})
		}
		all.Clusters[i].Docs = append(all.Clusters[i].Docs, c.Docs...)
	}
	return all
}
