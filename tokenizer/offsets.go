package tokenizer

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Span is a range of bytes of a text: text[Start:End].
type Span struct{ Start, End int }

// EncodeSpans is Encode that also tells where each id comes from: the bytes it stands for,
// which may begin or end inside a character. Where normalization changed the text, an id
// stands for all of the characters that were changed together; a space put in front of the
// text comes from nowhere. Spans are in order and together cover the text.
func (t *Tokenizer) EncodeSpans(text string) ([]int32, []Span) {
	normal := t.normalize(text)
	var edits []edit
	if normal != text {
		edits = t.align(text)
	}
	ids := t.appendSegment(nil, normal)
	spans := make([]Span, len(ids))
	at := 0 // in the normalized text
	if t.prefixSpace && normal != "" && normal[0] != ' ' {
		at = -1
	}
	start, end := cursorOf(edits), cursorOf(edits)
	for i, id := range ids {
		from := max(at, 0)
		at += len(t.tokens[id])
		spans[i].Start, _ = start.original(from, from+1)
		_, spans[i].End = end.original(max(at-1, 0), max(at, 0))
	}
	return ids, spans
}

// An edit says that normalized[at:at+n] stands for original[from:from+m].
type edit struct{ at, n, from, m int }

// align returns the places where normalization changes text. It goes by the characters that
// never join what stands before them: between two of these, text is normalized by itself.
func (t *Tokenizer) align(text string) []edit {
	var edits []edit
	at := 0
	for from := 0; from < len(text); {
		to := from
		for to == from || to < len(text) && !norm.NFC.PropertiesString(text[to:]).BoundaryBefore() {
			_, width := utf8.DecodeRuneInString(text[to:])
			to += width
		}
		n := to - from
		if part := t.normalize(text[from:to]); part != text[from:to] {
			n = len(part)
			edits = append(edits, edit{at, n, from, to - from})
		}
		at, from = at+n, to
	}
	return edits
}

// An editCursor maps places of the normalized text, asked for in order, to the original.
type editCursor struct {
	edits []edit // those not passed yet
	shift int    // original minus normalized since the last one passed
}

func cursorOf(edits []edit) editCursor { return editCursor{edits: edits} }

// original returns the range of the original that normalized[start:end], of at most one
// byte, comes from.
func (c *editCursor) original(start, end int) (from, to int) {
	for len(c.edits) > 0 && start >= c.edits[0].at+c.edits[0].n {
		e := c.edits[0]
		c.shift = e.from + e.m - e.at - e.n
		c.edits = c.edits[1:]
	}
	if len(c.edits) > 0 && start >= c.edits[0].at && end > start {
		return c.edits[0].from, c.edits[0].from + c.edits[0].m
	}
	return start + c.shift, end + c.shift
}
