package tokenizer

import (
	"errors"
	"fmt"
)

// readByteLevel takes the pre-tokenizers of byte-level BPE: ByteLevel with its own regular
// expression, Digits and that, or Split and ByteLevel without an expression.
func (t *Tokenizer) readByteLevel(steps []component) error {
	for _, s := range steps {
		if s.Type != "Split" && s.Type != "ByteLevel" && s.Type != "Digits" {
			return fmt.Errorf("pre_tokenizer step %.80q is not supported: Split, Digits and ByteLevel are", s.Type)
		}
	}
	if isDefault(steps) {
		t.pattern = Default
		return nil
	}
	if len(steps) == 0 || len(steps) > 2 || steps[len(steps)-1].Type != "ByteLevel" {
		return fmt.Errorf("pre_tokenizer %.80q has %d steps: "+
			"ByteLevel, also behind one Split or Digits, is supported", nameOf(steps), len(steps))
	}
	bytes := steps[len(steps)-1]
	switch {
	case len(steps) == 1:
		return t.readOwnRegex(bytes)
	case steps[0].Type == "Digits":
		return t.readDigits(steps[0], bytes)
	case steps[0].Type == "Split":
		return t.readSplit(steps[0], bytes)
	}
	return errors.New("pre_tokenizer has ByteLevel twice: remove one")
}

// isDefault reports whether steps are those of Default.
func isDefault(steps []component) bool {
	if len(steps) != len(defaultSteps)+1 {
		return false
	}
	for i, e := range defaultSteps {
		if s := steps[i]; s.Type != "Split" || s.Pattern.Regex != e || s.Behavior != "Isolated" || s.Invert {
			return false
		}
	}
	last := steps[len(defaultSteps)]
	return last.Type == "ByteLevel" && !last.usesRegex() && !last.prefixesSpace()
}

// readOwnRegex takes ByteLevel alone: GPT-2.
func (t *Tokenizer) readOwnRegex(bytes component) error {
	if !bytes.usesRegex() {
		return errors.New(
			"pre_tokenizer ByteLevel has use_regex false and no Split before it, " +
				"so that text would be one piece: set use_regex to true")
	}
	t.pattern = GPT2
	if bytes.prefixesSpace() {
		t.prefix = always
	}
	return nil
}

// readSplit takes Split by a known expression and ByteLevel without its own. The expressions leave
// nothing of a text out, so that most ways to treat what they find cut alike.
func (t *Tokenizer) readSplit(split, bytes component) error {
	pattern, ok := patternOf(split.Pattern.Regex)
	cuts := false
	switch split.Behavior {
	case "Isolated", "MergedWithPrevious", "MergedWithNext":
		cuts = true
	case "Removed":
		cuts = split.Invert
	}
	switch {
	case !ok:
		return fmt.Errorf("pre_tokenizer Split has the pattern %.80q, which is none of GPT-2, Qwen 2 and Llama 3: "+
			"give a tokenizer of one of these families",
			split.Pattern.Regex)
	case !cuts:
		return fmt.Errorf("pre_tokenizer Split has behavior %.80q and invert %t, which does not cut text "+
			"into the pieces that the pattern finds: set behavior to Isolated", split.Behavior, split.Invert)
	case bytes.usesRegex():
		return errors.New(
			"pre_tokenizer ByteLevel after Split has use_regex true, which would split twice: set it to false")
	case bytes.prefixesSpace():
		return errors.New(
			"pre_tokenizer ByteLevel after Split has add_prefix_space true, " +
				"which would put a space before every piece: set it to false")
	}
	t.pattern = pattern
	return nil
}

// readDigits takes the pre-tokenizer of SmolLM and StarCoder.
func (t *Tokenizer) readDigits(digits, bytes component) error {
	switch {
	case !digits.IndividualDigits:
		return errors.New("pre_tokenizer Digits has individual_digits false: only true is supported")
	case !bytes.usesRegex():
		return errors.New(
			"pre_tokenizer ByteLevel after Digits has use_regex false, " +
				"so that text between digits would be one piece: set it to true")
	case bytes.prefixesSpace():
		return errors.New(
			"pre_tokenizer ByteLevel after Digits has add_prefix_space true, " +
				"which would put a space before every piece: set it to false")
	}
	t.pattern = Digits
	return nil
}
