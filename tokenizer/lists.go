package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// TokenType says what a token of Lists is for. The numbers are those of GGUF.
type TokenType int32

const (
	NormalToken  TokenType = 1
	UnknownToken TokenType = 2 // stands for what has no other token
	ControlToken TokenType = 3 // special
	UserToken    TokenType = 4 // an added word, found before all others
	UnusedToken  TokenType = 5
	ByteToken    TokenType = 6 // such as <0x0A>
)

// Lists is a vocabulary as lists by id, the way GGUF holds it.
type Lists struct {
	Tokens []string    // as the file spells them
	Types  []TokenType // nil: all normal
	Merges []string    // of NewByteLevel: "left right", the earlier go first
	Scores []float32   // of NewSentencePiece: the merge to the token with the highest goes first
	Pre    string      // of NewByteLevel: the name of the pre-tokenizer, one of PreTokenizers
	Prefix bool        // of NewSentencePiece: a space is put in front of a text
	Begin  []int32     // go before a text of its own
	End    []int32     // go after it
}

// preTokenizers are the names that GGUF has for what this package can do.
var preTokenizers = map[string]preTokenizer{
	"default": {pattern: Default},

	"gpt-2": gpt2, "phi-2": gpt2, "mellum": gpt2, "gigachat": gpt2, "a.x-4.0": gpt2, "mpt": gpt2, "olmo": gpt2,
	"trillion": gpt2,

	"llama-bpe": llama3, "llama-v3": llama3, "llama3": llama3, "falcon3": llama3, "pixtral": llama3,
	"midm-2.0": llama3, "lfm2": llama3, "smaug-bpe": {pattern: Llama3}, "dbrx": {pattern: Llama3},

	"qwen2": {pattern: Qwen2, nfc: true}, "deepseek-r1-qwen": qwen2, "stablelm2": qwen2, "kormo": qwen2,
	"openpangu": qwen2, "megrez": qwen2, "hunyuan": qwen2,

	"smollm": digits, "starcoder": digits, "refact": digits, "minerva-7b": digits, "mellum2": digits,
}

// A preTokenizer is what stands behind a name.
type preTokenizer struct {
	pattern      Pattern
	nfc          bool
	ignoreMerges bool
}

var (
	gpt2   = preTokenizer{pattern: GPT2}
	llama3 = preTokenizer{pattern: Llama3, ignoreMerges: true}
	qwen2  = preTokenizer{pattern: Qwen2}
	digits = preTokenizer{pattern: Digits}
)

// PreTokenizers returns the names of pre-tokenizers that NewByteLevel knows, in order.
func PreTokenizers() []string { return slices.Sorted(maps.Keys(preTokenizers)) }

// NewByteLevel returns the byte-level BPE that lists describe: GGUF's kind "gpt2".
func NewByteLevel(l Lists) (*Tokenizer, error) {
	pre, ok := preTokenizers[l.Pre]
	switch {
	case !ok && l.Pre == "":
		return nil, errors.New("it does not say how texts are cut (tokenizer.ggml.pre is missing), as files of " +
			"before May 2024: take a newer file of the model, or its folder")
	case !ok:
		return nil, fmt.Errorf("the pre-tokenizer %.80q is not supported: %s are", l.Pre,
			strings.Join(PreTokenizers(), ", "))
	}
	t := &Tokenizer{pattern: pre.pattern, ignoreMerges: pre.ignoreMerges}
	if pre.nfc {
		t.normalizers = []normalStep{{nfc: true}}
		t.parts.normalizer = json.RawMessage(`{"type": "NFC"}`)
	}
	t.setByteLevelParts()
	if err := t.readLists(l); err != nil {
		return nil, err
	}
	if err := t.findBytes(); err != nil {
		return nil, err
	}
	pairs := make([]pairSlot, 0, len(l.Merges))
	for i, m := range l.Merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d is %.80q, not \"left right\": correct it", i, m)
		}
		p, err := t.resolve([]byte(left), []byte(right), i)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	if err := t.setMerges(pairs); err != nil {
		return nil, err
	}
	t.index()
	return t, nil
}

// NewSentencePiece returns the BPE over characters that lists describe, with bytes to fall back on:
// GGUF's kind "llama". It has no merges of its own: two neighbours join if what they spell is a
// token, that with the highest score first, and the leftmost of equal ones.
func NewSentencePiece(l Lists) (*Tokenizer, error) {
	if len(l.Scores) != len(l.Tokens) {
		return nil, fmt.Errorf("there are %d scores for %d tokens: there must be one for each",
			len(l.Scores), len(l.Tokens))
	}
	t := &Tokenizer{chars: &charModel{fallback: true, fuse: true, unk: -1}}
	t.normalizers = []normalStep{{old: " ", new: metaspace}}
	t.decoding = decoding{replace: [][2]string{{metaspace, " "}}, bytes: true}
	normalizer, decoder := replaceSpaces, restoreSpaces
	if l.Prefix {
		t.normalizers = slices.Insert(t.normalizers, 0, normalStep{new: metaspace})
		t.decoding.strip, t.decoding.stripped = 1, " "
		normalizer = prependSpace + ", " + normalizer
		decoder += ", " + stripSpace
	}
	t.parts.normalizer = fmt.Appendf(nil, `{"type": "Sequence", "normalizers": [%s]}`, normalizer)
	t.parts.decoder = fmt.Appendf(nil, `{"type": "Sequence", "decoders": [%s]}`, decoder)
	if err := t.readLists(l); err != nil {
		return nil, err
	}
	if err := t.chars.readBytes(t); err != nil {
		return nil, err
	}
	pairs, err := t.mergesByScore(l)
	if err != nil {
		return nil, err
	}
	if err := t.setMerges(pairs); err != nil {
		return nil, err
	}
	t.index()
	return t, nil
}

// How a tokenizer.json says what SentencePiece does.
const (
	prependSpace  = `{"type": "Prepend", "prepend": "▁"}`
	replaceSpaces = `{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}`
	restoreSpaces = `{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, ` +
		`{"type": "ByteFallback"}, {"type": "Fuse"}`
	stripSpace = `{"type": "Strip", "content": " ", "start": 1, "stop": 0}`
)

// readLists sets tokens, vocab, added, unk, begin and end.
func (t *Tokenizer) readLists(l Lists) error {
	if l.Types != nil && len(l.Types) != len(l.Tokens) {
		return fmt.Errorf("there are %d types for %d tokens: there must be one for each", len(l.Types), len(l.Tokens))
	}
	t.tokens = make([]string, len(l.Tokens))
	t.vocab = make(map[string]int32, len(l.Tokens))
	seen := make(map[string]int, len(l.Tokens))
	for id, token := range l.Tokens {
		kind := NormalToken
		if l.Types != nil {
			kind = l.Types[id]
		}
		if kind == UnusedToken {
			continue
		}
		if first, ok := seen[token]; ok {
			return fmt.Errorf("tokens %d and %d are both %.80q: remove one", first, id, token)
		}
		seen[token] = id
		if err := t.listToken(int32(id), token, kind); err != nil {
			return err
		}
	}
	for _, id := range slices.Concat(l.Begin, l.End) {
		if id < 0 || int(id) >= len(t.tokens) || t.tokens[id] == "" {
			return fmt.Errorf("id %d, which goes before or after a text, is no token of the vocabulary of %d: "+
				"correct it", id, len(t.tokens))
		}
	}
	t.begin, t.end = slices.Clone(l.Begin), slices.Clone(l.End)
	t.parts.postProcessor = t.template()
	return nil
}

// listToken takes one token of lists.
func (t *Tokenizer) listToken(id int32, token string, kind TokenType) error {
	switch {
	case kind < NormalToken || kind > ByteToken:
		return fmt.Errorf("token %d, %.80q, has the type %d, which is none from 1 to 6: correct it", id, token, kind)
	case token == "":
		return fmt.Errorf("token %d is empty: give it a text, or the type of unused ones", id)
	case !utf8.ValidString(token):
		return fmt.Errorf("token %d, %.80q, is not UTF-8: correct it", id, token)
	}
	raw, ok := t.appendToken(nil, []byte(token))
	isAdded := kind == UnknownToken || kind == ControlToken || kind == UserToken
	if isAdded {
		a := AddedToken{ID: id, Content: token, Special: kind != UserToken}
		t.added = append(t.added, a)
		ok = ok && string(raw) == token
	}
	if !ok { // an added token, or one that no text leads to
		t.tokens[id] = token
		return nil
	}
	t.tokens[id] = string(raw)
	t.vocab[t.tokens[id]] = id
	if t.chars != nil && kind == UnknownToken {
		t.chars.unk = id
	}
	return nil
}

// longestMerged is how many bytes a token may have; SentencePiece makes none of more than 16
// characters.
const longestMerged = 1024

// mergesByScore returns the merges of two tokens to a third, ranked by its score.
func (t *Tokenizer) mergesByScore(l Lists) ([]pairSlot, error) {
	ranks := make(map[float32]uint32)
	for _, s := range l.Scores {
		if s != s {
			return nil, errors.New("the score of a token is not a number: correct it")
		}
		ranks[s] = 0
	}
	ordered := slices.SortedFunc(maps.Keys(ranks), func(a, b float32) int { return cmp.Compare(b, a) })
	for i, s := range ordered {
		ranks[s] = uint32(i)
	}
	var pairs []pairSlot
	for id, token := range t.tokens {
		if own, ok := t.vocab[token]; !ok || own != int32(id) || l.Types != nil && l.Types[id] != NormalToken {
			continue
		}
		if len(token) > longestMerged {
			return nil, fmt.Errorf("token %d has %d bytes: at most %d are supported", id, len(token), longestMerged)
		}
		for cut := range token {
			left, okLeft := t.vocab[token[:cut]]
			right, okRight := t.vocab[token[cut:]]
			if okLeft && okRight {
				pairs = append(pairs, pairSlot{left, right, merge{ranks[l.Scores[id]], int32(id)}})
			}
		}
	}
	return pairs, nil
}

// setByteLevelParts sets how a file says what byte-level BPE with t.pattern does.
func (t *Tokenizer) setByteLevelParts() {
	split, byteLevel := t.pattern.components()
	t.parts.preTokenizer = fmt.Appendf(nil, `{"type": "Sequence", "pretokenizers": [%s, %s]}`, split, byteLevel)
	t.parts.decoder = []byte(byteLevel)
}

// template returns the post-processor that puts begin and end around a text, nil if there are none.
func (t *Tokenizer) template() json.RawMessage {
	if len(t.begin)+len(t.end) == 0 {
		return nil
	}
	type named struct {
		ID     string   `json:"id"`
		TypeID int      `json:"type_id"`
		IDs    []int32  `json:"ids,omitempty"`
		Tokens []string `json:"tokens,omitempty"`
	}
	special := map[string]named{}
	around := func(ids []int32) (all []any) {
		for _, id := range ids {
			name := t.tokens[id]
			special[name] = named{ID: name, IDs: []int32{id}, Tokens: []string{name}}
			all = append(all, map[string]any{"SpecialToken": named{ID: name}})
		}
		return all
	}
	text := func(name string) any { return map[string]any{"Sequence": named{ID: name}} }
	single := slices.Concat(around(t.begin), []any{text("A")}, around(t.end))
	data, _ := json.Marshal(map[string]any{ // strings and numbers are always JSON
		"type": "TemplateProcessing", "single": single,
		"pair": slices.Concat(single, around(t.begin), []any{text("B")}, around(t.end)), "special_tokens": special,
	})
	return data
}
