package world

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"spell/rl/role"
	"spell/tensor/rng"
)

// The words of prompts and replies that are neither names nor in a relation's sentences.
const formatWords = ". : ? ( ) A B C D + - = the of is answer so question and sum difference what name give tell " +
	"ask text number count choice before first second same yes no facts " + role.EmptyDocuments

// Vocabulary returns all words that documents, prompts and replies can have, in ascending order.
func Vocabulary() []string {
	words := map[string]bool{}
	for w := range strings.FieldsSeq(formatWords) {
		words[w] = true
	}
	for w := range names.class {
		words[w] = true
	}
	for n := 1; n <= maxSum; n++ {
		words[strconv.Itoa(n)] = true
	}
	for _, r := range relations {
		words[r.word] = true
		for _, sentence := range r.natural {
			for w := range strings.FieldsSeq(sentence) {
				if w != "S" && w != "V" {
					words[w] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(words))
}

// Text returns the i-th text for training a tokenizer. Even ones are examples of training, prompts
// and replies in full. Odd ones hold every word once, each after a space, so that none is rare.
func (t *Training) Text(seed uint64, i int) string {
	if i%2 == 1 {
		r := rng.At(seed, rng.World, useText, uint64(i), 0)
		return " " + strings.Join(shuffle(r, Vocabulary()), " ")
	}
	e := t.Example(seed, uint64(i/2))
	var b strings.Builder
	b.WriteString(e.Prefix)
	for _, branch := range e.Branches {
		b.WriteString(branch.Suffix)
		b.WriteString(branch.Reply)
		b.WriteByte('\n')
	}
	return b.String()
}
