// Package ask answers a user's questions about their documents and tells which passage of them an answer comes
// from.
//
// A prompt is the responder's of self-play. It has all documents or, where they are longer than a prompt may be,
// the pieces of them whose words are nearest to the question's. Questions about equal documents share one reading
// of them.
//
// The passage of an answer is the one that attention went to most when the answer's tokens were predicted, where
// the reply states it for the first time: later places can copy the first. A passage's share is its part of the
// attention that went to documents, the mean over those tokens, all heads and all layers, so that the shares of
// all passages sum to 1.
package ask

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/task"
)

// Asking is how questions are asked.
type Asking struct {
	Samples   int // replies to each
	MaxTokens int // of a reply
	rollout.Sampling
}

// An Answer is what a model says to a question. Of several replies it is the one that most others agree with by
// the rule of the task, the first of equals. A number that is infinite is null.
type Answer struct {
	Question string         `json:"question"`
	Answer   *string        `json:"answer"` // null: the reply states none
	Reply    string         `json:"reply"`
	Finish   rollout.Finish `json:"finish"`
	Votes    int            `json:"votes"` // replies that agree with the answer, itself included
	Samples  int            `json:"samples"`

	LogProb       *float64 `json:"logprob"` // of the reply, the sum over its tokens
	LogProbToken  *float64 `json:"logprob_per_token"`
	AnswerLogProb *float64 `json:"answer_logprob"` // of the tokens that first state the answer; null: none do

	Passage *Passage `json:"passage"`      // that the tokens attended to most which state the answer; without any, all
	OnDocs  float64  `json:"on_documents"` // their share of attention that went to documents
}

// Slots returns the tokens that a cache holds for prompts and their answers: the longest documents and some
// questions about them at a time.
func Slots(prompts []*Prompt, how Asking) int {
	const together = 1 << 14
	docs, own, sum := 0, 0, 0
	for _, p := range prompts {
		n := len(p.ask) + 64 + how.Samples*(how.MaxTokens+64)
		docs, own, sum = max(docs, len(p.docs.ids)+64), max(own, n), sum+n
	}
	return docs + min(sum, max(own, together))
}

// Ask answers the questions of prompts and gives the answers to done in their order. An answer follows from
// the engine's seed, the prompt and its number alone.
func (r *Reader) Ask(ctx context.Context, e *rollout.Engine, prompts []*Prompt, how Asking,
	done func(*Answer) error) error {

	next, ready := 0, make([]*Answer, len(prompts))
	return e.Serve(ctx, func() error {
		for i, p := range prompts {
			var f forest.Forest
			at := f.Chain(-1, p.docs.ids, p.ask)
			branch := rollout.Branch{Segment: at, N: how.Samples, MaxTokens: how.MaxTokens, Sampling: how.Sampling}
			req := rollout.Request{Prompt: f, Branches: []rollout.Branch{branch}, Key: uint64(i), Hold: true}
			err := e.Submit(req, func(res rollout.Result) (err error) {
				if ready[i], err = r.read(ctx, e, p, res); err != nil {
					return err
				}
				for ; next < len(ready) && ready[next] != nil; next++ {
					if err := done(ready[next]); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// read makes an answer of the replies to a prompt.
func (r *Reader) read(ctx context.Context, e *rollout.Engine, p *Prompt, res rollout.Result) (*Answer, error) {
	texts, answers := make([]string, len(res.Answers)), make([]*string, len(res.Answers))
	for i, a := range res.Answers {
		texts[i] = r.Chat.Tok.DecodeSkipSpecial(res.Forest[a.Segment].Tokens)
		if said, ok := r.Prompts.ExtractAnswer(r.Task, texts[i]); ok {
			answers[i] = &said
		}
	}
	best, votes := elect(r.Task, answers)
	said := res.Answers[best]
	ids := res.Forest[said.Segment].Tokens
	out := &Answer{Question: p.Question, Answer: answers[best], Reply: texts[best], Finish: said.Finish, Votes: votes,
		Samples: len(texts)}
	sum := logProb(said.LogProbs)
	out.LogProb, out.LogProbToken = finite(sum), finite(sum/float64(len(ids)))
	from, to := 0, len(ids)
	if said.Finish == rollout.Stop && to > 1 { // without what ends it
		to--
	}
	if out.Answer != nil {
		if a, b, ok := r.stated(ids, *out.Answer); ok {
			from, to = a, b
			out.AnswerLogProb = finite(logProb(said.LogProbs[from:to]))
		}
	}
	shares, err := e.Attention(ctx, best, from, to, p.docs.groups, len(p.docs.passages))
	if err != nil {
		return nil, err
	}
	for _, s := range shares {
		out.OnDocs += s
	}
	if out.OnDocs > 0 {
		most := slices.Index(shares, slices.Max(shares))
		out.Passage = passage(r.docs, p.docs.passages[most], shares[most]/out.OnDocs)
	}
	return out, nil
}

// elect returns the number of the answer that most others agree with, the first of equals, and how many do,
// itself included: those that are right by the rule if it is the reference. Without any answer it is the first
// of none.
func elect(t task.Task, answers []*string) (best, votes int) {
	for i, a := range answers {
		n := 0
		for _, b := range answers {
			if a != nil && b != nil && (*a == *b || t.Match(task.Rules{}, *b, *a)) {
				n++
			}
		}
		if n > votes {
			best, votes = i, n
		}
	}
	return best, votes
}

// stated returns the tokens of a reply that state an answer for the first time, as words of their own.
func (r *Reader) stated(ids []int32, answer string) (from, to int, ok bool) {
	d := r.Chat.Tok.NewDecoder(true)
	var text strings.Builder
	ends := make([]int, len(ids)) // of each token's text
	for i, id := range ids {
		text.WriteString(d.Next(id))
		ends[i] = text.Len()
	}
	start, ok := wordsAt(text.String(), answer)
	if !ok {
		return 0, 0, false
	}
	from, _ = slices.BinarySearch(ends, start+1)
	to, _ = slices.BinarySearch(ends, start+len(answer))
	return from, min(to+1, len(ids)), true
}

// wordsAt returns where words stand in a text for the first time, with no letter or digit beside them that
// would make them part of others.
func wordsAt(text, words string) (at int, ok bool) {
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for words != "" {
		i := strings.Index(text[at:], words)
		if i < 0 {
			break
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(words):])
		first, _ := utf8.DecodeRuneInString(words)
		last, _ := utf8.DecodeLastRuneInString(words)
		if !(letter(before) && letter(first)) && !(letter(last) && letter(after)) {
			return at, true
		}
		at += len(words)
	}
	return 0, false
}

func logProb(list []float32) (sum float64) {
	for _, x := range list {
		sum += float64(x)
	}
	return sum
}

// finite returns x, or nil if it is infinite.
func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}
