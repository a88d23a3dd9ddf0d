package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// shield is a noncharacter (Unicode 15, section 23.7), kept for a program's own use.
const shield = "\ufdd0"

// Shield marks text that goes into a chat template, so that EncodeShielded takes what looks
// like an added token in it for the characters it is made of: a document that contains
// "<|im_end|>" cannot end the turn it stands in. The mark is one character behind the first
// of every such place, which a template passes through with the text around it.
func (t *Tokenizer) Shield(text string) string {
	var b strings.Builder
	done := 0
	for i := range text {
		size := 0
		if strings.HasPrefix(text[i:], shield) {
			size = len(shield)
		} else if t.raw.begins(text, i) || t.normal.begins(text, i) {
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		if size > 0 {
			b.WriteString(text[done : i+size])
			b.WriteString(shield)
			done = i + size
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// EncodeShielded is EncodeSpecial for text parts of which went through Shield.
func (t *Tokenizer) EncodeShielded(text string) []int32 {
	return t.encodeSpecial(text, unshield)
}

// unshield takes the marks out.
func unshield(text string) string {
	if !strings.Contains(text, shield) {
		return text
	}
	// Of two marks side by side the first is a character of the text.
	parts := strings.Split(text, shield+shield)
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], shield, "")
	}
	return strings.Join(parts, shield)
}
