// Package role holds what the three roles of self-play say and how their replies are read: prompt
// texts, one set of files per reply format, and the parsers of questions, answers and votes, as far
// as they are the same for every task of package task. It knows text only, no tokens and no model.
//
// One policy plays every role through its prompt: the questioner writes a question with its answer
// from some documents, the responder answers it from all of them, the verifier says whether two
// answers are the same. Documents come first in every prompt and the instruction after them, so
// that prompts over equal documents share their prefix.
//
// Three sets are embedded. "full" asks for the replies of the SPELL paper (arXiv 2509.23863): fenced
// JSON, "The correct answer is (…)", "Therefore, the answer is (…)", [[YES]] or [[NO]]. "compact"
// is a word-level format that a model of under a million parameters can learn, with one space
// between all words. "reading" is the same for real documents: a line with # begins each, and a
// space each of its lines, so that words are the same tokens there as within a line; and the
// questioner is shown a place to ask about.
package role

import "fmt"

// Role is one of the three parts the policy plays.
type Role uint8

const (
	Questioner Role = iota
	Responder       // also answers without documents, in the grounding test
	Verifier
)

// NumRoles is the number of roles: the length of an array indexed by Role.
const NumRoles = 3

var roleNames = [NumRoles]string{"questioner", "responder", "verifier"}

// String returns the name used in files and metrics.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// MarshalText writes the name.
func (r Role) MarshalText() ([]byte, error) {
	if int(r) >= len(roleNames) {
		return nil, fmt.Errorf("no role has the number %d", uint8(r))
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the name.
func (r *Role) UnmarshalText(text []byte) error {
	for i, n := range roleNames {
		if n == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("unknown role %q: use questioner, responder or verifier", text)
}

// Example is an earlier question as a later questioner prompt shows it, options included.
type Example struct{ Question, Answer string }
