package role

import (
	"strings"

	"spell/rl/task"
)

// Vote is a verifier's decision.
type Vote uint8

const (
	Invalid Vote = iota // says neither, or both
	No
	Yes
)

// ParseVote reads a verifier's reply. In the full format a bracketed decision outranks bare words,
// and a reply that says both YES and NO, or neither, is invalid; bare words count only in capitals
// and whole, so NOTE is no NO.
func (p *Prompts) ParseVote(output string) Vote {
	text, ended := p.afterThinking(output)
	if !ended || len(text) > maxReply {
		return Invalid
	}
	if p.format == task.Words {
		return voteFromWords(text)
	}
	if v, said := decision(strings.Contains(text, "[[YES]]"), strings.Contains(text, "[[NO]]")); said {
		return v
	}
	notLetter := func(r rune) bool { return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') }
	var yes, no bool
	for word := range strings.FieldsFuncSeq(text, notLetter) {
		yes = yes || word == "YES"
		no = no || word == "NO"
	}
	v, _ := decision(yes, no)
	return v
}

func decision(yes, no bool) (v Vote, said bool) {
	switch {
	case yes && no:
		return Invalid, true
	case yes:
		return Yes, true
	case no:
		return No, true
	}
	return Invalid, false
}

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
