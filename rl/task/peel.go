package task

import (
	"regexp"
	"strings"
)

// What models put around an answer: brackets, quotes, bold, LaTeX.

// pairs are marks that open and close; of two that begin alike the longer comes first.
var pairs = []struct{ open, shut string }{
	{`\boxed{`, "}"}, {`\text{`, "}"}, {`\textbf{`, "}"}, {`\textit{`, "}"}, {`\mathrm{`, "}"}, {`\mathbf{`, "}"},
	{`\mbox{`, "}"}, {`\(`, `\)`}, {`\[`, `\]`}, {"$$", "$$"}, {"$", "$"},
	{"**", "**"}, {"__", "__"}, {"*", "*"}, {"_", "_"}, {"`", "`"}, {`"`, `"`}, {"“", "”"}, {"‘", "’"}, {"'", "'"},
	{"«", "»"}, {"「", "」"}, {"『", "』"}, {"【", "】"}, {"（", "）"}, {"<answer>", "</answer>"},
	{"(", ")"}, {"[", "]"}, {"{", "}"}, {"<", ">"},
}

// nested are the brackets that may hold each other.
const nested = "([{<"

// within returns what stands in the pair of marks that s begins with, and what follows it.
func within(s string) (inside, rest string, boxed, ok bool) {
	for _, p := range pairs {
		if !strings.HasPrefix(s, p.open) {
			continue
		}
		end := -1
		if last := len(p.open) - 1; len(p.shut) == 1 && strings.IndexByte(nested, p.open[last]) >= 0 {
			if end = closing(s[last:], p.open[last], p.shut[0]); end >= 0 {
				end += last
			}
		} else if i := strings.Index(s[len(p.open):], p.shut); i >= 0 {
			end = len(p.open) + i
		}
		if end >= len(p.open) {
			return s[len(p.open):end], s[end+len(p.shut):], p.open == `\boxed{`, true
		}
	}
	return "", "", false, false
}

// closing returns the index of the bracket that closes the one s begins with, or −1.
func closing(s string, open, shut byte) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// enclosed returns what stands in the marks that s begins with if nothing but a mark, a remark or another line
// follows it, as in "(Paris), because"; not in "(a) mill (b) lock". It is empty if there is none.
func enclosed(s string) (inside string, boxed bool) {
	inside, rest, boxed, ok := within(s)
	if !ok {
		return "", false
	}
	for _, mark := range []string{`\)`, `\]`} {
		rest = strings.TrimPrefix(strings.TrimLeft(rest, " "), mark)
	}
	rest = strings.TrimLeft(rest, "*_\"”’'`$)]}>")
	if rest != "" && !afterAnswer.MatchString(rest) {
		return "", false
	}
	return strings.TrimSpace(inside), boxed
}

// afterAnswer matches what may follow an answer in brackets.
var afterAnswer = regexp.MustCompile(`^(?:\s*\n|\s*[.,;:!?。，；：(（–—-]|\s*$|` +
	`\s*(?:because|since|as|which|where|so|for)\b)`)

// blank are characters that show nothing.
const blank = " \t\r\n\u00a0\u200b\u200e\u200f\u2060\ufeff"

// abbreviation ends a text whose last full stop belongs to it.
var abbreviation = regexp.MustCompile(`(?:^|[^\pL])(?:\pL\.){2,}$`)

// peel removes the marks around a text, one within the other, and the full stop and spaces at its end.
func peel(s string) string {
	const depth = 8
	for range depth {
		was := s
		s = strings.Trim(s, blank)
		if !abbreviation.MatchString(s[max(0, len(s)-16):]) {
			s = strings.TrimRight(s, ".。"+blank)
		}
		if inside, rest, _, ok := within(s); ok && rest == "" {
			s = inside
		} else if !ok && s != "" && strings.IndexByte("([", s[0]) >= 0 {
			s = s[1:] // one that is never closed
		}
		if s == was {
			break
		}
	}
	return s
}
