package chat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"spell/tokenizer"
)

// An addedToken is a token that a side file adds to the vocabulary.
type addedToken struct {
	tokenizer.AddedToken
	path string // of the file
	bare bool   // the file has no flags
}

// addedTokens reads added_tokens_decoder: an object of ids and tokens.
func (f fields) addedTokens() (all []addedToken, err error) {
	const name = "added_tokens_decoder"
	var entries map[string]json.RawMessage
	if json.Unmarshal(f.values[name], &entries) != nil {
		return nil, fmt.Errorf("reading %s: %s must be an object of ids and tokens", f.path, name)
	}
	for key, raw := range entries {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil || id < 0 || id > math.MaxInt32 {
			return nil, fmt.Errorf("reading %s: the id %.40q of %s is no whole number from 0 up: correct it",
				f.path, key, name)
		}
		var token struct {
			tokenizer.AddedToken
			Normalized *bool `json:"normalized"`
		}
		if err := json.Unmarshal(raw, &token); err != nil || token.Content == "" {
			return nil, fmt.Errorf("reading %s: token %d of %s must be an object with content and flags",
				f.path, id, name)
		}
		token.AddedToken.ID = int32(id)
		token.AddedToken.Normalized = !token.Special // unless it says otherwise
		if token.Normalized != nil {
			token.AddedToken.Normalized = *token.Normalized
		}
		all = append(all, addedToken{AddedToken: token.AddedToken, path: f.path})
	}
	slices.SortFunc(all, byID)
	return all, nil
}

func byID(a, b addedToken) int { return int(a.ID) - int(b.ID) }

// readAddedTokens reads added_tokens.json: an object of tokens and ids.
func readAddedTokens(dir string) (all []addedToken, err error) {
	f, err := readFields(dir, "added_tokens.json")
	if err != nil {
		return nil, err
	}
	for _, text := range slices.Sorted(maps.Keys(f.values)) {
		id, err := strconv.ParseInt(string(f.values[text]), 10, 64)
		if err != nil || id < 0 || id > math.MaxInt32 || text == "" {
			return nil, fmt.Errorf("reading %s: token %.80q has the id %.40s, which is no whole number from 0 up: "+
				"correct it", f.path, text, f.values[text])
		}
		// Unless it is named as special, it is looked for in normalized text.
		a := tokenizer.AddedToken{ID: int32(id), Content: text, Normalized: true}
		all = append(all, addedToken{a, f.path, true})
	}
	slices.SortFunc(all, byID)
	return all, nil
}

// extend returns a tokenizer with the tokens of the side files. A token that these name as special is
// one, also if it was but a word of the vocabulary. Tokens that no file has an id for are left out.
func (s *side) extend(t *tokenizer.Tokenizer) (*tokenizer.Tokenizer, error) {
	path := s.dir
	tokens := map[string]tokenizer.AddedToken{}
	for _, a := range t.AddedTokens() {
		tokens[a.Content] = a
	}
	bare := map[string]bool{} // tokens of added_tokens.json alone
	for _, a := range s.added {
		// Of added_tokens.json the file of the vocabulary has the last word, flags too.
		if _, known := tokens[a.Content]; !known || !a.bare {
			tokens[a.Content] = a.AddedToken
			bare[a.Content] = a.bare
		}
		path = a.path
	}
	for _, text := range s.special {
		a, known := tokens[text]
		if !known {
			a = tokenizer.AddedToken{ID: -1, Content: text}
		}
		if !a.Special && bare[text] {
			a.Normalized = false
		}
		a.Special = true
		tokens[text] = a
	}
	t, err := t.Extend(inOrder(tokens))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return t, nil
}

// inOrder returns tokens by id, then by text.
func inOrder(tokens map[string]tokenizer.AddedToken) []tokenizer.AddedToken {
	return slices.SortedFunc(maps.Values(tokens), func(a, b tokenizer.AddedToken) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Content, b.Content))
	})
}
