package rng_test

import (
	"fmt"

	"spell/tensor/rng"
)

// A number is a function of its key: whoever asks again, in another order or after a restart, gets
// the same one. Here the key is a seed, a use and the number of a step.
func ExampleAt() {
	const seed = 7
	for _, step := range []uint64{1, 2, 1} {
		r := rng.At(seed, rng.Batch, step, 0, 0)
		fmt.Println("step", step, "takes documents", r.Choose(100, 4), "in the order", r.Perm(4))
	}
	// Output:
	// step 1 takes documents [5 15 23 66] in the order [3 1 2 0]
	// step 2 takes documents [33 43 89 95] in the order [2 1 0 3]
	// step 1 takes documents [5 15 23 66] in the order [3 1 2 0]
}
