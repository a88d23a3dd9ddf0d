// Package play drives items that ask the policy something over several rounds: a question of
// self-play that is written, tried without documents, answered and voted on; a search through a
// tree of drafts; a text that is written, judged and repaired.
//
// An item is a Player. It is given the replies to what it asked and says what it asks next; it sees
// no engine, no clock and no other item. A Driver plays any number of them in one engine at one
// version of the weights. Items never wait for each other. Within an item a round waits for its
// last reply, so that what a player sees is a fact and not a race, and the keys of its asks make
// every sample a function of the seed. What was sampled can be kept and played again, which is how
// a step that was cut short goes on where it stopped.
package play

import (
	"crypto/sha256"
	"encoding/binary"

	"spell/model/forest"
	"spell/model/rollout"
)

// A Player is the computation of one item.
type Player interface {
	// Next receives the replies to what the player last asked, in the order it asked (nil at
	// first), and returns what it asks next. An item that asks nothing has ended, and so has one
	// that returns an error: the driver hands the error to whoever made the player, and the others
	// go on.
	Next(replies []Reply) ([]Ask, error)
}

// A Measured player tells how much of its work is done.
type Measured interface {
	// Share returns a number from 0 to 1 that never falls.
	Share() float64
}

// An Ask is a prompt and the outputs wanted of it. What the engine refuses, as a prompt that does not
// fit its cache or the model's context beside the outputs, ends the play of all items: a player whose
// prompts may be too long measures them and returns an error of its own.
type Ask struct {
	Name   string    // place in the item, such as "verify/3", for messages
	Doing  string    // what a progress line calls it: "answering"
	Key    uint64    // numbers the ask among all under one seed; see Key
	Prompt [][]int32 // runs of tokens; prompts that begin with equal runs share their computation
	N      int       // outputs
	Max    int       // tokens of an output
	rollout.Sampling

	// StopEarly, if set, is shown every output's text that has ended while others go on; once it
	// returns true the others are dropped and left out of the reply.
	StopEarly func(text string) bool
}

// A Reply is the outputs of an ask.
type Reply struct {
	Forest  forest.Forest // the prompt, with the outputs as scored segments behind it
	Outputs []Output
}

// An Output is one sample of the policy.
type Output struct {
	Segment  int       // of the reply's forest
	Text     string    // without special tokens
	LogProbs []float32 // per token, as sampled
	Finish   rollout.Finish
}

// Key returns a key for an ask that has no numbering of its own: a hash of the step, of the item's
// number in the step and of the ask's name, which is unique in the item.
func Key(step uint64, item int, name string) uint64 {
	h := sha256.New()
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], step)
	binary.LittleEndian.PutUint64(raw[8:], uint64(item))
	h.Write(raw[:])
	h.Write([]byte(name))
	return binary.LittleEndian.Uint64(h.Sum(nil))
}
