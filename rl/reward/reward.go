// Package reward turns answers and votes into rewards (arXiv 2509.23863, sections on rules and
// self-play): the verifier's majority and the rewards of the three roles, the questioner's in one
// of several shapes. The rules that compare answers are the tasks' own. Successes are counted in
// integers, so that "all right", "all wrong" and "tie" are decided exactly; whether rewards are
// equal is decided by package grpo.
package reward

import (
	"math"

	"spell/rl/role"
	"spell/rl/task"
)

// Config holds the constants of the rewards. Default gives the paper's.
type Config struct {
	Shape             Shape   `json:"shape" doc:"questioner's reward over the pass rate: gaussian (paper), reverse (1-r, AZR), triangle (1-2|r-1/2|, R-Zero) or variance (a Gaussian of r(1-r) around 1/4, SPICE)"`
	Mu                float64 `json:"mu" doc:"centre of the Gaussian; paper 1/2"`
	Sigma             float64 `json:"sigma" above:"0" doc:"width of the Gaussian; paper 1/6"`
	VarianceSigma     float64 `json:"variance_sigma" above:"0" doc:"width of the shape variance; SPICE 0.1"`
	BadFormat         float64 `json:"bad_format" doc:"questioner, reply cannot be read; paper -1"`
	Ungrounded        float64 `json:"ungrounded" doc:"questioner, answered without documents; paper -1/2"`
	Contradicted      float64 `json:"contradicted" doc:"added to the questioner's reward where answers contradict the reference, agreeing with each other; paper: 0"`
	ContradictedShare float64 `json:"contradicted_share" min:"0" max:"1" doc:"share of the answers that have to agree with each other, and not with the reference, to contradict it: more than this, and at least as many as are right"`
	Combine           string  `json:"combine" oneof:"max mean min sum" doc:"of the rule and the votes on an answer; paper max"`
	Plurality         bool    `json:"plurality" doc:"the most frequent of yes, no and neither decides, and where that is neither the rule does alone, as in the paper's code; else yes needs more than half of all votes"`
	InvalidVote       float64 `json:"invalid_vote" doc:"verifier, neither yes nor no: 0; paper's code -1"`
	Characters        bool    `json:"characters" doc:"a phrase is right if it is part of the answer character by character, as in the paper's code, and not word by word"`
	Strict            bool    `json:"strict" doc:"numbers must agree in sign and scale; paper's code is tolerant"`
}

// Default returns the paper's constants; its shape is the first, the Gaussian.
func Default() Config {
	return Config{Mu: 0.5, Sigma: 0.5 / 3, VarianceSigma: 0.1, BadFormat: -1, Ungrounded: -0.5, ContradictedShare: 0.5,
		Combine: "max"}
}

// Outcome is what became of a question that takes part in learning.
type Outcome uint8

const (
	Answered   Outcome = iota // went to the responder
	BadFormat                 // could not be read
	Ungrounded                // was answered without documents
)

// Questioner returns the questioner's reward (Eq. 7) for a question whose answers earned passes of g points. One
// that earned all or none earns 0; passes and g matter only when it was answered.
func (c Config) Questioner(o Outcome, passes, g int) float64 {
	switch {
	case o == BadFormat:
		return c.BadFormat
	case o == Ungrounded:
		return c.Ungrounded
	case passes <= 0 || passes >= g:
		return 0
	}
	return shapes[c.Shape].reward(c, float64(passes)/float64(g))
}

// MaxPoints is what an answer earns at most. Points are whole, so that "all right" is decided exactly.
const MaxPoints = 2

// Responder returns the points of an answer and the reward that they are (Eq. 6): with max, 1 if the rule or the vote
// accepts it. An answer on which there is no decision keeps its rule score.
func (c Config) Responder(rule bool, vote Decision) (points int, reward float64) {
	count := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	sum := count(rule) + count(vote == Accepted)
	if vote == Undecided {
		sum = 2 * count(rule)
	}
	switch c.Combine {
	case "mean":
		return sum, float64(sum) / 2
	case "min":
		sum -= sum % 2
		return sum, float64(sum) / 2
	case "sum":
		if vote == Undecided {
			sum = count(rule)
		}
		return sum, float64(sum)
	}
	if sum > 0 {
		return MaxPoints, 1
	}
	return 0, 0
}

// Verifier is the reward of one vote (Eq. 5): 1 if it agrees with the decision, else 0. An invalid vote never agrees,
// so that decisions for NO do not reward it, and no vote agrees where neither won.
func (c Config) Verifier(v role.Vote, d Decision) float64 {
	switch {
	case v == role.Invalid, d == Undecided:
		return c.InvalidVote
	case (v == role.Yes) == (d == Accepted):
		return 1
	}
	return 0
}

// A Decision is what the votes on an answer say of it.
type Decision uint8

const (
	Undecided Decision = iota // there are none, or most are invalid
	Refused
	Accepted
)

// Decide returns the decision of votes. A tie refuses.
func (c Config) Decide(t Tally) Decision {
	switch {
	case t.Votes() == 0:
		return Undecided
	case c.Plurality && t.Invalid > max(t.Yes, t.No):
		return Undecided
	case c.Plurality && t.Yes > max(t.No, t.Invalid), !c.Plurality && t.Majority():
		return Accepted
	}
	return Refused
}

// Rule reports whether a prediction is right by the rule of its task and the reference answer.
func (c Config) Rule(t task.Task, prediction, reference string) bool {
	return t.Match(task.Rules{Strict: c.Strict, Characters: c.Characters}, prediction, reference)
}

// Tally counts the votes on one answer.
type Tally struct {
	Yes     int `json:"yes"`
	No      int `json:"no"`
	Invalid int `json:"invalid"`
}

// Count tallies votes.
func Count(votes []role.Vote) Tally {
	var t Tally
	for _, v := range votes {
		t.Add(v)
	}
	return t
}

// Add counts one vote.
func (t *Tally) Add(v role.Vote) {
	switch v {
	case role.Yes:
		t.Yes++
	case role.No:
		t.No++
	default:
		t.Invalid++
	}
}

// Votes is the number of votes counted.
func (t Tally) Votes() int { return t.Yes + t.No + t.Invalid }

// Entropy is that of a vote drawn from those counted, in nats: 0 if they agree or there are none.
func (t Tally) Entropy() (nats float64) {
	for _, n := range []int{t.Yes, t.No, t.Invalid} {
		if n > 0 {
			share := float64(n) / float64(t.Votes())
			nats -= share * math.Log(share)
		}
	}
	return nats
}

// Majority is 1[Σ v > G/2] (Eq. 4) over all votes, invalid ones included: a tie is NO.
func (t Tally) Majority() bool { return 2*t.Yes > t.Votes() }

// Settled reports whether the majority of g votes is known before all are cast, and which way it
// goes.
func (t Tally) Settled(g int) (majority, settled bool) {
	yes := 2*t.Yes > g
	no := 2*(g-t.No-t.Invalid) <= g // even if every vote to come is YES
	return yes, yes || no
}
