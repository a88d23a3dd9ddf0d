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

// readVocab sets tokens, vocab, byteIDs and added. Ids are unique and below the number of
// tokens, which leaves no gap.
func (t *Tokenizer) readVocab(raw json.RawMessage, added []AddedToken) error {
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
	entries, blob, err := scanVocab(raw, ids)
	if err != nil {
		return err
	}
	t.tokens = make([]string, len(entries)+len(ids))
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
			return fmt.Errorf("token %.80q is in model.vocab twice: remove one", appendSpelled(nil, token))
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
	return t.findBytes()
}

// scanVocab reads model.vocab and removes from added the tokens it lists. The bytes of the
// entries follow one another in blob.
func scanVocab(raw json.RawMessage, added map[string]int32) (entries []vocabEntry, blob []byte, err error) {
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
		blob, ok = appendUnspelled(blob, spelled)
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
				"token %.80q has characters outside the byte-level alphabet: "+
					"give a byte-level tokenizer, not a SentencePiece one",
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
	case id >= int64(len(t.tokens)):
		return fmt.Errorf("token %.80q has id %d, but the file has only %d tokens, added ones included: "+
			"ids must run from 0 without a gap, restore the tokens that are missing", token, id, len(t.tokens))
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
	type pair struct{ left, right, joined int32 }
	var pairs []pair
	var buf []byte
	for !c.closed() {
		left, right, ok := c.mergePair()
		if !ok {
			return fmt.Errorf("merge %d is neither \"left right\" nor [left, right]: correct it", len(pairs))
		}
		var l, r int32
		var okLeft, okRight bool
		if buf, okLeft = appendUnspelled(buf[:0], left); okLeft {
			l, okLeft = t.vocab[string(buf)]
		}
		cut := len(buf)
		if buf, okRight = appendUnspelled(buf, right); okRight {
			r, okRight = t.vocab[string(buf[cut:])]
		}
		joined, okJoined := t.vocab[string(buf)]
		if !okLeft || !okRight || !okJoined {
			absent := append(bytes.Clone(left), right...)
			if !okLeft {
				absent = left
			} else if !okRight {
				absent = right
			}
			return fmt.Errorf("merge %d (%.80q and %.80q) names the token %.80q, "+
				"which model.vocab lacks: add the token or remove the merge",
				len(pairs), left, right, absent)
		}
		pairs = append(pairs, pair{l, r, joined})
	}
	t.merges = newPairTable(len(pairs))
	for i, p := range pairs {
		if !t.merges.put(p.left, p.right, merge{uint32(i), p.joined}) {
			first := t.merges.find(p.left, p.right).rank
			return fmt.Errorf("merge %d repeats merge %d: remove it", i, first)
		}
	}
	return nil
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
