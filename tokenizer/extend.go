package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
)

// Extend returns the tokenizer with more added tokens, or other flags for those that it has. A
// token that the vocabulary has keeps its id whatever its own says, as in transformers, which gives
// the file of the vocabulary the last word. One that it lacks takes the id it comes with, which must
// be free; with a negative id it is left out. If nothing changes Extend returns t.
func (t *Tokenizer) Extend(tokens []AddedToken) (*Tokenizer, error) {
	spelled, added := slices.Clone(t.spelled), slices.Clone(t.added)
	at := make(map[string]int, len(added))
	for i, a := range added {
		at[a.Content] = i
	}
	for _, a := range tokens {
		if a.Content == "" {
			return nil, fmt.Errorf("added token %d is empty: remove it", a.ID)
		}
		if i, ok := at[a.Content]; ok {
			a.ID = added[i].ID
			added[i] = a
			continue
		}
		if id, ok := t.inVocab(a.Content); ok {
			a.ID = id
		} else if a.ID < 0 {
			continue
		} else if spelled, ok = giveID(spelled, a, len(t.tokens)); !ok {
			return nil, t.noID(spelled, a)
		}
		at[a.Content] = len(added)
		added = append(added, a)
	}
	slices.SortFunc(added, func(a, b AddedToken) int { return cmp.Compare(a.ID, b.ID) })
	if slices.Equal(added, t.added) {
		return t, nil
	}
	return t.with(t.vocab, spelled, added), nil
}

// giveID puts a token in its place; false if another has it, or it lies far beyond the vocabulary.
func giveID(spelled []string, a AddedToken, size int) ([]string, bool) {
	if int64(a.ID) >= int64(size)+maxUnused {
		return spelled, false
	}
	for int(a.ID) >= len(spelled) {
		spelled = append(spelled, "")
	}
	if spelled[a.ID] != "" {
		return spelled, false
	}
	spelled[a.ID] = a.Content
	return spelled, true
}

// noID says why a token cannot have its id.
func (t *Tokenizer) noID(spelled []string, a AddedToken) error {
	if int(a.ID) < len(spelled) {
		return fmt.Errorf("added token %.80q has the id %d, which is that of %.80q: give it a free one",
			a.Content, a.ID, t.spelling(spelled[a.ID]))
	}
	return fmt.Errorf("added token %.80q has the id %d, but the vocabulary ends at %d: correct the id",
		a.Content, a.ID, len(t.tokens)-1)
}

// inVocab returns the id of the token that a file spells so.
func (t *Tokenizer) inVocab(spelled string) (int32, bool) {
	raw, ok := t.appendToken(nil, []byte(spelled))
	if !ok {
		return 0, false
	}
	id, ok := t.vocab[string(raw)]
	return id, ok
}

// with returns a tokenizer that differs in its added tokens, of which vocab may have some.
func (t *Tokenizer) with(vocab map[string]int32, spelled []string, added []AddedToken) *Tokenizer {
	n := &Tokenizer{
		tokens: spelled, vocab: vocab, byteIDs: t.byteIDs, merges: t.merges,
		normalizers: t.normalizers, pattern: t.pattern, prefix: t.prefix, spaces: t.spaces, splits: t.splits,
		ignoreMerges: t.ignoreMerges, decoding: t.decoding,
		added: added, begin: t.begin, end: t.end, parts: t.parts,
	}
	if t.chars != nil {
		chars := *t.chars
		n.chars = &chars
	}
	n.index()
	return n
}
