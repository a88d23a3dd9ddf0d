package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// The scanners below match one piece at the start of s as a backtracking regular
// expression engine would: alternatives in order, the first that matches wins. Each costs
// time linear in the piece (plus the white space after it), whatever the text.

// class is the only thing the patterns ask of a character.
type class uint8

const (
	other   class = iota // [^\s\p{L}\p{N}]; an invalid byte counts as one of these
	letter               // \p{L}
	number               // \p{N}
	space                // \s without the two below
	newline              // [\r\n]
)

var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOf(rune(r))
	}
	return table
}()

func classOf(r rune) class {
	switch {
	case r == '\r' || r == '\n':
		return newline
	case unicode.Is(letters, r):
		return letter
	case unicode.Is(numbers, r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// classAt returns the class and width of the character at s[i:]; the end of the text is
// (other, 0). With digits a number is what the pre-tokenizer Digits takes for one.
func classAt(s string, i int, digits bool) (class, int) {
	if i >= len(s) {
		return other, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, width := utf8.DecodeRuneInString(s[i:])
	if digits && unicode.Is(laterNumbers, r) {
		return number, width
	}
	return classOf(r), width
}

// run returns the end of the longest run of characters of class want from s[i:].
func run(s string, i int, want class, digits bool) int {
	for {
		c, width := classAt(s, i, digits)
		if c != want || width == 0 {
			return i
		}
		i += width
	}
}

// scanGPT2 matches
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Where digits is set the text is cut before and after every \p{N} first.
func scanGPT2(s string, digits bool) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	body := 0
	if s[0] == ' ' {
		body = 1
	}
	c, width := classAt(s, body, digits)
	switch {
	case width == 0 || c == space || c == newline:
	case c != number || !digits:
		return run(s, body+width, c, digits)
	case body == 0:
		return width
	}
	return whiteSpace(s, false, digits)
}

// scanModern matches, with digits 1 (Qwen 2) or 3 (Llama 3),
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func scanModern(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	first, width := classAt(s, 0, false)
	switch first {
	case letter:
		return run(s, width, letter, false)
	case number:
		end := width
		for range digits - 1 {
			c, w := classAt(s, end, false)
			if c != number {
				break
			}
			end += w
		}
		return end
	case newline:
		return whiteSpace(s, true, false)
	}
	second, secondWidth := classAt(s, width, false)
	if second == letter {
		return run(s, width+secondWidth, letter, false)
	}
	end := 0
	switch {
	case first == other:
		end = run(s, width, other, false)
	case s[0] == ' ' && second == other && secondWidth > 0:
		end = run(s, width+secondWidth, other, false)
	default:
		return whiteSpace(s, true, false)
	}
	return run(s, end, newline, false)
}

// contraction matches 's|'t|'re|'ve|'m|'ll|'d, ignoring case where fold is set: Unicode
// folds the long s (U+017F) onto s, and no other letter outside ASCII onto these.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	lower := byte(0)
	if fold {
		lower = 'a' - 'A'
	}
	switch s[1] | lower {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(s) > 2 && s[2]|lower == 'e' {
			return 3
		}
	case 'l':
		if len(s) > 2 && s[2]|lower == 'l' {
			return 3
		}
	}
	const longS = "ſ"
	if fold && len(s) > len(longS) && s[1:1+len(longS)] == longS {
		return 1 + len(longS)
	}
	return 0
}

// whiteSpace matches \s+(?!\S)|\s+, after \s*[\r\n]+ where lines is set: the run up to
// its last line end; else the whole run at the end of the text; else the run without its
// last character, which belongs to the next piece; else that one character. Where digits is
// set, one of \p{N} ends the text.
func whiteSpace(s string, lines, digits bool) int {
	end, last, lineEnd := 0, 0, 0 // last: where the last character of the run begins
	for {
		c, width := classAt(s, end, digits)
		if width == 0 || c == number && digits {
			s = s[:end]
		}
		if width == 0 || c != space && c != newline {
			break
		}
		last, end = end, end+width
		if c == newline {
			lineEnd = end
		}
	}
	switch {
	case lines && lineEnd > 0:
		return lineEnd
	case end == len(s) || last == 0:
		return end
	}
	return last
}
