package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A piece is a part of a text: its bounds.
type piece struct{ start, end int }

const (
	narrowest = 40  // columns of a paragraph that was wrapped
	widest    = 120 // wider lines were not
)

// lines returns the lines of a text, without blank ones and without the space around them. Lines that
// were broken only because the next word did not fit are one.
func lines(text string) []piece {
	var all []piece
	for from := 0; from < len(text); {
		end := from
		var paragraph []piece
		for end < len(text) {
			stop := len(text)
			if i := strings.IndexByte(text[end:], '\n'); i >= 0 {
				stop = end + i
			}
			line := trimmed(text, piece{end, stop})
			end = min(stop+1, len(text))
			if line.start == line.end {
				break
			}
			paragraph = append(paragraph, line)
		}
		all = append(all, unwrap(text, paragraph)...)
		from = end
	}
	return all
}

// trimmed returns a piece without the space around it.
func trimmed(text string, p piece) piece {
	s := text[p.start:p.end]
	start := p.start + len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	return piece{start, max(start, p.start+len(strings.TrimRightFunc(s, unicode.IsSpace)))}
}

// unwrap joins the lines of a paragraph that a program wrapped at its width: those whose successor
// begins with a word that would not have fit.
func unwrap(text string, paragraph []piece) []piece {
	width := 0
	for _, l := range paragraph {
		width = max(width, utf8.RuneCountInString(text[l.start:l.end]))
	}
	if width < narrowest || width > widest {
		return paragraph
	}
	out := paragraph[:0:0]
	joins := false // the line before goes on
	for i, l := range paragraph {
		if joins {
			out[len(out)-1].end = l.end
		} else {
			out = append(out, l)
		}
		joins = false
		if i+1 < len(paragraph) {
			next := paragraph[i+1]
			word, _, _ := strings.Cut(text[next.start:next.end], " ")
			joins = utf8.RuneCountInString(text[l.start:l.end])+1+utf8.RuneCountInString(word) > width
		}
	}
	return out
}

// sentences returns the sentences of a line.
func sentences(text string, line piece) []piece {
	var all []piece
	from, ended := line.start, false
	for i, r := range text[line.start:line.end] {
		at := line.start + i
		switch {
		case unicode.IsSpace(r):
			if next := strings.TrimLeftFunc(text[at:line.end], unicode.IsSpace); ended && begins(next) &&
				!titled(text[from:at]) {

				all = append(all, trimmed(text, piece{from, at}))
				from = at
			}
			ended = false
		case r == '.' || r == '!' || r == '?' || r == '…':
			ended = true
		case strings.ContainsRune("\"')]}”’»", r): // may stand behind the end
		default:
			ended = false
		}
	}
	if last := trimmed(text, piece{from, line.end}); last.start < last.end {
		all = append(all, last)
	}
	return all
}

// begins reports whether a text begins as sentences do.
func begins(s string) bool {
	s = strings.TrimLeft(s, "\"'([{“‘«-–—*")
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && !unicode.IsLower(r)
}

// titled reports whether a text ends with what stands before a name and has a point, as Mr. and the
// initials of a name do.
func titled(s string) bool {
	last := s[strings.LastIndexFunc(s, unicode.IsSpace)+1:]
	last = strings.TrimLeft(last, "\"'([{“‘«")
	letters := strings.TrimSuffix(last, ".")
	return utf8.RuneCountInString(letters) == 1 && letters != "I" || abbreviates(letters) || beforeNames[letters]
}

var beforeNames = map[string]bool{"Mr": true, "Mrs": true, "Ms": true, "Dr": true, "St": true, "Messrs": true,
	"Gen": true, "Col": true, "Capt": true, "Lt": true, "Sen": true, "Rep": true, "No": true, "Nos": true,
	"Prof": true, "Rev": true, "Hon": true, "Jr": true, "Sr": true, "Co": true, "Inc": true, "Corp": true, "vs": true}
