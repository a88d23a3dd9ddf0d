package tokenizer

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher finds added tokens in text: leftmost, then longest.
type matcher struct {
	tokens  []AddedToken // by content once sorted; of equal ones the first added is first
	starts  [257]int     // starts[b]: the first of tokens that does not begin with a lower byte
	words   bool         // there is a token that is not special
	special bool         // there is one that is
}

// add takes a token, which is found after sort. One that normalization left nothing of never is.
func (m *matcher) add(a AddedToken) {
	if a.Content == "" {
		return
	}
	m.tokens = append(m.tokens, a)
	m.words = m.words || !a.Special
	m.special = m.special || a.Special
}

func (m *matcher) sort() {
	slices.SortStableFunc(m.tokens, func(a, b AddedToken) int { return cmp.Compare(a.Content, b.Content) })
	for b := range m.starts {
		m.starts[b] = sort.Search(len(m.tokens), func(i int) bool { return int(m.tokens[i].Content[0]) >= b })
	}
}

// wanted reports whether there is a token to look for; special says whether special ones are.
func (m *matcher) wanted(special bool) bool { return m.words || special && m.special }

// at returns the longest token that text[i:] begins with, nil if there is none.
func (m *matcher) at(text string, i int) (longest *AddedToken) {
	first := text[i]
	low, high := m.starts[first], m.starts[int(first)+1]
	for n := 1; low < high; n++ { // tokens[low:high] begin with text[i:i+n], shorter ones first
		if len(m.tokens[low].Content) == n {
			longest = &m.tokens[low]
		}
		for low < high && len(m.tokens[low].Content) == n {
			low++
		}
		if i+n == len(text) {
			break
		}
		among, next := m.tokens[low:high], text[i+n]
		high = low + sort.Search(len(among), func(k int) bool { return among[k].Content[n] > next })
		low += sort.Search(len(among), func(k int) bool { return among[k].Content[n] >= next })
	}
	return longest
}

// A match is an added token in a text, with the white space that it swallows.
type match struct {
	start, end int
	token      *AddedToken
}

// find returns the first match in text[from:] that r allows, nil token if there is none. A token
// that it does not allow, or that stands inside a word against its will, is passed over as a whole.
func (m *matcher) find(text string, from int, r *reading) match {
	if !m.wanted(r.special) {
		return match{}
	}
	for i := from; i < len(text); {
		a := m.at(text, i)
		if a == nil {
			i++
			continue
		}
		start, end := i, i+len(a.Content)
		i = end
		if a.Special && !r.allows(start, end) ||
			a.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if a.LStrip {
			start = from + len(strings.TrimRightFunc(text[from:start], unicode.IsSpace))
		}
		if a.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		return match{start, end, a}
	}
	return match{}
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && isWord(r)
}

func beginsWithWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

// isWord reports whether single_word has r for a part of a word.
func isWord(r rune) bool { return unicode.Is(words, r) }
