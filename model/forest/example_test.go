package forest_test

import (
	"fmt"

	"spell/model/forest"
)

// A group: one prompt and the answers to it, which are scored. The prompt stands there once, and is
// computed once.
func Example() {
	var group forest.Forest
	prompt := group.Add(-1, []int32{10, 11, 12}, false)
	for _, answer := range [][]int32{{20, 21}, {30}, {40, 41}} {
		group.Add(prompt, answer, true)
	}
	if err := group.Validate(100, 2048); err != nil {
		fmt.Println(err)
	}
	fmt.Println(group.Tokens(), "tokens, of which", group.SharedTokens(), "are shared")
	for i, s := range group {
		fmt.Println(s.Tokens, "at position", s.Pos, "follow segments", group.Path(i)[:len(group.Path(i))-1])
	}

	// A layout says which rows a decoder computes, and when.
	layout, err := forest.NewLayout(group, forest.Limits{Shared: 8, Batch: 4})
	if err != nil {
		fmt.Println(err)
	}
	for _, bundle := range layout.Bundles {
		fmt.Println("shared rows:", bundle.Shared.Ids)
		for _, batch := range bundle.Branches {
			fmt.Println("rows of a batch:", batch.Ids)
		}
	}
	// Output:
	// 8 tokens, of which 3 are shared
	// [10 11 12] at position 0 follow segments []
	// [20 21] at position 3 follow segments [0]
	// [30] at position 3 follow segments [0]
	// [40 41] at position 3 follow segments [0]
	// shared rows: [10 11 12]
	// rows of a batch: [20 21 30]
	// rows of a batch: [40 41]
}
