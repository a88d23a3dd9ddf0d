package model

import (
	"spell/kernels"
	"spell/model/forest"
	"spell/tensor"
)

// A Decoder runs forward and backward passes over forests. The stems of a tree, the segments that
// others continue, are computed once: their keys and values stay while the leaves follow in batches,
// forward and backward, and leave there the gradients of the stems' keys and values; then the stems go
// backward, once. In the last block only rows that predict a scored token go on beyond their keys
// and values. Its scratch memory is sized once.
//
// Sums over rows run over the leaves in order and then the stems, so that the size of the batches
// changes no bit of a result.
type Decoder struct {
	B kernels.Backend
	W *Weights

	room  forest.Room
	train bool
	keep  bool // every block keeps its activations; else only its input
	arena *tensor.Arena
}

// A Stat is what the head says of one scored token: its log-probability and the entropy of
// its distribution, both at the token's temperature, in nats.
type Stat struct{ LogProb, Entropy float32 }

// NewDecoder maps scratch for forests that the room holds. Training is forward and backward; keep
// stores every activation on the way forward instead of computing blocks again on the way back, the
// same bits for more memory.
func NewDecoder(b kernels.Backend, w *Weights, room forest.Room, train, keep bool) (*Decoder, error) {
	d := &Decoder{B: b, W: w, room: room, train: train, keep: keep && train}
	var err error
	if d.arena, err = b.Alloc("activations", Total(d.Parts())); err != nil {
		return nil, err
	}
	return d, nil
}

// KeepBytes is the scratch of a training decoder that keeps every activation.
func KeepBytes(w *Weights, room forest.Room) int {
	return Total((&Decoder{W: w, room: room, train: true, keep: true}).Parts())
}

// Free unmaps the scratch.
func (d *Decoder) Free() error { return d.arena.Free() }

// Bytes is the size of the scratch.
func (d *Decoder) Bytes() int { return d.arena.Size() }

// Score computes the statistics of the scored tokens of a forest, in the order of segments.
func (d *Decoder) Score(f forest.Forest) ([]Stat, error) {
	l, err := forest.Lay(f, d.room)
	if err != nil {
		return nil, err
	}
	r := d.run(l)
	for i := range l.Groups {
		r.group(&l.Groups[i], nil)
	}
	return r.stats, nil
}

// Argmax computes, for every row of a single segment, the most likely next token.
func (d *Decoder) Argmax(ids []int32) ([]int32, error) {
	l, err := forest.Lay(forest.Forest{{Parent: -1, Tokens: ids}}, d.room)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	defer d.arena.Release(d.arena.Mark())
	part := &l.Groups[0].Leaves[0]
	part.Rows, part.Ends = nil, part.Queries
	keys := d.newKeys(d.arena, 0, len(ids), false)
	p := d.newPass(d.arena, len(ids), len(ids))
	d.forward(p, part, keys, 0)
	logits, err := d.B.Alloc("logits", tensor.Bytes(d.W.Acc, 1, d.W.Vocab))
	if err != nil {
		return nil, err
	}
	defer logits.Free()
	z := logits.New(d.W.Acc, 1, d.W.Vocab)
	top, logp, greedy := make([]int32, len(ids)), make([]float32, 1), make([]kernels.Sampling, 1)
	d.B.RMSNorm(p.x[0], p.out, d.W.Norm.W, d.W.NormEps)
	for i := range top {
		d.B.MatMul(z, p.x[0].Slice(i, i+1), d.W.Head.W, tensor.Mat{}, false)
		d.B.Sample(top[i:i+1], logp, z, greedy)
	}
	return top, nil
}
