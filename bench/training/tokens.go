package main

import "math/rand/v2"

// A batch is some sequences of the same length.
type batch [][]int32

// source draws batches that can be learned: each token is followed by one of four, of which the
// first is as likely as the others together.
func source(vocab, batches, rows, length int) []batch {
	const choices = 4
	r := rand.New(rand.NewPCG(1, 2))
	next := make([][choices]int32, vocab)
	for i := range next {
		for j := range next[i] {
			next[i][j] = int32(r.IntN(vocab))
		}
	}
	all := make([]batch, batches)
	for b := range all {
		for range rows {
			ids := make([]int32, length)
			ids[0] = int32(r.IntN(vocab))
			for i := 1; i < length; i++ {
				ids[i] = next[ids[i-1]][max(0, r.IntN(2*(choices-1))-choices+2)]
			}
			all[b] = append(all[b], ids)
		}
	}
	return all
}
