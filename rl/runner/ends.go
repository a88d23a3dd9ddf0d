package runner

import (
	"slices"

	"spell/tokenizer/chat"
)

// EndTokens returns the ids that end an output: those of a model's configuration, and after them the
// one that its tokenizer names and the one that its chat template puts behind a reply, by which a model
// ends its turn whatever the former say. text may be nil.
func EndTokens(configured []int32, text *chat.Dialog) []int32 {
	if text == nil {
		return configured
	}
	ends := configured
	for _, end := range []func() (int32, bool){text.End, text.TurnEnd} {
		if id, ok := end(); ok && !slices.Contains(ends, id) {
			ends = append(slices.Clone(ends), id)
		}
	}
	return ends
}
