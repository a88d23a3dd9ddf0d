package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// component is any of the processing steps in a file; each uses some of the fields.
type component struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	UseRegex       *bool  `json:"use_regex"` // true where absent
	Pattern        struct {
		Regex  string  `json:"Regex"`
		String *string `json:"String"`
	} `json:"pattern"`
	Behavior         string      `json:"behavior"`
	Invert           bool        `json:"invert"`
	IndividualDigits bool        `json:"individual_digits"`
	Prepend          string      `json:"prepend"`
	Content          string      `json:"content"`
	Start            int         `json:"start"`
	Stop             int         `json:"stop"`
	Replacement      string      `json:"replacement"`
	PrependScheme    string      `json:"prepend_scheme"`
	Split            *bool       `json:"split"` // true where absent
	PreTokenizers    []component `json:"pretokenizers"`
	Normalizers      []component `json:"normalizers"`
	Decoders         []component `json:"decoders"`
}

// readSteps decodes a section into its steps: those of a Sequence, of Sequences in it too, or the
// one that it is; none if it is absent or null.
func readSteps(section string, raw json.RawMessage) ([]component, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	var c component
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%s is not a component with the fields of its type (%w): correct it", section, err)
	}
	return c.steps(), nil
}

func (c component) steps() (all []component) {
	if c.Type != "Sequence" {
		return []component{c}
	}
	for _, list := range [][]component{c.Normalizers, c.PreTokenizers, c.Decoders} {
		for _, step := range list {
			all = append(all, step.steps()...)
		}
	}
	return all
}

func (c component) usesRegex() bool     { return c.UseRegex == nil || *c.UseRegex }
func (c component) prefixesSpace() bool { return c.AddPrefixSpace != nil && *c.AddPrefixSpace }
func (c component) isByteLevel() bool   { return c.Type == "ByteLevel" }

// nameOf returns what errors call a section by: the type of its first step, or null.
func nameOf(steps []component) string {
	if len(steps) == 0 {
		return "null"
	}
	return steps[0].Type
}

// readComponents sets the steps around BPE from t.parts.
func (t *Tokenizer) readComponents(model *bpeModel) error {
	normalizers, err := readSteps("normalizer", t.parts.normalizer)
	if err != nil {
		return err
	}
	for _, c := range normalizers {
		if err := t.readNormalizer(c); err != nil {
			return err
		}
	}
	if err := checkGrowth("normalizer", normalizers); err != nil {
		return err
	}
	decoders, err := readSteps("decoder", t.parts.decoder)
	if err != nil {
		return err
	}
	if err := checkGrowth("decoder", decoders); err != nil {
		return err
	}
	steps, err := readSteps("pre_tokenizer", t.parts.preTokenizer)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(append(decoders, steps...), component.isByteLevel) {
		if len(decoders) != 1 || !decoders[0].isByteLevel() {
			return fmt.Errorf("decoder %.80q is not supported: after byte-level BPE, ByteLevel is", nameOf(decoders))
		}
		return t.readByteLevel(steps)
	}
	t.chars = &charModel{fallback: model.ByteFallback, fuse: model.FuseUnk, unk: -1}
	if err := t.readDecoders(decoders); err != nil {
		return err
	}
	return t.readMetaspace(steps)
}

// most is how much longer the steps of a section may make a text: so many times, and so many bytes
// in front of it. That for "▁" in place of a space is 3 each.
const most = 64

// checkGrowth refuses steps that make much of little text.
func checkGrowth(section string, steps []component) error {
	times, front := 1.0, 0
	for _, c := range steps {
		if c.Pattern.String != nil && *c.Pattern.String != "" {
			times *= max(1, float64(len(c.Content))/float64(len(*c.Pattern.String)))
		}
		front += len(c.Prepend)
	}
	if times > most || front > most {
		return fmt.Errorf("%s makes a text up to %.3g times as long and puts %d bytes before it: "+
			"at most %d of each are supported", section, times, front, most)
	}
	return nil
}

// readNormalizer takes NFC, Prepend, and Replace of a text.
func (t *Tokenizer) readNormalizer(c component) error {
	switch {
	case c.Type == "NFC":
		t.normalizers = append(t.normalizers, normalStep{nfc: true})
	case c.Type == "Prepend":
		if c.Prepend != "" {
			t.normalizers = append(t.normalizers, normalStep{new: c.Prepend})
		}
	case c.Type == "Replace" && c.Pattern.String != nil && *c.Pattern.String != "":
		t.normalizers = append(t.normalizers, normalStep{old: *c.Pattern.String, new: c.Content})
	case c.Type == "Replace":
		return errors.New("normalizer Replace has no pattern that is a String: only such a pattern is supported")
	default:
		return fmt.Errorf("normalizer %.80q is not supported: "+
			"NFC, Prepend, Replace, null and a Sequence of them are", c.Type)
	}
	return nil
}

// readDecoders takes what undoes SentencePiece's spelling: Replace, ByteFallback, Fuse and Strip,
// in this order, or Metaspace.
func (t *Tokenizer) readDecoders(steps []component) error {
	d := &t.decoding
	stage := 0 // how far in the order
	for _, c := range steps {
		at := slices.Index([]string{"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}, c.Type)
		if at < 0 {
			return fmt.Errorf("decoder %.80q is not supported: ByteLevel, Metaspace and "+
				"a Sequence of Replace, ByteFallback, Fuse and Strip are", c.Type)
		}
		if at < stage || c.Type == "Metaspace" && stage > 1 {
			return fmt.Errorf("decoder step %s is out of order: "+
				"Replace, ByteFallback, Fuse, Strip is the supported one", c.Type)
		}
		fused := stage == 2
		stage = at
		switch c.Type {
		case "Replace":
			if c.Pattern.String == nil || *c.Pattern.String == "" {
				return errors.New("decoder Replace has no pattern that is a String: only such a pattern is supported")
			}
			d.replace = append(d.replace, [2]string{*c.Pattern.String, c.Content})
		case "ByteFallback":
			d.bytes = true
		case "Strip":
			if !fused || c.Stop != 0 || c.Start < 0 || c.Content == "" {
				return errors.New("decoder Strip is supported behind Fuse only, and at the start of the text")
			}
			d.strip, d.stripped = c.Start, c.Content
		case "Metaspace":
			if err := t.checkMetaspace("decoder", c); err != nil {
				return err
			}
			d.firstBare = c.scheme() != never
			d.replace = append(d.replace, [2]string{metaspace, " "})
		}
	}
	if len(steps) == 0 {
		return errors.New("decoder \"null\" is not supported: tokens would be joined with spaces between")
	}
	return nil
}

// scheme returns where a Metaspace puts a space in front.
func (c component) scheme() string {
	switch {
	case c.AddPrefixSpace != nil && !*c.AddPrefixSpace || c.PrependScheme == "never":
		return never
	case c.PrependScheme == first:
		return first
	}
	return always
}

func (t *Tokenizer) checkMetaspace(section string, c component) error {
	switch {
	case c.Replacement != metaspace:
		return fmt.Errorf("%s Metaspace has the replacement %.20q: only %q is supported",
			section, c.Replacement, metaspace)
	case !slices.Contains([]string{"", "never", first, always}, c.PrependScheme):
		return fmt.Errorf("%s Metaspace has the prepend_scheme %.80q: always, first and never are supported",
			section, c.PrependScheme)
	}
	return nil
}

// readMetaspace takes the pre-tokenizer of SentencePiece's kind: Metaspace or none.
func (t *Tokenizer) readMetaspace(steps []component) error {
	if len(steps) == 0 {
		return nil
	}
	c := steps[0]
	if len(steps) > 1 || c.Type != "Metaspace" {
		return fmt.Errorf("pre_tokenizer %.80q is not supported: without ByteLevel, Metaspace and null are",
			steps[len(steps)-1].Type)
	}
	if err := t.checkMetaspace("pre_tokenizer", c); err != nil {
		return err
	}
	t.spaces, t.prefix, t.splits = true, c.scheme(), c.Split == nil || *c.Split
	return nil
}
