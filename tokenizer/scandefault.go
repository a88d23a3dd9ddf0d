package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanDefault matches the first piece of what the expressions of defaultSteps cut s into.
func scanDefault(s string) int {
	c, width := classAt(s, 0, false)
	switch {
	case breaks(s, 0):
		return runDefault(s, 0, other, true)
	case c == number:
		return threeDigits(s)
	case c == letter || c == other:
		return runDefault(s, width, c, false)
	}
	if s[0] == ' ' {
		switch c, width := classAt(s, 1, false); {
		case width > 0 && (c == letter || c == other && !breaks(s, 1)):
			return runDefault(s, 1+width, c, false)
		case c == number:
			return 1
		}
	}
	end, last := 0, 0 // last: where the last character of the run begins
	for {
		c, width := classAt(s, end, false)
		if width == 0 || breaks(s, end) {
			return end // the run ends what is cut by itself
		}
		if c != space && c != newline {
			break
		}
		last, end = end, end+width
	}
	if last == 0 {
		return end
	}
	return last
}

// breaks reports whether s[i:] begins with one of [\p{P}$+<=>^~|].
func breaks(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.Is(punctuation, r) || r < utf8.RuneSelf && strings.IndexByte("$+<=>^~|", byte(r)) >= 0
}

// runDefault returns the end of the longest run from s[i:] of characters of class want that break
// text, or that do not.
func runDefault(s string, i int, want class, breaking bool) int {
	for {
		c, width := classAt(s, i, false)
		if width == 0 || c != want || breaks(s, i) != breaking {
			return i
		}
		i += width
	}
}

// threeDigits returns the length of the first piece of a run of numbers: three ASCII digits, or
// what stands before such.
func threeDigits(s string) int {
	end, digits := 0, 0
	for digits < 3 {
		c, width := classAt(s, end, false)
		if c != number || width == 0 {
			return end
		}
		end += width
		if width > 1 {
			digits = 0
		} else {
			digits++
		}
	}
	if end > 3 {
		return end - 3
	}
	return end
}
