package runner

import (
	"slices"

	"spell/tokenizer/chat"
)

// EndTokens returns the ids that end an output: those of a model's configuration, and after them the
// one that its tokenizer names. text may be nil.
func EndTokens(configured []int32, text *chat.Dialog) []int32 {
	if text == nil {
		return configured
	}
	id, ok := text.End()
	if !ok || slices.Contains(configured, id) {
		return configured
	}
	return append(slices.Clone(configured), id)
}
