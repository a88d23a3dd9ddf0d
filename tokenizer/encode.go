package tokenizer

// Encode returns the ids of text. Added tokens are not looked for: "<|im_end|>" in a
// document is ten characters of text, and cannot end a turn. No token is added at either
// end. Bytes that are not UTF-8 encode to their byte tokens.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.Append(nil, text)
}

// Append appends the ids of text, as Encode finds them, to dst. It allocates only to grow
// dst, to normalize text that needs it, and once for pieces longer than any before.
func (t *Tokenizer) Append(dst []int32, text string) []int32 {
	return t.appendSegment(dst, t.normalize(text))
}

// EncodeSpecial returns the ids of text, in which added tokens are recognised, the
// leftmost first and the longest where several begin. It is for text this program wrote,
// such as a chat template; documents go through Encode.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	return t.encodeSpecial(text, func(s string) string { return s })
}

// encodeSpecial passes the text between added tokens through last before it encodes it.
func (t *Tokenizer) encodeSpecial(text string, last func(string) string) []int32 {
	var dst []int32
	t.raw.split(text, func(segment string, id int32) {
		if id >= 0 {
			dst = append(dst, id)
			return
		}
		t.normal.split(t.normalize(segment), func(segment string, id int32) {
			if id >= 0 {
				dst = append(dst, id)
				return
			}
			dst = t.appendSegment(dst, last(segment))
		})
	})
	return dst
}

// appendSegment encodes normalized text without added tokens.
func (t *Tokenizer) appendSegment(dst []int32, text string) []int32 {
	if t.prefixSpace && text != "" && text[0] != ' ' {
		text = " " + text
	}
	for len(text) > 0 {
		n := t.pattern.next(text)
		dst = t.appendPiece(dst, text[:n])
		text = text[n:]
	}
	return dst
}

func (t *Tokenizer) appendPiece(dst []int32, piece string) []int32 {
	if id, ok := t.vocab[piece]; ok && t.whole[id] {
		return append(dst, id)
	}
	return t.appendMerged(dst, piece)
}
