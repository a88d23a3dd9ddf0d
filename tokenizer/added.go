package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher finds added tokens in text: leftmost, then longest.
type matcher struct {
	byFirst [256][]AddedToken // by first byte, longest first
	any     bool
}

func (m *matcher) add(a AddedToken) {
	first := a.Content[0]
	m.byFirst[first] = append(m.byFirst[first], a)
	m.any = true
}

func (m *matcher) sort() {
	for _, list := range m.byFirst {
		slices.SortFunc(list, func(a, b AddedToken) int {
			return cmp.Or(cmp.Compare(len(b.Content), len(a.Content)), cmp.Compare(a.ID, b.ID))
		})
	}
}

// at returns the longest token that text[i:] begins with.
func (m *matcher) at(text string, i int) (AddedToken, bool) {
	for _, a := range m.byFirst[text[i]] {
		if strings.HasPrefix(text[i:], a.Content) {
			return a, true
		}
	}
	return AddedToken{}, false
}

// begins reports whether a token begins at text[i:].
func (m *matcher) begins(text string, i int) bool {
	_, ok := m.at(text, i)
	return ok
}

// split calls emit for each part of text in order: with id -1 for text between tokens
// (never empty), with the token's id for a token.
func (m *matcher) split(text string, emit func(segment string, id int32)) {
	done := 0
	for i := 0; m.any && i < len(text); {
		a, ok := m.at(text, i)
		if !ok {
			i++
			continue
		}
		start, end := i, i+len(a.Content)
		i = end
		if a.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if a.LStrip {
			start = done + len(strings.TrimRightFunc(text[done:start], unicode.IsSpace))
		}
		if a.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
			i = end
		}
		if done < start {
			emit(text[done:start], -1)
		}
		emit(text[start:end], a.ID)
		done = end
	}
	if done < len(text) {
		emit(text[done:], -1)
	}
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && isWord(r)
}

func beginsWithWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

// isWord is \w of Unicode Technical Standard 18, annex C.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control)
}
