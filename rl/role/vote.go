package role

import (
	"regexp"
	"strings"

	"spell/rl/task"
)

// maxDecision is how many bytes of a verifier's reply are searched for its decision, the last.
const maxDecision = 1 << 16

// Vote is a verifier's decision.
type Vote uint8

const (
	Invalid Vote = iota // says neither, or both
	No
	Yes
)

// ParseVote reads a verifier's reply. In the full format the last decision in brackets counts, in any case. Without
// one it is what follows the last "decision:" or its like at the end of a line, or else the whole reply if that is one
// word, or else the bare words in capitals: a reply that says both of these, or neither, is invalid. NOTE is no NO.
func (p *Prompts) ParseVote(output string) Vote {
	text, ended := p.afterThinking(output)
	if !ended || len(text) > maxReply {
		return Invalid
	}
	if p.format == task.Words {
		return voteFromWords(text)
	}
	text = text[max(0, len(text)-maxDecision):]
	for _, form := range []*regexp.Regexp{bracketed, announced, alone} {
		if all := form.FindAllStringSubmatch(text, -1); len(all) > 0 {
			if strings.EqualFold(all[len(all)-1][1], "yes") {
				return Yes
			}
			return No
		}
	}
	notLetter := func(r rune) bool { return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') }
	var yes, no bool
	for word := range strings.FieldsFuncSeq(text, notLetter) {
		yes = yes || word == "YES"
		no = no || word == "NO"
	}
	switch {
	case yes && !no:
		return Yes
	case no && !yes:
		return No
	}
	return Invalid
}

var (
	bracketed = regexp.MustCompile(`(?i)\[\[\s*(yes|no)\s*\]\]`)
	announced = regexp.MustCompile(`(?im)\b(?:decision|answer|verdict|conclusion|judge?ment|so|thus|hence|therefore)` +
		`[^\pL\n]{1,12}(yes|no)[^\pL\pN\n]*$`)
	alone = regexp.MustCompile(`(?i)^[^\pL\pN]*(yes|no)[^\pL\pN]*$`)
)

// voteFromWords reads "yes ." or "no .".
func voteFromWords(text string) Vote {
	switch strings.Join(strings.Fields(text), " ") {
	case "yes .", "yes":
		return Yes
	case "no .", "no":
		return No
	}
	return Invalid
}
