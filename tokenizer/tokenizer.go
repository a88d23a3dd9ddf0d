// Package tokenizer turns text into token ids and back: byte-pair encoding (BPE; Sennrich et al.
// 2016) as stored in a Hugging Face tokenizer.json, over bytes (Radford et al. 2019) or over
// characters with bytes to fall back on (SentencePiece; Kudo and Richardson 2018).
//
// It reads the files of the GPT-2, Llama 2, Llama 3, Mistral, Qwen 2/2.5/3, DeepSeek-R1-Distill
// and SmolLM families, trains new vocabularies, and writes them in the same layout. What it reads
// it follows exactly; a file that asks for a component outside that set is refused by name, never
// approximated.
//
// A Tokenizer is immutable after Load, Parse or Train and safe for concurrent use.
package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Tokenizer is one BPE vocabulary with its merges, the rules that prepare text for them, and added
// tokens. Ids run from 0 to VocabSize()-1; some files leave a few of them unused.
type Tokenizer struct {
	tokens  []string         // what each id decodes to: bytes, which need not be valid UTF-8
	spelled []string         // what each id is in prepared text; tokens itself if byte-level
	vocab   map[string]int32 // spelled → id, for the tokens of the BPE model
	whole   []bool           // whole[id]: a piece equal to spelled[id] encodes to id alone
	byteIDs [256]int32       // id of each one-byte token, if byte-level
	chars   *charModel       // nil if byte-level
	merges  pairTable

	normalizers  []normalStep
	pattern      Pattern // how byte-level BPE cuts text
	prefix       string  // where a segment that does not begin with a space gets one
	spaces       bool    // spaces become metaspaces
	splits       bool    // text is cut before every metaspace
	ignoreMerges bool    // a piece found whole in the vocabulary is not merged
	decoding     decoding

	added    []AddedToken // in id order
	addedIDs map[string]int32
	begin    []int32 // ids before a text of its own
	end      []int32 // ids after it
	special  []bool  // special[id]: dropped by DecodeSkipSpecial
	raw      matcher // added tokens looked for in the text as given
	normal   matcher // added tokens looked for in the normalized text
	guard    matcher // these as they look within a text, without what is put before it

	parts   components // the file's own words, for MarshalJSON
	source  []byte     // the file, nil if there is none
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

// Pattern returns the pattern by which byte-level BPE cuts text; of others it is "".
func (t *Tokenizer) Pattern() Pattern { return t.pattern }

// TokenID returns the id whose text is token: " the", not the file's spelling "Ġthe" or "▁the". An
// added token goes before a BPE token of the same text.
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.addedIDs[token]; ok {
		return id, true
	}
	if t.chars != nil {
		token = strings.ReplaceAll(token, " ", metaspace)
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

// IsSpecial reports whether id is an added token marked special.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.special) && t.special[id]
}

// AddedTokens returns a copy of the added tokens in id order.
func (t *Tokenizer) AddedTokens() []AddedToken { return slices.Clone(t.added) }

// index derives the lookup tables of encoding and decoding once vocab, tokens, merges and
// added are complete and checked.
func (t *Tokenizer) index() {
	t.spelled = t.tokens
	if t.chars != nil {
		t.spelled = slices.Clone(t.tokens)
		t.chars.findWords(t)
	}
	t.special = make([]bool, len(t.tokens))
	t.addedIDs = make(map[string]int32, len(t.added))
	isAdded := make([]bool, len(t.tokens))
	for _, a := range t.added {
		t.addedIDs[a.Content] = a.ID
		t.special[a.ID] = a.Special
		isAdded[a.ID] = true
		if a.Normalized {
			bare := a
			bare.Content = t.normalize(a.Content, false)
			a.Content = t.normalize(a.Content, true)
			t.normal.add(a)
			t.guard.add(bare)
		} else {
			t.raw.add(a)
		}
	}
	t.raw.sort()
	t.normal.sort()
	t.guard.sort()

	// Most pieces of ordinary text are tokens. Knowing which tokens the merges lead back
	// to turns those pieces into one map lookup; tokens no merge reaches stay out.
	t.whole = make([]bool, len(t.tokens))
	var ids []int32
	for id, token := range t.spelled {
		if own, ok := t.vocab[token]; !ok || own != int32(id) || isAdded[id] {
			continue
		}
		t.whole[id] = t.ignoreMerges
		if !t.ignoreMerges {
			ids = t.appendMerged(ids[:0], token)
			t.whole[id] = len(ids) == 1 && ids[0] == int32(id)
		}
	}
	if t.chars != nil {
		t.readTexts()
	}
}

// readTexts sets what the tokens of a vocabulary of characters decode to.
func (t *Tokenizer) readTexts() {
	for _, a := range t.added {
		if a.Normalized {
			t.tokens[a.ID] = t.normalize(a.Content, true)
		}
	}
	for id, token := range t.tokens {
		if b, ok := t.chars.bytes[int32(id)]; ok && t.decoding.bytes {
			t.tokens[id] = string([]byte{b})
		} else {
			t.tokens[id] = t.decoding.text(token)
		}
	}
}
