package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shield is a noncharacter (Unicode 15, section 23.7), kept for a program's own use.
const shield = "\ufdd0"

// Shield marks text that goes into a chat template, so that EncodeShielded takes what looks like a
// special token in it for the characters it is made of: a document that contains "<|im_end|>"
// cannot end the turn it stands in. The mark is one character inside of every such place, which a
// template passes through with the text around it. Text that becomes a special token by
// normalization is marked, too.
func (t *Tokenizer) Shield(text string) string {
	places := t.lookalikes(text)
	if len(places) == 0 && !strings.Contains(text, shield) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		if len(places) > 0 && places[0] == i {
			b.WriteString(shield)
			places = places[1:]
		}
		_, width := utf8.DecodeRuneInString(text[i:])
		b.WriteString(text[i : i+width])
		if string(r) == shield {
			b.WriteString(shield)
		}
	}
	if len(places) > 0 {
		b.WriteString(shield)
	}
	return b.String()
}

// lookalikes returns places in text, in order, such that all that could be taken for a special
// token takes in the character before one of them.
func (t *Tokenizer) lookalikes(text string) (places []int) {
	for i := 0; t.raw.special && i < len(text); i++ {
		if a := t.raw.at(text, i); a != nil && a.Special {
			places = append(places, i+head(text[i:i+len(a.Content)]))
		}
	}
	if !t.guard.special {
		return places
	}
	normal := t.normalize(text, false)
	back := newBackward(t.layers(text, false))
	for i := range len(normal) {
		if a := t.guard.at(normal, i); a != nil && a.Special {
			_, end := back.original(i, i+head(normal[i:i+len(a.Content)]))
			places = append(places, end)
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// head returns where the first character of a token ends that is not white space: templates trim
// white space, but not across a mark.
func head(token string) int {
	at := len(token) - len(strings.TrimLeftFunc(token, unicode.IsSpace))
	if at == len(token) {
		at = 0
	}
	_, width := utf8.DecodeRuneInString(token[at:])
	return at + width
}

// EncodeShielded is EncodeSpecial for text parts of which went through Shield.
func (t *Tokenizer) EncodeShielded(text string) []int32 {
	return t.encodeShielded(text, false)
}

// EncodeShieldedNext is EncodeShielded for text that goes on from text before it, as AppendNext is.
func (t *Tokenizer) EncodeShieldedNext(text string) []int32 {
	return t.encodeShielded(text, true)
}

// EncodeShieldedSpans is EncodeShielded that also tells where each id comes from, as EncodeSpans does: which
// bytes of what Unshield makes of the text.
func (t *Tokenizer) EncodeShieldedSpans(text string) ([]int32, []Span) {
	text, marked := unshield(text)
	tr := &tracer{t: t}
	ids := t.encode(nil, text, &reading{special: true, barred: marked, trace: tr})
	return ids, tr.spans
}

func (t *Tokenizer) encodeShielded(text string, joined bool) []int32 {
	text, marked := unshield(text)
	return t.encode(nil, text, &reading{special: true, joined: joined, barred: marked})
}

// Unshield returns text without the marks of Shield.
func Unshield(text string) string {
	clean, _ := unshield(text)
	return clean
}

// unshield takes the marks out and returns the characters before them. Two marks side by side are a
// character of the text; of an odd number the first is a mark.
func unshield(text string) (clean string, marked []Span) {
	if !strings.Contains(text, shield) {
		return text, nil
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, shield)
		b.WriteString(before)
		if !ok {
			return b.String(), marked
		}
		n := 1
		for strings.HasPrefix(after, shield) {
			after = after[len(shield):]
			n++
		}
		if n%2 == 1 {
			_, width := utf8.DecodeLastRuneInString(before)
			marked = append(marked, Span{b.Len() - width, b.Len()})
		}
		b.WriteString(strings.Repeat(shield, n/2))
		text = after
	}
}
