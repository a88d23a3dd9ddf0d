package model

import (
	"context"
	"slices"
	"testing"

	"spell/kernels"
	"spell/model/forest"
)

// TestHidden: the head finds in the last hidden states what Argmax finds, and those of a sequence are the same
// bits whatever others come with it.
func TestHidden(t *testing.T) {
	sequences := [][]int32{{3, 1, 4, 1, 5}, {9}, {2, 6, 5, 3}, {5, 8, 9, 7, 9, 3}}
	for name, c := range families() {
		b, d := open64(t, c, forest.Limits{Batch: 6}, RecomputeActivations)
		head := make([]float32, c.Vocab*c.Hidden)
		kernels.Download(b, head, d.W.Head.W)
		seen := 0
		err := d.Hidden(context.Background(), sequences, func(i int, rows []float32) {
			if i != seen {
				t.Fatalf("%s: sequence %d in place of %d", name, i, seen)
			}
			seen++
			rows = slices.Clone(rows)
			top, err := d.Argmax(context.Background(), sequences[i])
			if err != nil || len(rows) != len(top)*c.Hidden {
				t.Fatal(name, len(rows), err)
			}
			for k, want := range top {
				best, at := float32(0), -1
				for v := range c.Vocab {
					sum := float32(0)
					for j, x := range rows[k*c.Hidden : (k+1)*c.Hidden] {
						sum += x * head[v*c.Hidden+j]
					}
					if at < 0 || sum > best {
						best, at = sum, v
					}
				}
				if at != int(want) {
					t.Errorf("%s: row %d of sequence %d says %d, not %d", name, k, i, at, want)
				}
			}
			err = d.Hidden(context.Background(), sequences[i:i+1], func(_ int, alone []float32) {
				if !slices.Equal(alone, rows) {
					t.Errorf("%s: sequence %d has other hidden states alone", name, i)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || seen != len(sequences) {
			t.Errorf("%s: %d sequences, %v", name, seen, err)
		}
	}
	_, d := open64(t, families()["llama"], forest.Limits{Batch: 2}, RecomputeActivations)
	if err := d.Hidden(context.Background(), sequences, func(int, []float32) {}); err == nil {
		t.Error("a sequence that is longer than a batch is taken")
	}
}
