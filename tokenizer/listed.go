package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// chosenPre are the names that Lists gives pre-tokenizers, of several for one the best known.
var chosenPre = []string{"gpt-2", "llama-bpe", "qwen2", "deepseek-r1-qwen", "smollm"}

// IsByteLevel reports whether the tokenizer merges bytes, as NewByteLevel makes it, and not characters.
func (t *Tokenizer) IsByteLevel() bool { return t.chars == nil }

// Lists returns the vocabulary as lists of n tokens, no fewer than VocabSize, from which NewByteLevel or
// NewSentencePiece makes one that gives texts the same ids. The error names what lists cannot say. Flags
// of added tokens beside Special are left out, since there is no place for them.
func (t *Tokenizer) Lists(n int) (Lists, error) {
	if n < len(t.tokens) {
		return Lists{}, fmt.Errorf("%d tokens are more than the %d of the model", len(t.tokens), n)
	}
	l := Lists{Begin: t.Begin(), End: t.End()}
	t.listTokens(&l, n)
	if t.chars != nil {
		return l, t.listScores(&l)
	}
	for _, s := range t.merges.byRank() {
		l.Merges = append(l.Merges, t.spelling(t.spelled[s.left])+" "+t.spelling(t.spelled[s.right]))
	}
	nfc := slices.Contains(t.normalizers, normalStep{nfc: true})
	for _, name := range chosenPre {
		p := preTokenizers[name]
		if p.pattern == t.pattern && p.ignoreMerges == t.ignoreMerges && p.nfc == nfc && t.prefix == never &&
			len(t.normalizers) <= 1 && (nfc || len(t.normalizers) == 0) {
			l.Pre = name
			return l, nil
		}
	}
	return l, fmt.Errorf("the way in which the tokenizer cuts texts (pattern %s, NFC %t, ignore_merges %t, a space in "+
		"front %t) has no name in GGUF; those of %s have", t.pattern, nfc, t.ignoreMerges, t.prefix != never,
		strings.Join(chosenPre, ", "))
}

// listTokens sets tokens and types.
func (t *Tokenizer) listTokens(l *Lists, n int) {
	l.Tokens, l.Types = make([]string, n), slices.Repeat([]TokenType{UnusedToken}, n)
	for id := range l.Tokens {
		l.Tokens[id] = fmt.Sprintf("[PAD%d]", id)
	}
	for token, id := range t.vocab {
		l.Tokens[id], l.Types[id] = t.spelling(token), NormalToken
	}
	for _, a := range t.added {
		l.Tokens[a.ID], l.Types[a.ID] = a.Content, UserToken
		if a.Special {
			l.Types[a.ID] = ControlToken
		}
	}
	if t.chars == nil {
		return
	}
	for id := range t.chars.bytes {
		l.Types[id] = ByteToken
	}
	if t.chars.unk >= 0 {
		l.Types[t.chars.unk] = UnknownToken
	}
}

// listScores sets scores that rank the merges as they are ranked: each token's is the negative rank of
// the first merge to it.
func (t *Tokenizer) listScores(l *Lists) error {
	if !t.chars.fallback {
		return errors.New("the tokenizer has no bytes to fall back on, as SentencePiece's in GGUF have")
	}
	pairs := t.merges.byRank()
	l.Prefix = t.prefix != never || slices.ContainsFunc(t.normalizers, normalStep.prepends)
	l.Scores = make([]float32, len(l.Tokens))
	if len(pairs) > 0 {
		lowest := -float32(pairs[len(pairs)-1].merge.rank) - 1 // nothing merges to these
		l.Scores = slices.Repeat([]float32{lowest}, len(l.Tokens))
	}
	for _, p := range slices.Backward(pairs) {
		l.Scores[p.merge.id] = -float32(p.merge.rank)
	}
	again, err := NewSentencePiece(*l)
	if err != nil {
		return err
	}
	last := -1
	for _, p := range pairs {
		m := again.merges.find(p.left, p.right)
		if m.id != p.merge.id || int(m.rank) < last {
			return fmt.Errorf("the merge of %.80q and %.80q has another place than scores of tokens give it, and GGUF "+
				"files of this kind have nothing else", t.spelled[p.left], t.spelled[p.right])
		}
		last = int(m.rank)
	}
	if n := len(again.merges.byRank()); n != len(pairs) {
		return fmt.Errorf("the tokenizer has %d merges, and scores of tokens make %d of them, which GGUF files of "+
			"this kind have instead", len(pairs), n)
	}
	return nil
}
