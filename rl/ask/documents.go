package ask

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"spell/rl/corpus"
	"spell/rl/corpus/term"
	"spell/tokenizer"
)

// The sizes of parts of documents, in characters.
const (
	pieceChars   = 1000 // what is chosen if not all documents fit
	passageChars = 240  // what an answer is said to come from: a few sentences
)

// A part is some bytes of a document.
type part struct{ doc, start, end int }

// parts cuts the text of document number doc from start to end into parts of at most limit characters.
func parts(docs []corpus.Document, within part, limit int) (list []part) {
	at := within.start
	for text := range corpus.Cut(docs[within.doc].Text[within.start:within.end], limit) {
		at += strings.Index(docs[within.doc].Text[at:within.end], text)
		list = append(list, part{within.doc, at, at + len(text)})
		at += len(text)
	}
	return list
}

// wholes returns every document as one part.
func wholes(docs []corpus.Document) (list []part) {
	for i, d := range docs {
		list = append(list, part{i, 0, len(d.Text)})
	}
	return list
}

// A piece is a part of a document that can be chosen for a prompt.
type piece struct {
	part
	tokens int
	vector term.Vector
}

// cutPieces cuts documents into pieces and counts their tokens. Vectors come from vectorize.
func cutPieces(ctx context.Context, docs []corpus.Document, tok *tokenizer.Tokenizer, limit int) ([]piece, error) {
	const batch = 4096
	var pieces []piece
	var texts []string
	count := func() error {
		for i, ids := range tok.EncodeAll(texts) {
			pieces[len(pieces)-len(texts)+i].tokens = len(ids)
		}
		texts = texts[:0]
		return ctx.Err()
	}
	for _, whole := range wholes(docs) {
		for _, p := range parts(docs, whole, limit) {
			pieces, texts = append(pieces, piece{part: p}), append(texts, docs[p.doc].Text[p.start:p.end])
			if len(texts) == batch {
				if err := count(); err != nil {
					return nil, err
				}
			}
		}
	}
	return pieces, count()
}

// vectorize gives pieces their TF-IDF vectors, and returns the weights of words.
func vectorize(docs []corpus.Document, pieces []piece) term.Weights {
	counter := term.NewCounter()
	for _, p := range pieces {
		counter.Add(docs[p.doc].Text[p.start:p.end])
		counter.Next()
	}
	weights := counter.Weights()
	for i, v := range counter.Vectors() {
		pieces[i].vector = v
	}
	return weights
}

// nearest returns the numbers of pieces, those whose words are nearest to the question's first.
func nearest(pieces []piece, weights term.Weights, question string) []int {
	counter := term.NewCounter()
	counter.Add(question)
	v := counter.Apart(weights)
	near, order := make([]float64, len(pieces)), make([]int, len(pieces))
	for i, p := range pieces {
		near[i], order[i] = v.Cosine(p.vector), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(near[j], near[i]) })
	return order
}

// joined returns chosen pieces in the order of the documents, as one part where one follows the other.
func joined(pieces []piece, chosen []int) (list []part) {
	chosen = slices.Sorted(slices.Values(chosen))
	for k, i := range chosen {
		if p := pieces[i].part; k > 0 && chosen[k-1] == i-1 && pieces[i-1].doc == p.doc {
			list[len(list)-1].end = p.end
		} else {
			list = append(list, p)
		}
	}
	return list
}

// A Passage is a part of a document, of a few sentences. Start and End count the document's characters (Unicode
// code points); line ends count as one, and blank space around a document is left out.
type Passage struct {
	Document string  `json:"document"`
	Start    int     `json:"start"`
	End      int     `json:"end"`
	Text     string  `json:"text"`
	Share    float64 `json:"share"` // of the attention that went to documents
}

// passage returns the passage of a part.
func passage(docs []corpus.Document, p part, share float64) *Passage {
	d := docs[p.doc]
	text := d.Text[p.start:p.end]
	start := utf8.RuneCountInString(d.Text[:p.start])
	return &Passage{Document: d.Name, Start: start, End: start + utf8.RuneCountInString(text), Text: text, Share: share}
}
