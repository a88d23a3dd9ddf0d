// Package tokenizer turns text into token ids and back: byte-level byte-pair encoding
// (BPE; Sennrich et al. 2016, made byte-level by Radford et al. 2019) as stored in a
// Hugging Face tokenizer.json.
//
// It reads the files of the GPT-2, Llama 3, Qwen 2/2.5/3, DeepSeek-R1-Distill and SmolLM
// families, trains new vocabularies, and writes them in the same layout. What it reads it
// follows exactly; a file that asks for a component outside that set is refused by name,
// never approximated.
//
// Classes of characters and normal forms are those of Unicode 15.
//
// A Tokenizer is immutable after Load, Parse or Train and safe for concurrent use.
package tokenizer

import (
	"encoding/json"
	"slices"
	"sync"
)

// Tokenizer is one byte-level BPE vocabulary with its merges, pre-tokenization pattern and
// added tokens. Ids run from 0 to VocabSize()-1 without a gap.
type Tokenizer struct {
	tokens  []string         // bytes of each id, raw rather than in the file's spelling
	vocab   map[string]int32 // bytes → id, for the tokens of the BPE model
	whole   []bool           // whole[id]: a piece equal to tokens[id] encodes to id alone
	byteIDs [256]int32       // id of each one-byte token
	merges  pairTable

	pattern      Pattern
	nfc          bool // text is brought to Unicode normal form C first
	prefixSpace  bool // a segment that does not begin with a space gets one
	ignoreMerges bool // a piece found whole in the vocabulary is not merged from bytes

	added    []AddedToken // in id order
	addedIDs map[string]int32
	begin    []int32 // ids before a text of its own
	end      []int32 // ids after it
	special  []bool  // special[id]: dropped by DecodeSkipSpecial
	raw      matcher // added tokens looked for in the text as given
	normal   matcher // added tokens looked for in the normalized text

	parts   components // the file's own words, for MarshalJSON
	scratch sync.Pool  // *mergeList
}

// AddedToken is an entry of added_tokens: text that stands for one id and never goes
// through BPE. The flags mean what they mean in Hugging Face tokenizers.
type AddedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // no match inside a longer word
	LStrip     bool   `json:"lstrip"`      // swallows white space on its left
	RStrip     bool   `json:"rstrip"`      // swallows white space on its right
	Normalized bool   `json:"normalized"`  // looked for after normalization, not before
	Special    bool   `json:"special"`     // control token, not text
}

// components holds the parts of the file that are kept as JSON.
type components struct {
	normalizer, preTokenizer, postProcessor, decoder json.RawMessage
}

// VocabSize returns the number of tokens, added tokens included. A model's embedding may
// have more rows than that, never fewer.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Pattern returns the pre-tokenization pattern.
func (t *Tokenizer) Pattern() Pattern { return t.pattern }

// TokenID returns the id whose text is token: " the", not the file's spelling "Ġthe". An
// added token goes before a BPE token of the same text.
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.addedIDs[token]; ok {
		return id, true
	}
	id, ok := t.vocab[token]
	return id, ok
}

// TokenBytes returns a copy of the bytes of a token, which need not be valid UTF-8; nil
// when the vocabulary has no such id.
func (t *Tokenizer) TokenBytes(id int32) []byte {
	if id < 0 || int(id) >= len(t.tokens) {
		return nil
	}
	return []byte(t.tokens[id])
}

// Special returns the id of an added token such as "<|im_end|>".
func (t *Tokenizer) Special(content string) (int32, bool) {
	id, ok := t.addedIDs[content]
	return id, ok
}

// AddedTokens returns a copy of the added tokens in id order.
func (t *Tokenizer) AddedTokens() []AddedToken { return slices.Clone(t.added) }

// index derives the lookup tables of encoding and decoding once vocab, tokens, merges and
// added are complete and checked.
func (t *Tokenizer) index() {
	t.special = make([]bool, len(t.tokens))
	t.addedIDs = make(map[string]int32, len(t.added))
	isAdded := make([]bool, len(t.tokens))
	for _, a := range t.added {
		t.addedIDs[a.Content] = a.ID
		t.special[a.ID] = a.Special
		isAdded[a.ID] = true
		if a.Normalized {
			a.Content = t.normalize(a.Content)
			t.normal.add(a)
		} else {
			t.raw.add(a)
		}
	}
	t.raw.sort()
	t.normal.sort()

	// Most pieces of ordinary text are tokens. Knowing which tokens the merges lead back
	// to turns those pieces into one map lookup; tokens no merge reaches stay out.
	t.whole = make([]bool, len(t.tokens))
	var ids []int32
	for id, token := range t.tokens {
		if own, ok := t.vocab[token]; !ok || own != int32(id) || isAdded[id] {
			continue
		}
		t.whole[id] = t.ignoreMerges
		if !t.ignoreMerges {
			ids = t.appendMerged(ids[:0], token)
			t.whole[id] = len(ids) == 1 && ids[0] == int32(id)
		}
	}
}
