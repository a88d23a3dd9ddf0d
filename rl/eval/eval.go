// Package eval measures what a model can do with documents, by generating answers and comparing
// them with what is true.
package eval

import (
	"context"
	"fmt"
	"math"

	"spell/model/rollout"
	"spell/rl/role"
	"spell/tokenizer/chat"
)

// A Generator samples answers: a rollout.Engine.
type Generator interface {
	Generate(context.Context, []rollout.Request) ([]rollout.Result, error)
}

// A Policy is a model ready to answer: its engine, its text side and prompts.
type Policy struct {
	Engine  Generator
	Chat    *chat.Dialog
	Prompts *role.Prompts
	// Sampling is how the questions that it asks are sampled; the zero value is temperature 1.
	Sampling rollout.Sampling
}

// sampling returns how questions are sampled.
func (p *Policy) sampling() rollout.Sampling {
	if p.Sampling == (rollout.Sampling{}) {
		return rollout.Sampling{Temperature: 1, TopP: 1}
	}
	return p.Sampling
}

// A Count is a number of trials and of those that went well.
type Count struct {
	N     int `json:"n" doc:"questions asked"`
	Right int `json:"right" doc:"questions answered rightly"`
}

// Rate is Right/N, 0 of nothing.
func (c Count) Rate() float64 {
	if c.N == 0 {
		return 0
	}
	return float64(c.Right) / float64(c.N)
}

// Below reports whether the rate lies below that of b by more than chance: by more than two standard
// errors of the difference of two proportions that are alike. Of nothing, none does.
func (c Count) Below(b Count) bool {
	if c.N == 0 || b.N == 0 {
		return false
	}
	p := float64(c.Right+b.Right) / float64(c.N+b.N)
	return b.Rate()-c.Rate() > 2*math.Sqrt(p*(1-p)*(1/float64(c.N)+1/float64(b.N)))
}

// Add counts one that is right or not.
func (c *Count) Add(right bool) {
	c.N++
	if right {
		c.Right++
	}
}

func (c Count) String() string { return fmt.Sprintf("%.1f%%", 100*c.Rate()) }
