package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// Hugging Face tokenizers has the normal forms of Unicode 9 (its crate
// unicode-normalization-alignments): characters that came later neither compose nor change places.
var known = rangetable.Assigned("9.0.0")

// composed returns text in normal form C, without copying where nothing changes.
func composed(text string) string {
	if isASCII(text) {
		return text
	}
	// Package norm takes a lead byte and what follows for one character, valid or not.
	if !utf8.ValidString(text) {
		return composeLong(text)
	}
	// The first settles most texts, and allocates nothing. What a later version of Unicode leaves
	// as it is, an earlier one does, too.
	if norm.NFC.QuickSpanString(text) == len(text) || norm.NFC.IsNormalString(text) {
		return text
	}
	joined := norm.NFC.String(text)
	// Package norm breaks runs of more than 30 combining characters with a grapheme
	// joiner (the Stream-Safe format of UAX #15), which normal form C does not. The joiner
	// itself takes no part in composition, so that more of them than before give it away.
	const joiner = "\u034f"
	if strings.Count(joined, joiner) != strings.Count(text, joiner) || strings.ContainsFunc(text, unknown) {
		return composeLong(text)
	}
	return joined
}

// unknown reports whether a character came after Unicode 9.
func unknown(r rune) bool { return r >= utf8.RuneSelf && !unicode.Is(known, r) }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// composeLong returns normal form C by the letter of the Unicode Standard,
// section 3.11: decompose, order by combining class, compose.
func composeLong(text string) string {
	chars := decompose(text)
	for from := 0; from < len(chars); {
		to := from + 1
		for to < len(chars) && chars[to].class != 0 {
			to++
		}
		slices.SortStableFunc(chars[from:to], func(a, b combining) int { return int(a.class) - int(b.class) })
		from = to
	}

	out := chars[:0]
	starter, class := -1, uint8(0) // last starter kept, class of the last character kept
	for _, c := range chars {
		if starter >= 0 && c.joins && (starter == len(out)-1 || class < c.class) {
			if r, ok := compose(out[starter].r, c.r); ok {
				out[starter].r = r
				continue
			}
		}
		if c.class == 0 {
			starter = len(out)
		}
		class = c.class
		out = append(out, c)
	}

	var b strings.Builder
	for _, c := range out {
		if c.r < 0 {
			b.WriteByte(byte(-c.r))
		} else {
			b.WriteRune(c.r)
		}
	}
	return b.String()
}

// combining is a character of decomposed text. A byte that is not UTF-8 is kept as its
// negative, a starter that joins nothing.
type combining struct {
	r     rune
	class uint8
	joins bool // may compose with a character before it
}

func decompose(text string) []combining {
	chars := make([]combining, 0, len(text))
	var buf []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			chars = append(chars, combining{r: -rune(text[0])})
		case unknown(r):
			chars = append(chars, combining{r: r})
		default:
			buf = norm.NFD.AppendString(buf[:0], text[:n])
			for _, r := range string(buf) {
				p := norm.NFC.PropertiesString(string(r))
				chars = append(chars, combining{r, p.CCC(), !p.BoundaryBefore()})
			}
		}
		text = text[n:]
	}
	return chars
}

// compose returns the primary composite of two characters, if they have one.
func compose(a, b rune) (rune, bool) {
	if a < 0 {
		return 0, false
	}
	joined := norm.NFC.String(string([]rune{a, b}))
	r, n := utf8.DecodeRuneInString(joined)
	return r, n == len(joined)
}
