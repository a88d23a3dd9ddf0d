package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Pattern names a pre-tokenization rule: how text is cut into the pieces that BPE never
// merges across.
type Pattern string

const (
	// GPT2 keeps runs of digits whole and lets a space join the word or number after it.
	GPT2 Pattern = "gpt2"
	// Qwen2 makes every digit a piece of its own; a contraction matches in either case.
	Qwen2 Pattern = "qwen2"
	// Llama3 is Qwen2 with digits in groups of up to three, counted from the left.
	Llama3 Pattern = "llama3"
	// Digits is GPT2 between digits, of which every one is a piece of its own: SmolLM.
	Digits Pattern = "digits"
	// Default is what llama.cpp takes if a file names none: runs of punctuation are pieces, GPT2
	// cuts what is between them, and digits go in groups of three without a space before them.
	Default Pattern = "default"
)

var patterns = []Pattern{GPT2, Qwen2, Llama3, Digits, Default}

// defaultSteps are the expressions of Default; each cuts the pieces of the one before.
var defaultSteps = []string{
	`[\p{P}\$\+<=>\^~\|]+`,
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
	`\p{N}+`,
	`[0-9][0-9][0-9]`,
}

// expressions lists the regular expressions that files use for each pattern. The scanners
// are written by hand for exactly these, so an expression is compared letter by letter.
// The first one of a pattern is the one written to new files.
var expressions = []struct {
	pattern Pattern
	regex   string
}{
	{GPT2, `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`},
	{GPT2, `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`},
	{Qwen2, `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	{Llama3, `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
}

// patternOf returns the pattern a regular expression stands for.
func patternOf(regex string) (Pattern, bool) {
	for _, e := range expressions {
		if e.regex == regex {
			return e.pattern, true
		}
	}
	return "", false
}

// components returns the pre-tokenizers of a file that stand for p, as JSON: one or several that
// cut text, and ByteLevel.
func (p Pattern) components() (split, byteLevel string) {
	const level = `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": %t}`
	isolate := func(expression string) string {
		regex, _ := json.Marshal(expression) // a string is always JSON
		const split = `{"type": "Split", "pattern": {"Regex": %s}, "behavior": "Isolated", "invert": false}`
		return fmt.Sprintf(split, regex)
	}
	for _, e := range expressions {
		if e.pattern == p {
			return isolate(e.regex), fmt.Sprintf(level, false)
		}
	}
	if p == Default {
		var steps []string
		for _, e := range defaultSteps {
			steps = append(steps, isolate(e))
		}
		return strings.Join(steps, ", "), fmt.Sprintf(level, false)
	}
	return `{"type": "Digits", "individual_digits": true}`, fmt.Sprintf(level, true)
}

// check refuses a name that is no pattern.
func (p Pattern) check() error {
	if !slices.Contains(patterns, p) {
		return fmt.Errorf("pre-tokenization pattern %q is unknown: use one of %v", string(p), patterns)
	}
	return nil
}

// next returns the length in bytes of the first piece of s, at least 1; s is not empty.
func (p Pattern) next(s string) int {
	switch p {
	case GPT2:
		return scanGPT2(s, false)
	case Digits:
		return scanGPT2(s, true)
	case Llama3:
		return scanModern(s, 3)
	case Default:
		return scanDefault(s)
	default:
		return scanModern(s, 1)
	}
}
