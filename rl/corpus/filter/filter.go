// Package filter tells the documents of a corpus that are not worth asking about, and those that hold text of a
// benchmark.
package filter

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Config is what a document must be like. A limit of 0 asks for nothing.
type Config struct {
	MinChars         int     `json:"min_chars" group:"quality of documents" min:"0" max:"1073741824" doc:"fewest characters; of a shorter document nothing is kept"`
	MaxChars         int     `json:"max_chars" min:"0" max:"1073741824" doc:"most characters; 0: as many as there are, since long documents are cut"`
	MinWords         int     `json:"min_words" min:"0" max:"1073741824" doc:"fewest words"`
	MinLetters       float64 `json:"min_letters" min:"0" max:"1" doc:"least share of letters among the characters that are not blank"`
	MaxWordChars     float64 `json:"max_word_chars" min:"0" max:"1000000" doc:"most characters of a word in the mean, which text without blanks exceeds; 0: any"`
	MaxSymbols       float64 `json:"max_symbols" min:"0" max:"1000" doc:"most hash signs, bullets and ellipses per word, as lists of links and tags have; 0: any"`
	MaxRepeatedLines float64 `json:"max_repeated_lines" min:"0" max:"1" doc:"largest share of the lines, of those not blank, that stand further up in the document already; 0: any"`
}

// Default keeps all that reads like text: tables, verse and lists too.
func Default() Config {
	return Config{MinChars: 100, MinWords: 20, MinLetters: 0.4, MaxWordChars: 20, MaxSymbols: 0.5,
		MaxRepeatedLines: 0.6}
}

// The causes for which documents are left out.
const (
	Short    = "too short"
	Long     = "too long"
	Letters  = "few letters"
	Words    = "words too long"
	Symbols  = "many symbols"
	Repeated = "repeated lines"
)

// Check returns for what cause a document is left out, and the figure that tells; or nothing if it is kept.
func (c *Config) Check(text string) (cause, figure string) {
	m := measure(text)
	share := func(n, of int) float64 { return float64(n) / float64(max(of, 1)) }
	switch {
	case m.chars < c.MinChars:
		return Short, fmt.Sprintf("%d characters, at least %d are wanted", m.chars, c.MinChars)
	case c.MaxChars > 0 && m.chars > c.MaxChars:
		return Long, fmt.Sprintf("%d characters, at most %d are wanted", m.chars, c.MaxChars)
	case m.words < c.MinWords:
		return Short, fmt.Sprintf("%d words, at least %d are wanted", m.words, c.MinWords)
	case share(m.letters, m.solid) < c.MinLetters:
		return Letters, fmt.Sprintf("%.2f of the characters, at least %g are wanted", share(m.letters, m.solid),
			c.MinLetters)
	case c.MaxWordChars > 0 && share(m.solid, m.words) > c.MaxWordChars:
		return Words, fmt.Sprintf("%.1f characters in the mean, at most %g are wanted", share(m.solid, m.words),
			c.MaxWordChars)
	case c.MaxSymbols > 0 && share(m.symbols, m.words) > c.MaxSymbols:
		return Symbols, fmt.Sprintf("%.2f per word, at most %g are wanted", share(m.symbols, m.words), c.MaxSymbols)
	case c.MaxRepeatedLines > 0 && share(m.repeated, m.lines) > c.MaxRepeatedLines:
		return Repeated, fmt.Sprintf("%.2f of the lines, at most %g are wanted", share(m.repeated, m.lines),
			c.MaxRepeatedLines)
	}
	return "", ""
}

// measures are what a document is judged by.
type measures struct {
	chars, solid, letters int // characters; those not blank; letters and marks
	words                 int // runs of characters not blank; in scripts without blanks, each letter
	symbols               int
	lines, repeated       int
}

var seed = maphash.MakeSeed()

func measure(text string) (m measures) {
	m.chars = utf8.RuneCountInString(text)
	inWord := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			inWord = false
			continue
		}
		m.solid++
		switch {
		case r < utf8.RuneSelf && ('a' <= r|0x20 && r|0x20 <= 'z'):
			m.letters++
		case r == '#' || r == '•' || r == '…':
			m.symbols++
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r)):
			m.letters++
			if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer,
				unicode.Myanmar) {
				inWord = false
			}
		}
		if !inWord {
			m.words++
		}
		inWord = true
	}
	seen := map[uint64]struct{}{} // in 64 bits two lines of a document are as good as never the same
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m.lines++
		h := maphash.String(seed, line)
		if _, again := seen[h]; again {
			m.repeated++
		}
		seen[h] = struct{}{}
	}
	return m
}
