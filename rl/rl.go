// Package rl is reinforcement learning from what the policy says itself, for any game that it
// plays.
//
// A step has rounds of play until there is enough to learn from, then one update of the one policy
// on the samples that the game chooses. Which items a game draws, what it asks, how it judges the
// outputs and which of them train is the Game's; sampling, the update and everything that a run has
// are not. Everything a step does follows from the state after the step before and from the seed,
// so a step that was cut short is simply done again, with what it had sampled.
//
// SPELL is the game in package spell. Loop knows none by name.
package rl

import (
	"context"
	"encoding/json"

	"spell/model/forest"
	"spell/rl/play"
	"spell/rl/runner"
)

// A Game is what the policy plays and learns from. It is told nothing of engines, passes or files.
type Game interface {
	// Parts names the kinds of samples that train, in the order in which they are reported.
	Parts() []string
	// Sampled returns how many tokens a step samples at most.
	Sampled() int
	// Begin starts a step, counted from 0.
	Begin(step int)
	// Draw returns the items of the step's next round. They follow from the seed, the step, the
	// round and the state.
	Draw(round int) ([]play.Player, error)
	// Reward judges the outputs of the round that was played. errs has an entry per item, which is the
	// error of one that ended with it; not all have one, since that ends the step.
	Reward(errs []error) error
	// Enough reports whether the step needs no further round. It is asked before every round, the
	// first included.
	Enough() bool
	// Choose returns the samples that train, in groups that share a prompt, with their advantages. It
	// is called once per step. If all advantages are 0, and there is no entropy bonus, nothing trains.
	Choose() []Group
	// End returns what the step did and adds it to the state; the loop counts its tokens. version is
	// how many updates the weights had seen when it was played.
	End(version int, u *Update) *runner.Report

	// State returns all that Restore needs, to be written as JSON. It is taken between steps. Which
	// step is next is no part of it: Begin tells.
	State() (any, error)
	// Restore goes back to a state, of this run if a step is undone, or of a checkpoint's.
	Restore(state json.RawMessage) error
	// Summary describes what there is to play with.
	Summary() string
	// Verdict returns the sentences a run ends with, and whether it failed the game's purpose. Of a run
	// that failed, the last says why.
	Verdict() (lines []string, failed bool)
}

// A Measurer is a game that measures the policy before and after the run, or in between.
type Measurer interface {
	// Due reports whether to measure when so many steps of all are done.
	Due(done, total int) bool
	// Measure returns the outcome of a measurement after so many steps and takes it into the state.
	Measure(ctx context.Context, m runner.Model, done int, show runner.Show) (*runner.Report, error)
}

// An Interluder is a game that plays between steps, too, without learning from that.
type Interluder interface {
	// Interlude returns what is to be played when so many steps of all are done; nil if nothing is.
	Interlude(done, total int) *Interlude
}

// An Interlude is play that the policy does not learn from.
type Interlude struct {
	Players []play.Player
	// End returns what the play came to and takes it into the state. errs is as in Reward.
	End func(errs []error) (*runner.Report, error)
}

// A Sample is an output of the policy and how it was judged.
type Sample struct {
	play.Output
	Forest    forest.Forest // prompt and output
	Reward    float64
	Advantage float64
	Trained   bool // set by the update
}

// SampleOf returns output k of a reply.
func SampleOf(r play.Reply, k int) Sample { return Sample{Output: r.Outputs[k], Forest: r.Forest} }

// A Group is samples of one prompt that train together.
type Group struct {
	Part    int // of the game's parts
	Weight  float64
	Most    int  // tokens that a sample of it can have
	Pooled  bool // its baseline is that of all groups of its part, with which it is one group to the loss
	Forest  forest.Forest
	Samples []*Sample
}
