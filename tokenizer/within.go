package tokenizer

import (
	"errors"
	"maps"
	"slices"
)

// Within returns the tokenizer of a model that knows the first n ids, and the added tokens that it leaves
// out because theirs lie beyond. It is an error if anything else lies there.
func (t *Tokenizer) Within(n int) (*Tokenizer, []AddedToken, error) {
	if len(t.tokens) <= n {
		return t, nil, nil
	}
	first := slices.IndexFunc(t.added, func(a AddedToken) bool { return int(a.ID) >= n }) // in order of ids
	if first < 0 {
		first = len(t.added)
	}
	cut := t.added[first:]
	beyond := func(id int32) bool { return int(id) >= n }
	isAdded := func(id int32) bool {
		return slices.ContainsFunc(cut, func(a AddedToken) bool { return a.ID == id })
	}
	vocab := maps.Clone(t.vocab)
	for token, id := range t.vocab {
		if !beyond(id) {
			continue
		}
		if !isAdded(id) {
			return nil, nil, errors.New("its vocabulary reaches beyond that of the model")
		}
		delete(vocab, token)
	}
	merged := slices.ContainsFunc(t.merges.slots, func(s pairSlot) bool { return s.left >= 0 && beyond(s.merge.id) })
	if merged || slices.ContainsFunc(slices.Concat(t.begin, t.end), beyond) {
		return nil, nil, errors.New("it makes tokens of texts that lie beyond the vocabulary of the model")
	}
	return t.with(vocab, slices.Clone(t.spelled[:n]), slices.Clone(t.added[:first])), slices.Clone(cut), nil
}
