package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// component is any of the processing steps in a file; each uses some of the fields.
type component struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	UseRegex       *bool  `json:"use_regex"` // true where absent
	Pattern        struct {
		Regex string `json:"Regex"`
	} `json:"pattern"`
	Behavior         string      `json:"behavior"`
	Invert           bool        `json:"invert"`
	IndividualDigits bool        `json:"individual_digits"`
	PreTokenizers    []component `json:"pretokenizers"`
	Normalizers      []component `json:"normalizers"`
}

// readComponent decodes a section; one that is absent or null has the type "null".
func readComponent(section string, raw json.RawMessage) (component, error) {
	var c component
	if raw == nil || string(raw) == "null" {
		return component{Type: "null"}, nil
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("%s is not a component with the fields of its type (%w): correct it", section, err)
	}
	return c, nil
}

func (c component) usesRegex() bool { return c.UseRegex == nil || *c.UseRegex }

// readComponents sets the steps around BPE from t.parts.
func (t *Tokenizer) readComponents() error {
	c, err := readComponent("normalizer", t.parts.normalizer)
	if err != nil {
		return err
	}
	if err := t.readNormalizer(c); err != nil {
		return err
	}

	c, err = readComponent("decoder", t.parts.decoder)
	if err != nil {
		return err
	}
	if c.Type != "ByteLevel" {
		return fmt.Errorf("decoder %.80q is not supported: ByteLevel is", c.Type)
	}

	c, err = readComponent("pre_tokenizer", t.parts.preTokenizer)
	if err != nil {
		return err
	}
	return t.readPreTokenizer(c)
}

// readNormalizer takes NFC, none, and a Sequence of these: DeepSeek writes an empty one.
func (t *Tokenizer) readNormalizer(c component) error {
	switch c.Type {
	case "NFC":
		t.nfc = true
	case "null":
	case "Sequence":
		for _, step := range c.Normalizers {
			if err := t.readNormalizer(step); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("normalizer %.80q is not supported: NFC, null and a Sequence of them are", c.Type)
	}
	return nil
}

// readPreTokenizer takes ByteLevel with its own regular expression, a Sequence of Digits and
// that, or a Sequence of Split and ByteLevel without an expression.
func (t *Tokenizer) readPreTokenizer(c component) error {
	switch c.Type {
	case "ByteLevel":
		if !c.usesRegex() {
			return errors.New(
				"pre_tokenizer ByteLevel has use_regex false and no Split before it, " +
					"so that text would be one piece: set use_regex to true")
		}
		t.pattern, t.prefixSpace = GPT2, c.AddPrefixSpace
		return nil
	case "Sequence":
	default:
		return fmt.Errorf("pre_tokenizer %.80q is not supported: "+
			"ByteLevel and a Sequence of Split and ByteLevel are", c.Type)
	}

	steps := c.PreTokenizers
	for _, s := range steps {
		if s.Type != "Split" && s.Type != "ByteLevel" && s.Type != "Digits" {
			return fmt.Errorf("pre_tokenizer step %.80q is not supported: Split, Digits and ByteLevel are", s.Type)
		}
	}
	if len(steps) == 2 && steps[0].Type == "Digits" && steps[1].Type == "ByteLevel" {
		return t.readDigits(steps[0], steps[1])
	}
	if len(steps) != 2 || steps[0].Type != "Split" || steps[1].Type != "ByteLevel" {
		return fmt.Errorf("pre_tokenizer is a Sequence of %d steps: "+
			"only one Split or Digits followed by one ByteLevel is supported", len(steps))
	}
	split, bytes := steps[0], steps[1]
	pattern, ok := patternOf(split.Pattern.Regex)
	switch {
	case !ok:
		return fmt.Errorf("pre_tokenizer Split has the pattern %.80q, which is none of GPT-2, Qwen 2 and Llama 3: "+
			"give a tokenizer of one of these families",
			split.Pattern.Regex)
	case split.Behavior != "Isolated" || split.Invert:
		return fmt.Errorf("pre_tokenizer Split has behavior %.80q and invert %t: "+
			"only Isolated without invert is supported", split.Behavior, split.Invert)
	case bytes.usesRegex():
		return errors.New(
			"pre_tokenizer ByteLevel after Split has use_regex true, which would split twice: set it to false")
	case bytes.AddPrefixSpace:
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
	case bytes.AddPrefixSpace:
		return errors.New(
			"pre_tokenizer ByteLevel after Digits has add_prefix_space true, " +
				"which would put a space before every piece: set it to false")
	}
	t.pattern = Digits
	return nil
}
