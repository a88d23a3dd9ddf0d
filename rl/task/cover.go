package task

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// covers is cover exact match: it reports whether the reference is part of the prediction, both in lower case,
// without punctuation and articles. One direction only: accepting a prediction that is part of the reference rewards
// fragments (paper, App. F). A reference of which nothing is left matches nothing.
func covers(r Rules, prediction, reference string) bool {
	if r.Characters {
		ref := characters(reference)
		return ref != "" && strings.Contains(characters(prediction), ref)
	}
	return coversWords(words(prediction), words(reference))
}

// coversWords reports whether the words of a reference stand one behind the other in those of a prediction, and no
// negation before them.
func coversWords(prediction, reference []string) bool {
	if len(reference) == 0 {
		return false
	}
search:
	for at := 0; at+len(reference) <= len(prediction); at++ {
		for i, w := range reference {
			if prediction[at+i] != w {
				continue search
			}
		}
		if at == 0 || !negations[prediction[at-1]] {
			return true
		}
	}
	return false
}

var negations = map[string]bool{"not": true, "never": true, "neither": true, "nor": true}

var articles = map[string]bool{"a": true, "an": true, "the": true}

// characters is how the paper's code compares: without punctuation and articles, and single spaces between the rest.
func characters(s string) string {
	const asciiSymbols = "$+<=>^`|~" // punctuation by C's ispunct, symbols by Unicode
	s = strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || strings.ContainsRune(asciiSymbols, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	all := strings.Fields(s)
	kept := all[:0]
	for _, w := range all {
		if !articles[w] {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// word matches a number with its sign and its decimals, a character of a script that has no spaces, or a run of letters
// and digits, in which the points of an abbreviation and an apostrophe may stand.
var word = regexp.MustCompile(`[0-9]+\pL[\pL\pN]*|-?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|` +
	`[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|(?:\pL\.){2,}\pL?|[\pL\pM\pN]+(?:['’][\pL\pM]+)*`)

// words returns the words of a text: composed and in lower case, numbers without separators of thousands,
// without the s of a genitive and without articles. A capital A that does not begin the text is a name, as in
// "hepatitis A", and so is an article that ends it.
func words(s string) []string {
	s = norm.NFKC.String(s)
	var all []string
	found := word.FindAllStringIndex(s, -1)
	for i, at := range found {
		w := s[at[0]:at[1]]
		if w[0] == '-' && at[0] > 0 && !strings.ContainsRune(" (\t\n$€£", rune(s[at[0]-1])) { // a hyphen
			w = w[1:]
		}
		if articles[strings.ToLower(w)] && !(i > 0 && (i == len(found)-1 || w == "A")) {
			continue
		}
		if w = strings.ToLower(w); '0' <= w[len(w)-1] && w[len(w)-1] <= '9' {
			w = strings.ReplaceAll(w, ",", "")
		} else {
			w = strings.ReplaceAll(w, ".", "")
		}
		w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
		all = append(all, w)
	}
	return all
}
