package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// postProcessor is the section post_processor of a file.
type postProcessor struct {
	Type       string          `json:"type"`
	Processors []postProcessor `json:"processors"`
	Single     []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Sequence *struct {
			ID string `json:"id"`
		} `json:"Sequence"`
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens"`
}

// Begin returns the ids that go before a text of its own, such as Llama's begin-of-text;
// often none. Chat templates write theirs themselves.
func (t *Tokenizer) Begin() []int32 { return append([]int32(nil), t.begin...) }

// End returns the ids that go after a text of its own; nearly always none.
func (t *Tokenizer) End() []int32 { return append([]int32(nil), t.end...) }

// readPostProcessor sets begin and end from t.parts. It follows the vocabulary, whose ids
// it names.
func (t *Tokenizer) readPostProcessor() error {
	p := postProcessor{Type: "null"}
	if raw := t.parts.postProcessor; raw != nil && string(raw) != "null" {
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("post_processor is not a component with the fields of its type (%w): correct it", err)
		}
	}
	return t.addPostProcessor(p)
}

// addPostProcessor wraps what the processors before it gave.
func (t *Tokenizer) addPostProcessor(p postProcessor) error {
	switch p.Type {
	case "null", "ByteLevel": // ByteLevel trims offsets only
		return nil
	case "Sequence":
		for _, step := range p.Processors {
			if err := t.addPostProcessor(step); err != nil {
				return err
			}
		}
		return nil
	case "TemplateProcessing":
		return t.addTemplate(p)
	}
	return fmt.Errorf(
		"post_processor %.80q is not supported: "+
			"ByteLevel, TemplateProcessing, null and a Sequence of them are",
		p.Type)
}

func (t *Tokenizer) addTemplate(p postProcessor) error {
	var before, after []int32
	texts := 0
	for _, piece := range p.Single {
		switch {
		case piece.Sequence != nil:
			texts++
		case piece.SpecialToken != nil:
			name := piece.SpecialToken.ID
			special, ok := p.SpecialTokens[name]
			if !ok {
				return fmt.Errorf(
					"post_processor names the token %.80q, which its special_tokens lack: add it there",
					name)
			}
			for _, id := range special.IDs {
				if id < 0 || int(id) >= len(t.tokens) {
					return fmt.Errorf(
						"post_processor gives token %.80q the id %d, which lies outside the "+
							"vocabulary of %d: correct it",
						name, id, len(t.tokens))
				}
			}
			if texts == 0 {
				before = append(before, special.IDs...)
			} else {
				after = append(after, special.IDs...)
			}
		}
	}
	if texts != 1 {
		return errors.New(
			"post_processor's template for a single text does not hold the text once: correct post_processor.single")
	}
	t.begin = append(before, t.begin...)
	t.end = append(t.end, after...)
	return nil
}
