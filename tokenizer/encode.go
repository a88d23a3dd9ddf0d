package tokenizer

import "sort"

// Encode returns the ids of text. Added tokens marked special are not looked for: "<|im_end|>" in
// a document is ten characters of text, and cannot end a turn. Other added tokens are words of the
// vocabulary and are found. No token is added at either end. Bytes that are not UTF-8 encode to
// their byte tokens.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.Append(nil, text)
}

// Append appends the ids of text, as Encode finds them, to dst. It allocates only to grow
// dst, to normalize text that needs it, and once for pieces longer than any before.
func (t *Tokenizer) Append(dst []int32, text string) []int32 {
	return t.encode(dst, text, &reading{})
}

// AppendNext is Append for text that goes on from text before it: no space is put in front of it,
// as some tokenizers do at the start of a text.
func (t *Tokenizer) AppendNext(dst []int32, text string) []int32 {
	return t.encode(dst, text, &reading{joined: true})
}

// EncodeSpecial returns the ids of text, in which added tokens are recognised, the
// leftmost first and the longest where several begin. It is for text this program wrote,
// such as a chat template; documents go through Encode.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	return t.encode(nil, text, &reading{special: true})
}

// A reading says how a text is to be encoded.
type reading struct {
	special bool    // added tokens marked special are looked for
	joined  bool    // the text goes on from another
	barred  []Span  // in order: no special token may share text with one of these
	trace   *tracer // takes the spans of the ids, if set
}

// allows reports whether a special token may stand at text[start:end].
func (r *reading) allows(start, end int) bool {
	if !r.special {
		return false
	}
	next := sort.Search(len(r.barred), func(i int) bool { return r.barred[i].End > start })
	return next == len(r.barred) || r.barred[next].Start >= end
}

// encode appends the ids of text to dst.
func (t *Tokenizer) encode(dst []int32, text string, r *reading) []int32 {
	for from := 0; from < len(text); {
		m := t.raw.find(text, from, r)
		to := len(text)
		if m.token != nil {
			to = m.start
		}
		if from < to {
			dst = t.encodePart(dst, text[from:to], from, r)
		}
		if m.token == nil {
			break
		}
		dst = append(dst, m.token.ID)
		r.trace.raw(m.start, m.end)
		from = m.end
	}
	return dst
}

// encodePart encodes what lies, from base on in a text, between the added tokens that are found
// before normalization.
func (t *Tokenizer) encodePart(dst []int32, text string, base int, whole *reading) []int32 {
	r := *whole
	r.joined = r.joined && base == 0
	normal := t.normalize(text, !r.joined)
	if len(r.barred) > 0 && t.normal.wanted(r.special) {
		r.barred = t.carry(r.barred, text, base, !r.joined)
	}
	r.trace.part(base, text, !r.joined)
	for from := 0; from < len(normal); {
		m := t.normal.find(normal, from, &r)
		to := len(normal)
		if m.token != nil {
			to = m.start
		}
		if from < to {
			at := inside
			if base+from == 0 {
				at = atStart
			}
			if from == 0 && r.joined {
				at = next
			}
			dst = t.appendSegment(dst, normal[from:to], from, at, r.trace)
		}
		if m.token == nil {
			break
		}
		dst = append(dst, m.token.ID)
		r.trace.token(m.start, m.end)
		from = m.end
	}
	return dst
}

// appendSegment encodes text, which begins at from in the normalized text and has no added tokens.
func (t *Tokenizer) appendSegment(dst []int32, text string, from int, at position, tr *tracer) []int32 {
	first := len(dst)
	for rest := t.prepare(text, at); len(rest) > 0; {
		n := t.nextPiece(rest)
		dst = t.appendPiece(dst, rest[:n])
		rest = rest[n:]
	}
	tr.segment(dst[first:], text, from, at)
	return dst
}

// appendPiece encodes what the pre-tokenizer cuts text into.
func (t *Tokenizer) appendPiece(dst []int32, piece string) []int32 {
	if t.chars != nil && t.chars.wordwise {
		for n := wordEnd(piece); n < len(piece); n = wordEnd(piece) {
			dst = t.appendWord(dst, piece[:n])
			piece = piece[n:]
		}
	}
	return t.appendWord(dst, piece)
}

// appendWord encodes text by one look-up if it is a token that merges lead to.
func (t *Tokenizer) appendWord(dst []int32, word string) []int32 {
	if id, ok := t.vocab[word]; ok && t.whole[id] {
		return append(dst, id)
	}
	return t.appendMerged(dst, word)
}
