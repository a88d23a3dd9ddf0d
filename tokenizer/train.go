package tokenizer

import (
	"fmt"
	"iter"
	"math"
	"unicode/utf8"
)

// TrainOptions says what vocabulary Train is to learn.
type TrainOptions struct {
	VocabSize int      // tokens in all: 256 bytes, the learned ones, the special ones
	Special   []string // special tokens; they take the ids after all others, in this order
	Pattern   Pattern  // how text is cut into pieces; Qwen2 where empty
}

// Train learns a byte-level BPE vocabulary. It starts from the 256 bytes; the pair of
// neighbouring tokens most frequent within the pieces of texts becomes a token, again and
// again, and of equally frequent pairs the one with the lower ids is taken. The result
// depends on the texts alone, not on their order.
//
// Training stops short of VocabSize when no pair occurs twice.
func Train(texts iter.Seq[string], opts TrainOptions) (*Tokenizer, error) {
	if opts.Pattern == "" {
		opts.Pattern = Qwen2
	}
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("training a tokenizer: %w", err)
	}
	l := newLearner(countPieces(texts, opts.Pattern))
	l.learn(opts.VocabSize - len(opts.Special))
	t, err := l.tokenizer(opts)
	if err != nil {
		return nil, fmt.Errorf("training a tokenizer: %w", err)
	}
	return t, nil
}

func (opts TrainOptions) check() error {
	least := 256 + len(opts.Special)
	if opts.VocabSize < least || opts.VocabSize > math.MaxInt32 {
		return fmt.Errorf(
			"vocabulary size %d is out of range: 256 bytes and %d special tokens need at least %d",
			opts.VocabSize, len(opts.Special), least)
	}
	seen := make(map[string]bool, len(opts.Special))
	for _, s := range opts.Special {
		if s == "" || seen[s] || !utf8.ValidString(s) {
			return fmt.Errorf("special token %q is empty, listed twice or not UTF-8: correct the list", s)
		}
		seen[s] = true
	}
	return opts.Pattern.check()
}

// tokenizer returns what was learned, with the special tokens and the components of a new
// file.
func (l *learner) tokenizer(opts TrainOptions) (*Tokenizer, error) {
	t := &Tokenizer{
		tokens:  l.tokens,
		vocab:   l.ids,
		merges:  newPairTable(len(l.merges)),
		pattern: opts.Pattern,
	}
	for i, m := range l.merges {
		t.merges.put(m.pair.left, m.pair.right, merge{uint32(i), m.id})
	}
	for _, s := range opts.Special {
		if raw, ok := appendUnspelled(nil, []byte(s)); ok {
			if _, ok := t.vocab[string(raw)]; ok {
				return nil, fmt.Errorf(
					"special token %q is also a token of ordinary text: give it a spelling that texts do not have",
					s)
			}
		}
		t.added = append(t.added, AddedToken{ID: int32(len(t.tokens)), Content: s, Special: true})
		t.tokens = append(t.tokens, s)
	}
	if err := t.findBytes(); err != nil {
		return nil, err
	}
	t.setByteLevelParts()
	t.index()
	return t, nil
}
