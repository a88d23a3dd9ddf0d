package reading

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A word is a run of characters between blank space, without the marks around it. Runs of marks alone
// are no words.
type word struct {
	start, end int32 // in the text
	id         int32 // of its lower-case spelling, in the cluster
}

// core returns the bounds of a run of characters without the marks around it; they are equal if it is
// marks alone. Signs that belong to a number stay: 57%, $5, -3, and so do the point of an abbreviation
// and the bracket that closes one within.
func core(run string) (start, end int) {
	start, end = 0, len(run)
	for start < end {
		r, size := utf8.DecodeRuneInString(run[start:])
		next, _ := utf8.DecodeRuneInString(run[start+size:])
		signed := isMinus(r) && (unicode.IsDigit(next) || unicode.Is(unicode.Sc, next))
		if inWord(r) || unicode.Is(unicode.Sc, r) || signed {
			break
		}
		start += size
	}
	for end > start {
		r, size := utf8.DecodeLastRuneInString(run[start:end])
		if inWord(r) || r == '%' || r == '‰' || r == '°' || unicode.Is(unicode.Sc, r) {
			break
		}
		end -= size
	}
	if !strings.ContainsFunc(run[start:end], inWord) {
		return start, start
	}
	rest := run[end:]
	switch {
	case rest == "":
	case rest[0] == '.' && abbreviates(run[start:end]),
		rest[0] == ')' && strings.Count(run[start:end], "(") > strings.Count(run[start:end], ")"):
		end++
	}
	return start, end
}

// inWord reports whether a character is one of words.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

func isMinus(r rune) bool { return r == '-' || r == '−' || r == '–' }

// abbreviates reports whether a word is one letter after the other with points between them.
func abbreviates(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(p string) bool { return utf8.RuneCountInString(p) != 1 })
}

// wordsOf calls visit with the bounds of every word of a text, in their order, and the spelling that
// words are compared by.
func wordsOf(text string, visit func(start, end int, spelling string)) {
	at := 0
	for run := range strings.FieldsSeq(text) {
		at += strings.Index(text[at:], run)
		if start, end := core(run); start < end {
			visit(at+start, at+end, strings.ToLower(run[start:end]))
		}
		at += len(run)
	}
}

// spellings returns the words of a text as they are compared.
func spellings(text string) (all []string) {
	wordsOf(text, func(_, _ int, s string) { all = append(all, s) })
	return all
}

// oneSpace returns a text with one space for every run of blank space in it.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }
