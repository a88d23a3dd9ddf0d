// Package rollout samples answers: it reads prompts into a paged key-value cache, once however many
// answers continue them, and decodes all live answers in lockstep. What follows from a result can
// be asked at once: requests are admitted as room becomes free, so that the stages of a computation
// overlap.
//
// Requests come in as forests and go out as the same forests with the answers added as segments. A
// token's log-probability is recorded as the sampler saw it; scoring the returned forest with
// model.Decoder gives the same bits. Randomness is counted, not carried: a token depends on the
// seed, the request's key, the answer's number and the token's place, never on what else is in the
// batch.
package rollout

import (
	"fmt"
	"math"

	"spell/model/forest"
)

// Sampling says how to draw tokens: softmax(logits/Temperature) cut to the TopK most likely tokens
// (0: all) and to the smallest set of probability TopP (1: all). Temperature 0 takes the most
// likely token.
type Sampling struct {
	Temperature float32
	TopP        float32
	TopK        int
}

// A Branch asks for N answers, of at most MaxTokens tokens each, to the context that ends with a
// segment.
type Branch struct {
	Segment   int
	N         int
	MaxTokens int
	Sampling
}

// A Request is one tree of prompts and the answers wanted. Key numbers the request among all that
// share the seed.
//
// StopEarly, if set, is called with every answer that ends while others go on; once it returns
// true, the others are dropped and left out of the result. Such a request has one branch: its
// answers advance in lockstep, so that which of them are left depends on them alone.
//
// Hold keeps the keys and values of the prompt and of all answers until the request was handed out, for
// Engine.Attention.
type Request struct {
	Prompt    forest.Forest
	Branches  []Branch
	Key       uint64
	StopEarly func(answer []int32) bool
	Hold      bool
}

// Finish says why an answer ended.
type Finish string

// The reasons: a stop token, which is the answer's last, or the limit.
const (
	Stop   Finish = "stop"
	Length Finish = "length"

	dropped Finish = "dropped"
)

// An Answer is one sampled segment of a result's forest.
type Answer struct {
	Branch   int // index into the request's branches
	Segment  int // index into the result's forest
	LogProbs []float32
	Finish   Finish
}

// A Result is the request's forest with the answers appended as scored segments, in the order of
// branches and then of answers.
type Result struct {
	Forest  forest.Forest
	Answers []Answer
}

// Options sizes an engine.
type Options struct {
	Slots int     // tokens the cache holds
	Rows  int     // rows of one pass: live answers and prompt tokens together
	Stop  []int32 // ids that end an answer
	Seed  uint64
}

// MinTemperature is the smallest temperature above 0.
const MinTemperature = 1e-4

// check returns an error if the engine cannot serve a request, or never.
func (e *Engine) check(r *Request) error {
	if err := r.Prompt.Validate(e.vocab, e.context); err != nil {
		return err
	}
	for i, s := range r.Prompt {
		if s.Scored {
			return fmt.Errorf("segment %d of the prompt is to be scored; only answers are", i)
		}
	}
	if len(r.Branches) == 0 {
		return fmt.Errorf("no answers are asked for")
	}
	if len(r.Branches) > 1 && r.StopEarly != nil {
		return fmt.Errorf("a request that may drop answers has %d branches; it can have one", len(r.Branches))
	}
	for _, b := range r.Branches {
		switch {
		case b.Segment < 0 || b.Segment >= len(r.Prompt) || len(r.Prompt[b.Segment].Tokens) == 0:
			return fmt.Errorf("an answer continues segment %d, which has no tokens", b.Segment)
		case b.N < 1 || b.MaxTokens < 1:
			return fmt.Errorf("%d answers of %d tokens are asked for; both must be positive", b.N, b.MaxTokens)
		case int(r.Prompt.End(b.Segment))+b.MaxTokens > e.context:
			return fmt.Errorf("a prompt of %d tokens and an answer of up to %d exceed the model's context of %d",
				r.Prompt.End(b.Segment), b.MaxTokens, e.context)
		case b.Temperature > 0 && b.Temperature < MinTemperature:
			return fmt.Errorf("temperature %g is too small; use 0 for the most likely token, or at least %v",
				b.Temperature, MinTemperature)
		case !(b.Temperature >= 0 && b.Temperature <= math.MaxFloat32) || !(b.TopP > 0):
			return fmt.Errorf("temperature %g and top-p %g are not usable", b.Temperature, b.TopP)
		}
	}
	if n := pagesNeeded(r) * pageRows; n > e.opts.Slots+pageRows-1 {
		return fmt.Errorf("it takes %d cache rows and the cache holds %d; ask for fewer or shorter answers, "+
			"or give the cache more tokens", n, e.opts.Slots)
	}
	if answers(r) > e.opts.Rows {
		return fmt.Errorf("%d answers to one prompt; a pass holds %d rows", answers(r), e.opts.Rows)
	}
	return nil
}

// answers counts the answers that a request asks for.
func answers(r *Request) int {
	n := 0
	for _, b := range r.Branches {
		n += b.N
	}
	return n
}

// pagesNeeded counts the pages that a request takes if it shares none.
func pagesNeeded(r *Request) int {
	n := 0
	for _, s := range r.Prompt {
		n += pagesFor(len(s.Tokens))
	}
	for _, b := range r.Branches {
		n += b.N * pagesFor(b.MaxTokens)
	}
	return n
}
