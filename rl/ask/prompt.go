package ask

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"spell/rl/corpus"
	"spell/rl/corpus/term"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A Reader makes prompts of questions about documents.
type Reader struct {
	Chat     *chat.Dialog
	Prompts  *role.Prompts
	Task     task.Task
	MaxInput int // tokens of a prompt

	docs    []corpus.Document
	pieces  []piece
	weights term.Weights // of the pieces' words; nil until some have to be chosen
	tokens  int          // of all pieces
	shown   map[string]*shown
}

// A shown is the documents of a prompt, or parts of them.
type shown struct {
	ids      []int32 // the prompt up to the end of the documents
	passages []part
	groups   []int32 // of each of ids the number of its passage, -1 for none
}

// A Prompt is a question with the documents that it is asked about.
type Prompt struct {
	Question string
	Read     int // characters of documents in it
	Of       int // characters of all documents

	docs *shown
	ask  []int32 // what follows the documents
}

// Tokens returns the length.
func (p *Prompt) Tokens() int { return len(p.docs.ids) + len(p.ask) }

// NewReader returns a reader of documents for prompts of at most so many tokens.
func NewReader(ctx context.Context, docs []corpus.Document, d *chat.Dialog, p *role.Prompts, t task.Task,
	maxInput int) (*Reader, error) {

	r := &Reader{Chat: d, Prompts: p, Task: t, MaxInput: maxInput, docs: docs, shown: map[string]*shown{}}
	var err error
	if r.pieces, err = cutPieces(ctx, docs, d.Tok, min(pieceChars, max(maxInput/2, 1))); err != nil {
		return nil, err
	}
	for _, piece := range r.pieces {
		r.tokens += piece.tokens
	}
	return r, nil
}

// Prompt returns the prompt of a question: with all documents if they fit, else with the pieces of them whose
// words are nearest to the question's, in the order of the documents.
func (r *Reader) Prompt(question string) (*Prompt, error) {
	_, suffix := r.Prompts.Responder(r.Task, nil, task.Question{Text: question})
	before, after, err := r.Prompts.Around()
	if err != nil {
		return nil, err
	}
	bare, err := r.Chat.User(before+after, suffix)
	if err != nil {
		return nil, err
	}
	p := &Prompt{Question: question}
	for _, w := range wholes(r.docs) {
		p.Of += w.end
	}
	room := r.MaxInput - len(bare[0]) - len(bare[1])
	if room < 1 {
		return nil, fmt.Errorf("the question %.60q takes %s without documents, and a prompt may have %d; ask a "+
			"shorter one or raise --max-input", question, plural.Of(len(bare[0])+len(bare[1]), "token"), r.MaxInput)
	}
	if r.tokens <= room+room/8 { // tokens of pieces may be more than those of the whole
		if err := r.fill(p, wholes(r.docs), suffix); err != nil || p.Tokens() <= r.MaxInput {
			return p, err
		}
	}
	if r.weights == nil {
		r.weights = vectorize(r.docs, r.pieces)
	}
	between := len(r.Chat.Tok.Encode(r.Prompts.Between()))
	var chosen []int
	for _, i := range nearest(r.pieces, r.weights, question) {
		if n := r.pieces[i].tokens + between; n <= room {
			chosen, room = append(chosen, i), room-n
		}
	}
	for ; len(chosen) > 0; chosen = chosen[:len(chosen)-1] {
		if err := r.fill(p, joined(r.pieces, chosen), suffix); err != nil || p.Tokens() <= r.MaxInput {
			return p, err
		}
	}
	return nil, fmt.Errorf("the question %.60q leaves room for %s of documents, which no piece of them fits; ask a "+
		"shorter one or raise --max-input, now %d", question, plural.Of(room, "token"), r.MaxInput)
}

// fill makes the prompt of parts of the documents and what follows them.
func (r *Reader) fill(p *Prompt, list []part, suffix string) error {
	var texts []string
	p.Read = 0
	for _, e := range list {
		texts = append(texts, r.docs[e.doc].Text[e.start:e.end])
		p.Read += e.end - e.start
	}
	prefix := r.Prompts.Documents(texts)
	known := r.shown[prefix]
	if known != nil {
		ids, err := r.Chat.User(prefix, suffix)
		if err != nil {
			return err
		}
		if p.ask = ids[1]; slices.Equal(ids[0], known.ids) { // a template may put something of its own
			p.docs = known
			return nil
		}
	}
	ids, spans, err := r.Chat.UserSpans(prefix, suffix)
	if err != nil {
		return err
	}
	before, _, err := r.Prompts.Around()
	if err != nil {
		return err
	}
	s := &shown{ids: ids[0]}
	var places []tokenizer.Span // of passages in the prefix
	at := len(before)
	for i, e := range list {
		begin, from := at, e.start
		for _, q := range parts(r.docs, e, passageChars) {
			s.passages = append(s.passages, q)
			// A passage that begins within a line is shown otherwise than one that begins it.
			end := at + len(r.Prompts.Escape(r.docs[q.doc].Text[e.start:q.end]))
			place := tokenizer.Span{Start: begin + q.start - from, End: end}
			places, begin, from = append(places, place), place.End, q.end
		}
		at += len(r.Prompts.Escape(texts[i])) + len(r.Prompts.Between())
	}
	s.groups = groupsOf(spans, places)
	p.docs, p.ask, r.shown[prefix] = s, ids[1], s
	return nil
}

// groupsOf returns for each token the number of the place that its last byte lies in, -1 for none.
func groupsOf(tokens, places []tokenizer.Span) []int32 {
	groups := make([]int32, len(tokens))
	for i, s := range tokens {
		groups[i] = -1
		at, _ := slices.BinarySearchFunc(places, s.End, func(p tokenizer.Span, end int) int { return p.End - end })
		if s.Start < s.End && at < len(places) && s.End > places[at].Start {
			groups[i] = int32(at)
		}
	}
	return groups
}

// Note returns a sentence about prompts that do not hold all documents; empty if all do.
func (r *Reader) Note(prompts []*Prompt) string {
	least, most, of := 0, 0, 0
	for i, p := range prompts {
		if i == 0 || p.Read < least {
			least = p.Read
		}
		most, of = max(most, p.Read), p.Of
	}
	if least == of {
		return ""
	}
	share := func(n int) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*float64(n)/float64(of)), ".0") }
	how := share(least)
	if high := share(most); high != how {
		how += " to " + high
	}
	return fmt.Sprintf("the documents have %d tokens and a prompt holds %d: the passages nearest to each question are "+
		"read, %s %% of the text", r.tokens, r.MaxInput, how)
}
