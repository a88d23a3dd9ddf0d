package spell

import (
	"fmt"

	"spell/rl/plural"
)

// Truth compares questions and votes with what is true, where a Judge knows. It holds counts, so
// that those of several steps add up.
type Truth struct {
	Drawn         int `json:"drawn" doc:"questions asked for"`
	Parsed        int `json:"parsed" doc:"of these, readable"`
	Known         int `json:"known" doc:"readable ones about facts of the cluster"`
	Right         int `json:"right" doc:"readable ones whose reference answer is true: over parsed, the truth share"`
	Accepted      int `json:"accepted" doc:"answers with a YES majority"`
	Same          int `json:"same" doc:"answers voted on that mean the reference"`
	AcceptedRight int `json:"accepted_right" doc:"these with a YES majority: precision over accepted, recall over same"`
}

// Add adds the counts of other.
func (t *Truth) Add(other *Truth) {
	t.Drawn += other.Drawn
	t.Parsed += other.Parsed
	t.Known += other.Known
	t.Right += other.Right
	t.Accepted += other.Accepted
	t.Same += other.Same
	t.AcceptedRight += other.AcceptedRight
}

// Precision is the share of YES majorities on answers that mean the reference.
func (t *Truth) Precision() float64 { return ratio(float64(t.AcceptedRight), float64(t.Accepted)) }

// Recall is the share of answers that mean the reference with a YES majority.
func (t *Truth) Recall() float64 { return ratio(float64(t.AcceptedRight), float64(t.Same)) }

// String gives the shares as one line of prose.
func (t *Truth) String() string {
	parsed := float64(t.Parsed)
	return fmt.Sprintf("%s: %.0f%% readable, of these %.0f%% about facts of the documents, %.0f%% with a "+
		"true answer; verifier precision %.0f%%, recall %.0f%%",
		plural.Of(t.Drawn, "question"), 100*ratio(parsed, float64(t.Drawn)), 100*ratio(float64(t.Known), parsed),
		100*ratio(float64(t.Right), parsed),
		100*t.Precision(), 100*t.Recall())
}

// ratio is a/b, 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
