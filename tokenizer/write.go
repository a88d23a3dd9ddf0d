package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// WriteFile writes the tokenizer as a tokenizer.json that Hugging Face tokenizers loads: as it was
// read, to the byte, or else as MarshalJSON has it.
// The file is complete or not there at all: it is written beside path and renamed.
func (t *Tokenizer) WriteFile(path string) error {
	data := t.source
	if data == nil {
		var err error
		if data, err = t.MarshalJSON(); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = cmp.Or(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// MarshalJSON returns the contents of a tokenizer.json, one token and one merge a line.
// The components are kept as they were read.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	added, err := json.Marshal(append([]AddedToken{}, t.added...))
	if err != nil {
		return nil, err
	}
	b.WriteString("{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n")
	section := func(name string, value []byte) {
		if value == nil {
			value = []byte("null")
		}
		fmt.Fprintf(&b, "%q: %s,\n", name, value)
	}
	section("added_tokens", added)
	section("normalizer", t.parts.normalizer)
	section("pre_tokenizer", t.parts.preTokenizer)
	section("post_processor", t.parts.postProcessor)
	section("decoder", t.parts.decoder)
	unk, chars := "null", charModel{}
	if t.chars != nil {
		chars = *t.chars
		if chars.unk >= 0 {
			unk = quoted(t.spelled[chars.unk])
		}
	}
	fmt.Fprintf(&b, `"model": {
"type": "BPE",
"dropout": null,
"unk_token": %s,
"continuing_subword_prefix": null,
"end_of_word_suffix": null,
"fuse_unk": %t,
"byte_fallback": %t,
"ignore_merges": %t,
"vocab": {`, unk, chars.fuse, chars.fallback, t.ignoreMerges)

	spelled := t.quotedTokens()
	separator := "\n"
	for id, token := range spelled {
		if token != "" {
			fmt.Fprintf(&b, "%s%s:%d", separator, token, id)
			separator = ",\n"
		}
	}
	b.WriteString("\n},\n\"merges\": [")
	t.writeMerges(&b, spelled)
	b.WriteString("\n]\n}\n}\n")
	return b.Bytes(), nil
}

// quotedTokens returns how every id of model.vocab is spelled, as a JSON string; "" for the others.
func (t *Tokenizer) quotedTokens() []string {
	spelled := make([]string, len(t.tokens))
	for token, id := range t.vocab {
		spelled[id] = quoted(t.spelling(token))
	}
	if t.numbersAdded() {
		return spelled
	}
	for _, a := range t.added {
		if spelled[a.ID] == "" {
			spelled[a.ID] = quoted(a.Content)
		}
	}
	return spelled
}

// numbersAdded reports whether Hugging Face tokenizers, which numbers added tokens that model.vocab
// lacks from the end of it on, gives them the ids that they have here.
func (t *Tokenizer) numbersAdded() bool {
	next := int32(len(t.vocab))
	for _, a := range t.added {
		if _, ok := t.inVocab(a.Content); ok {
			continue
		}
		if a.ID != next {
			return false
		}
		next++
	}
	return true
}

// writeMerges writes the merges as "left right", or as [left, right] if such a line could be read in
// another way.
func (t *Tokenizer) writeMerges(b *bytes.Buffer, spelled []string) {
	ranked := t.merges.byRank()
	lines := !slices.ContainsFunc(ranked, func(s pairSlot) bool {
		left, right := spelled[s.left], spelled[s.right]
		return strings.Contains(left+right, " ") || strings.HasPrefix(left, "\"#version")
	})
	separator := "\n"
	for _, s := range ranked {
		left, right := spelled[s.left], spelled[s.right]
		if lines {
			fmt.Fprintf(b, "%s%s %s", separator, left[:len(left)-1], right[1:])
		} else {
			fmt.Fprintf(b, "%s[%s, %s]", separator, left, right)
		}
		separator = ",\n"
	}
}

// quoted returns s as a JSON string.
func quoted(s string) string {
	special := func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError }
	if !strings.ContainsFunc(s, special) {
		return `"` + s + `"`
	}
	data, _ := json.Marshal(s) // a string is always JSON
	return string(data)
}

// byRank returns the pairs in the order of the file, those of one rank by their ids.
func (t *pairTable) byRank() []pairSlot {
	used := slices.DeleteFunc(slices.Clone(t.slots), func(s pairSlot) bool { return s.left < 0 })
	slices.SortFunc(used, func(a, b pairSlot) int {
		return cmp.Or(cmp.Compare(a.merge.rank, b.merge.rank), cmp.Compare(a.left, b.left),
			cmp.Compare(a.right, b.right))
	})
	return used
}
