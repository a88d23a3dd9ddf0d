package model

import (
	"context"

	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// A Decoder runs forward and backward passes over forests. Shared segments (those with children)
// run forward first and keep K and V. Branches then run in batches, forward and backward, adding to
// dK and dV of the shared segments, which run backward last. In the last block only rows that
// predict a scored token are computed past K and V. Scratch memory is mapped once.
//
// Sums over rows run over the branches in order and then the shared segments, so that the size of
// the batches changes no bit of a result.
type Decoder struct {
	B kernels.Backend
	W *Weights

	limits forest.Limits
	train  bool
	keep   bool // every block keeps its activations; else only its input
	arena  *tensor.Arena

	count   bool         // whether passes are those of Step
	experts expertCounts // of steps since TakeExpertLoad
}

// A Stat is what the head says of one scored token: its log-probability and the entropy of its
// distribution, both at the token's temperature, in nats.
type Stat struct{ LogProb, Entropy float32 }

// Activations says what a training decoder does with the activations of its blocks. The bits of the
// gradients are the same either way.
type Activations uint8

// The ways to treat activations.
const (
	RecomputeActivations Activations = iota // keep each block's input and run it forward again for its gradient
	KeepActivations                         // keep all: faster, for more memory
)

// NewScorer maps a decoder that computes log-probabilities of forests within the limits.
func NewScorer(b kernels.Backend, w *Weights, limits forest.Limits) (*Decoder, error) {
	return (&Decoder{B: b, W: w, limits: limits}).alloc()
}

// NewTrainingDecoder maps a decoder that also runs backward, for weights with gradients.
func NewTrainingDecoder(b kernels.Backend, w *Weights, limits forest.Limits, a Activations) (*Decoder, error) {
	return (&Decoder{B: b, W: w, limits: limits, train: true, keep: a == KeepActivations}).alloc()
}

func (d *Decoder) alloc() (*Decoder, error) {
	var err error
	if d.arena, err = d.B.Alloc("activations", Total(d.Memory())); err != nil {
		return nil, err
	}
	return d, nil
}

// ActivationBytes returns the scratch of a training decoder that keeps every activation.
func ActivationBytes(w *Weights, limits forest.Limits) int {
	return Total((&Decoder{W: w, limits: limits, train: true, keep: true}).Memory())
}

// With returns a decoder of other weights of the same shape and types, in the scratch of d.
func (d *Decoder) With(w *Weights) *Decoder {
	other := *d
	other.W = w
	return &other
}

// Free unmaps the scratch; the weights stay.
func (d *Decoder) Free() error { return d.arena.Free() }

// Bytes returns the size of the scratch.
func (d *Decoder) Bytes() int { return d.arena.Size() }

// Argmax returns, for every token of a single segment, the most likely next one. It stops between
// two layers with ctx's error.
func (d *Decoder) Argmax(ctx context.Context, ids []int32) ([]int32, error) {
	l, err := forest.NewLayout(forest.Forest{{Parent: -1, Tokens: ids}}, d.limits)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	top := make([]int32, len(ids))
	err = d.lastRows(ctx, &l.Bundles[0].Branches[0], func(x tensor.Mat) error {
		logits, err := d.B.Alloc("logits", tensor.Bytes(d.W.Acc, 1, d.W.Vocab))
		if err != nil {
			return err
		}
		defer logits.Free()
		z := logits.New(d.W.Acc, 1, d.W.Vocab)
		logp, greedy := make([]float32, 1), make([]kernels.Sampling, 1)
		for i := range top {
			d.B.MatMul(z, x.Slice(i, i+1), d.W.Head.W, tensor.Mat{}, false)
			d.B.Sample(top[i:i+1], logp, z, greedy)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return top, nil
}
