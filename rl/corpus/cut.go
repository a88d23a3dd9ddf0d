package corpus

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A bound is a place where text may be cut, best kind first.
const (
	boundParagraph = iota // a blank line
	boundSentence
	boundLine
	boundWord
	boundKinds
)

// Cut returns the pieces that text is cut into, each of at most limit characters. Together they
// hold every character of the text in its order, apart from the blank space at the cuts.
//
// The rest of the text is always aimed to be shared evenly, so that no scrap is left at its end: of
// the best kind of bound in reach, the one nearest to that aim is taken. A paragraph is therefore
// cut only if it is longer than the limit, or if sparing it would leave less than a quarter of the
// limit, such as a lone heading. Text without any bound is cut at the aim itself, never inside a
// character.
func Cut(text string, limit int) iter.Seq[string] {
	limit = max(limit, 1)
	return func(yield func(string) bool) {
		rest := strings.TrimSpace(text)
		for n := utf8.RuneCountInString(rest); n > limit; {
			at := bestBound(rest, limit, ceilDiv(n, ceilDiv(n, limit)))
			if !yield(strings.TrimSpace(rest[:at])) {
				return
			}
			next := strings.TrimSpace(rest[at:])
			n -= utf8.RuneCountInString(rest[:len(rest)-len(next)])
			rest = next
		}
		if rest != "" {
			yield(rest)
		}
	}
}

// bestBound returns the byte offset at which to cut text, which has more than limit characters and
// begins with no blank space.
func bestBound(text string, limit, aim int) int {
	type bound struct{ at, miss int } // byte offset; distance to the aim in characters
	var best [boundKinds]bound
	var hard int // byte offset of the aim
	offer := func(kind, at, chars int) {
		miss := max(chars-aim, aim-chars)
		if chars >= max(1, limit/4) && (best[kind].at == 0 || miss < best[kind].miss) {
			best[kind] = bound{at, miss}
		}
	}
	chars, inSpace := 0, false
	// A sentence has ended, and nothing but closing marks came since; a tight end needs no space
	// after it.
	ended, tight := false, false
	for at, r := range text {
		if chars == aim {
			hard = at
		}
		space := unicode.IsSpace(r)
		switch {
		case space && !inSpace:
			kind := spaceKind(text[at:])
			if ended && kind != boundParagraph {
				kind = boundSentence
			}
			offer(kind, at, chars)
		case !space && tight && !closes(r) && !isFullStop(r):
			offer(boundSentence, at, chars)
		}
		if chars++; chars > limit {
			break
		}
		inSpace = space
		if !closes(r) {
			tight = isFullStop(r)
			ended = tight || r == '.' || r == '!' || r == '?' || r == '…'
		}
	}
	for _, b := range best {
		if b.at > 0 {
			return b.at
		}
	}
	return hard
}

// spaceKind returns what kind of bound the blank space at the start of text is.
func spaceKind(text string) int {
	lines := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			break
		}
		if r == '\n' {
			if lines++; lines == 2 {
				return boundParagraph
			}
		}
	}
	if lines == 1 {
		return boundLine
	}
	return boundWord
}

// isFullStop reports whether r is a sentence end of Chinese and Japanese, which no space follows.
func isFullStop(r rune) bool { return r == '。' || r == '！' || r == '？' }

// closes reports whether r may stand between the end of a sentence and the space after it.
func closes(r rune) bool {
	switch r {
	case '"', '\'', ')', ']', '}', '”', '’', '»', '」', '』':
		return true
	}
	return false
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
