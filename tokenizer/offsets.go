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
	tr := &tracer{t: t}
	ids := t.encode(nil, text, &reading{trace: tr})
	return ids, tr.spans
}

// A tracer gathers the spans of an encoding. Texts are asked for in order.
type tracer struct {
	t     *Tokenizer
	spans []Span
	base  int       // where the current part begins in the text
	back  *backward // from the normalized text of the current part to the part
}

// token adds the span of an added token in the normalized text of the current part.
func (tr *tracer) token(start, end int) {
	if tr != nil {
		tr.spans = append(tr.spans, tr.original(start, end))
	}
}

// part begins a part of the text.
func (tr *tracer) part(base int, text string, opens bool) {
	if tr != nil {
		tr.base, tr.back = base, newBackward(tr.t.layers(text, opens))
	}
}

// raw adds the span of an added token of the text itself.
func (tr *tracer) raw(start, end int) {
	if tr != nil {
		tr.spans = append(tr.spans, Span{start, end})
	}
}

// segment adds the spans of the ids of text, which begins at from in the normalized text.
func (tr *tracer) segment(ids []int32, text string, from int, at position) {
	if tr == nil {
		return
	}
	t := tr.t
	prepared := t.prepare(text, at)
	inner := newBackward(t.preparedLayers(text, at))
	place := 0
	for _, id := range ids {
		next := min(place+t.width(id, prepared[place:]), len(prepared))
		start, end := inner.original(place, next)
		tr.spans = append(tr.spans, tr.original(from+start, from+end))
		place = next
	}
}

func (tr *tracer) original(start, end int) Span {
	start, end = tr.back.original(start, end)
	return Span{tr.base + start, tr.base + end}
}

// A backward maps ranges of a text, asked for in order, to what it was before its layers.
type backward struct{ starts, ends []layerCursor }

func newBackward(layers []layer) *backward {
	b := new(backward)
	for i := len(layers) - 1; i >= 0; i-- {
		b.starts = append(b.starts, layerCursor{edits: layers[i]})
		b.ends = append(b.ends, layerCursor{edits: layers[i]})
	}
	return b
}

func (b *backward) original(start, end int) (from, to int) {
	for i := range b.starts {
		first, _ := b.starts[i].original(start, start+1)
		last := first
		if end > start {
			_, last = b.ends[i].original(end-1, end)
		}
		start, end = first, max(first, last)
	}
	return start, end
}

// A layerCursor maps places of the new text of a layer, asked for in order, to the old.
type layerCursor struct {
	edits layer // those not passed yet
	shift int   // old minus new since the last one passed
}

// original returns the range of the old text that new[start:end], one byte, comes from.
func (c *layerCursor) original(start, end int) (from, to int) {
	for len(c.edits) > 0 && start >= c.edits[0].at+c.edits[0].n {
		e := c.edits[0]
		c.shift = e.from + e.m - e.at - e.n
		c.edits = c.edits[1:]
	}
	if len(c.edits) > 0 && start >= c.edits[0].at {
		return c.edits[0].from, c.edits[0].from + c.edits[0].m
	}
	return start + c.shift, end + c.shift
}

// align returns the places where normal form C changes text. It goes by the characters that
// never join what stands before them: between two of these, text is normalized by itself.
func align(text string) (edits layer) {
	at := 0
	for from := 0; from < len(text); {
		to := from
		for to == from || to < len(text) && !norm.NFC.PropertiesString(text[to:]).BoundaryBefore() {
			_, width := utf8.DecodeRuneInString(text[to:])
			to += width
		}
		n := to - from
		if part := composed(text[from:to]); part != text[from:to] {
			n = len(part)
			edits = append(edits, edit{at, n, from, to - from})
		}
		at, from = at+n, to
	}
	return edits
}
