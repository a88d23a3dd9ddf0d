package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace stands for a space in the vocabularies of SentencePiece.
const metaspace = "▁"

// A charModel is what BPE over characters has that BPE over bytes has not.
type charModel struct {
	bytes    map[int32]byte // tokens such as <0x0A>, each of which stands for a byte
	byteIDs  [256]int32     // their ids, -1 where there is none
	fallback bool           // characters outside the vocabulary become bytes
	unk      int32          // stands for what has no other token, -1 if there is none
	fuse     bool           // one unk stands for several characters side by side
	wordwise bool           // no merge crosses the beginning of a word
}

// A position says where in the text a segment stands.
type position uint8

const (
	inside  position = iota // behind an added token
	atStart                 // at the start of the text
	next                    // at the start of a text that goes on from another
)

// Schemes of a Metaspace pre-tokenizer: where a space is put in front.
const (
	never  = ""
	first  = "first"
	always = "always"
)

// prepare returns a segment as the pre-tokenizer has it before it cuts.
func (t *Tokenizer) prepare(text string, at position) string {
	switch space := t.inFront(text, at); {
	case t.spaces:
		return space + strings.ReplaceAll(text, " ", metaspace)
	case space != "":
		return space + text
	}
	return text
}

// inFront returns what prepare puts before a segment.
func (t *Tokenizer) inFront(text string, at position) string {
	space := " "
	if t.spaces {
		space = metaspace
	}
	switch {
	case t.prefix == never || at == next || t.prefix == first && at != atStart,
		strings.HasPrefix(text, space), strings.HasPrefix(text, " "):
		return ""
	}
	return space
}

// preparedLayers returns what prepare changes.
func (t *Tokenizer) preparedLayers(text string, at position) (all []layer) {
	if t.spaces {
		all = append(all, replaced(text, " ", metaspace))
	}
	if space := t.inFront(text, at); space != "" {
		all = append(all, layer{{n: len(space)}})
	}
	return all
}

// nextPiece returns the length of the first piece of a segment that is not empty.
func (t *Tokenizer) nextPiece(text string) int {
	switch {
	case t.chars == nil:
		return t.pattern.next(text)
	case !t.splits:
		return len(text)
	}
	_, width := utf8.DecodeRuneInString(text)
	if i := strings.Index(text[width:], metaspace); i >= 0 {
		return width + i
	}
	return len(text)
}

// wordEnd returns where the first word of text ends: before a metaspace behind something else.
func wordEnd(text string) int {
	from := 0
	for strings.HasPrefix(text[from:], metaspace) {
		from += len(metaspace)
	}
	if i := strings.Index(text[from:], metaspace); i >= 0 {
		return from + i
	}
	return len(text)
}

// appendChars appends the tokens of the characters of piece: of a character outside the vocabulary
// those of its bytes or, if they have none, unk. An unk is written when a character of the
// vocabulary or another unk follows, bytes in between go before it, as in Hugging Face tokenizers.
func (t *Tokenizer) appendChars(dst []int32, piece string) []int32 {
	c := t.chars
	pending := false
	for len(piece) > 0 {
		_, width := utf8.DecodeRuneInString(piece)
		id, ok := t.vocab[piece[:width]]
		switch {
		case ok:
			if pending {
				dst = append(dst, c.unk)
			}
			dst, pending = append(dst, id), false
		case c.covers(piece[:width]):
			for i := range width {
				dst = append(dst, c.byteIDs[piece[i]])
			}
		case c.unk >= 0:
			if pending && !c.fuse {
				dst = append(dst, c.unk)
			}
			pending = true
		}
		piece = piece[width:]
	}
	if pending {
		dst = append(dst, c.unk)
	}
	return dst
}

// covers reports whether text can be written in tokens of bytes.
func (c *charModel) covers(text string) bool {
	for i := range len(text) {
		if c.byteIDs[text[i]] < 0 {
			return false
		}
	}
	return c.fallback
}

// width returns how many bytes of prepared text id stands for, which rest begins with.
func (t *Tokenizer) width(id int32, rest string) int {
	if t.chars == nil {
		return len(t.tokens[id])
	}
	if id != t.chars.unk {
		if _, ok := t.chars.bytes[id]; ok {
			return 1
		}
		return len(t.spelled[id])
	}
	n := 0
	for n < len(rest) {
		_, width := utf8.DecodeRuneInString(rest[n:])
		part := rest[n : n+width]
		if _, ok := t.vocab[part]; n > 0 && (ok || t.chars.covers(part) || !t.chars.fuse) {
			break
		}
		n += width
	}
	return n
}

// readBytes finds the tokens of bytes, and checks that no text is lost.
func (c *charModel) readBytes(t *Tokenizer) error {
	c.bytes = make(map[int32]byte)
	missing := -1
	for b := range c.byteIDs {
		id, ok := t.vocab[byteToken(byte(b))]
		if !ok {
			id, missing = -1, b
		} else {
			c.bytes[id] = byte(b)
		}
		c.byteIDs[b] = id
	}
	switch {
	case c.unk >= 0:
	case !c.fallback:
		return fmt.Errorf("model.unk_token is null and model.byte_fallback false, " +
			"so that characters outside the vocabulary would be lost: name a token in unk_token")
	case missing >= 0:
		return fmt.Errorf("model.unk_token is null and model.vocab has no token %q, "+
			"so that this byte would be lost: add the token, or name one in unk_token", byteToken(byte(missing)))
	}
	return nil
}

// byteToken returns how a token that stands for a byte is spelled.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

// findWords sets wordwise: whether a word, which a metaspace behind something else begins, is
// merged by itself whatever stands before it.
func (c *charModel) findWords(t *Tokenizer) {
	_, known := t.vocab[metaspace]
	c.wordwise = known && !t.ignoreMerges
	for _, s := range t.merges.slots {
		if s.left >= 0 && wordEnd(t.spelled[s.merge.id]) < len(t.spelled[s.merge.id]) {
			c.wordwise = false
		}
	}
}
