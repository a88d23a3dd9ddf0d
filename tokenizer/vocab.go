package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// vocabEntry is one token of model.vocab before its id is known to be in range.
type vocabEntry struct {
	start, end int // its bytes in the text of all entries
	id         int64
}

// readVocab sets tokens, spelled, vocab, the ids of bytes and added. Ids are unique.
func (t *Tokenizer) readVocab(model *bpeModel, added []AddedToken) error {
	ids := make(map[string]int32, len(added))
	for _, a := range added {
		if a.Content == "" {
			return fmt.Errorf("added token %d is empty: remove it", a.ID)
		}
		if _, ok := ids[a.Content]; ok {
			return fmt.Errorf("added token %.80q is listed twice: remove one", a.Content)
		}
		ids[a.Content] = a.ID
	}

	// What scanVocab leaves in ids are the added tokens that model.vocab does not list.
	entries, blob, err := t.scanVocab(model.Vocab, ids)
	if err != nil {
		return err
	}
	most := int64(-1)
	for _, e := range entries {
		most = max(most, e.id)
	}
	for _, id := range ids {
		most = max(most, int64(id))
	}
	if count := int64(len(entries) + len(ids)); most >= count+maxUnused {
		return fmt.Errorf("an id is %d, but the file has only %d tokens, added ones included: "+
			"number the tokens again, or restore those that are missing", most, count)
	}
	t.tokens = make([]string, most+1)
	t.vocab = make(map[string]int32, len(entries))
	text := string(blob)
	for _, e := range entries {
		token := text[e.start:e.end]
		if err := t.place(e.id, token); err != nil {
			return err
		}
		before := len(t.vocab)
		t.vocab[token] = int32(e.id)
		if len(t.vocab) == before {
			return fmt.Errorf("token %.80q is in model.vocab twice: remove one", t.spelling(token))
		}
	}
	for _, a := range added {
		if _, ok := ids[a.Content]; !ok {
			continue
		}
		if err := t.place(int64(a.ID), a.Content); err != nil {
			return err
		}
	}
	t.added = slices.Clone(added)
	slices.SortFunc(t.added, func(a, b AddedToken) int { return cmp.Compare(a.ID, b.ID) })
	if t.chars != nil {
		return t.readChars(model)
	}
	return t.findBytes()
}

// maxUnused is how many ids between 0 and the last may have no token. Files that leave room for
// tokens have a few thousand.
const maxUnused = 1 << 18

// readChars sets what a vocabulary of characters has besides.
func (t *Tokenizer) readChars(model *bpeModel) error {
	if model.UnkToken != nil {
		id, ok := t.vocab[*model.UnkToken]
		if !ok {
			return fmt.Errorf("model.unk_token is %.80q, which model.vocab lacks: add the token or name another",
				*model.UnkToken)
		}
		t.chars.unk = id
	}
	return t.chars.readBytes(t)
}

// spelling returns how a file spells the bytes of a token.
func (t *Tokenizer) spelling(token string) string {
	if t.chars != nil {
		return token
	}
	return string(appendSpelled(nil, token))
}

// appendToken appends the bytes that a file spells; false if it cannot be a token.
func (t *Tokenizer) appendToken(dst, spelled []byte) ([]byte, bool) {
	if t.chars != nil {
		return append(dst, spelled...), true
	}
	return appendUnspelled(dst, spelled)
}

// scanVocab reads model.vocab and removes from added the tokens it lists. The bytes of the
// entries follow one another in blob.
func (t *Tokenizer) scanVocab(raw json.RawMessage, added map[string]int32) (
	entries []vocabEntry, blob []byte, err error,
) {
	c := cursor{data: raw}
	if !c.open('{') {
		return nil, nil, errors.New("model.vocab is not an object of tokens and ids: a BPE vocabulary is")
	}
	for !c.closed() {
		spelled, _ := c.text()
		id, word, ok := c.integer()
		if !ok || id < 0 {
			return nil, nil, fmt.Errorf("token %.80q has the id %.40s: ids are whole numbers from 0 up, "+
				"number the tokens again", spelled, cmp.Or(word, fmt.Sprint(id)))
		}
		if len(spelled) == 0 {
			return nil, nil, fmt.Errorf("the token with id %d is empty: remove it", id)
		}
		start := len(blob)
		blob, ok = t.appendToken(blob, spelled)
		own, isAdded := added[string(spelled)]
		switch {
		case isAdded && int64(own) != id:
			return nil, nil, fmt.Errorf(
				"token %.80q has id %d in model.vocab and %d in added_tokens: make them one",
				spelled, id, own)
		case isAdded && !(ok && bytes.Equal(blob[start:], spelled)):
			blob = blob[:start] // spelled as text, not in bytes: it stays an added token only
			continue
		case isAdded:
			delete(added, string(spelled))
		case !ok:
			return nil, nil, fmt.Errorf(
				"token %.80q has characters outside the byte-level alphabet, which decoder and pre_tokenizer "+
					"ask for: correct the token or these",
				spelled)
		}
		entries = append(entries, vocabEntry{start, len(blob), id})
	}
	return entries, blob, nil
}

// place gives id to token.
func (t *Tokenizer) place(id int64, token string) error {
	switch {
	case id < 0:
		return fmt.Errorf(
			"token %.80q has the id %d: ids are whole numbers from 0 up, number the tokens again",
			token, id)
	case t.tokens[id] != "":
		return fmt.Errorf("tokens %.80q and %.80q both have id %d: number one of them again", t.tokens[id], token, id)
	}
	t.tokens[id] = token
	return nil
}

// findBytes sets byteIDs; every byte has a token, so that every text can be encoded.
func (t *Tokenizer) findBytes() error {
	for b := range t.byteIDs {
		id, ok := t.vocab[string([]byte{byte(b)})]
		if !ok {
			return fmt.Errorf("model.vocab has no token %.80q, which stands for byte 0x%02x: "+
				"byte-level BPE needs all 256, add it", string(byteRunes[b]), b)
		}
		t.byteIDs[b] = id
	}
	return nil
}

// readMerges sets merges from an array of "left right" or ["left", "right"], of which the
// earlier go first.
func (t *Tokenizer) readMerges(raw json.RawMessage) error {
	c := cursor{data: raw}
	if !c.open('[') {
		return errors.New("model.merges is not an array: a list of \"left right\" or [left, right] is needed")
	}
	var pairs []pairSlot
	for !c.closed() {
		if c.version() {
			continue
		}
		left, right, ok := c.mergePair()
		if !ok {
			return fmt.Errorf("merge %d is neither \"left right\" nor [left, right]: correct it", len(pairs))
		}
		p, err := t.resolve(left, right, len(pairs))
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
	}
	return t.setMerges(pairs)
}

// resolve returns merge n of two spelled tokens.
func (t *Tokenizer) resolve(left, right []byte, n int) (pairSlot, error) {
	var buf [64]byte
	both, okLeft := t.appendToken(buf[:0], left)
	cut := len(both)
	both, okRight := t.appendToken(both, right)
	l, inLeft := t.vocab[string(both[:cut])]
	r, inRight := t.vocab[string(both[cut:])]
	joined, inJoined := t.vocab[string(both)]
	absent := append(bytes.Clone(left), right...)
	switch {
	case !okLeft || !inLeft:
		absent = left
	case !okRight || !inRight:
		absent = right
	case inJoined:
		return pairSlot{l, r, merge{uint32(n), joined}}, nil
	}
	return pairSlot{}, fmt.Errorf("merge %d (%.80q and %.80q) names the token %.80q, "+
		"which model.vocab lacks: add the token or remove the merge", n, left, right, absent)
}

// setMerges sets the merges, each of which may be there once.
func (t *Tokenizer) setMerges(pairs []pairSlot) error {
	t.merges = newPairTable(len(pairs))
	for i, p := range pairs {
		if !t.merges.put(p.left, p.right, p.merge) {
			first := t.merges.find(p.left, p.right).rank
			return fmt.Errorf("merge %d repeats merge %d: remove it", i, first)
		}
	}
	return nil
}

// version passes over a line "#version: …", with which merges.txt begins; false if the next token is
// none.
func (c *cursor) version() bool {
	at := c.at
	if line, ok := c.text(); ok && bytes.HasPrefix(line, []byte("#version")) {
		return true
	}
	c.at = at
	return false
}

// mergePair reads one merge in either form.
func (c *cursor) mergePair() (left, right []byte, ok bool) {
	if both, ok := c.text(); ok {
		left, right, ok = bytes.Cut(both, []byte{' '})
		return left, right, ok && !bytes.ContainsRune(right, ' ')
	}
	if !c.open('[') {
		return nil, nil, false
	}
	left, okLeft := c.text()
	right, okRight := c.text()
	return left, right, okLeft && okRight && c.closed()
}
