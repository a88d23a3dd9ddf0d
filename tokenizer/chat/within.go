package chat

import (
	"fmt"
	"strings"

	"spell/tokenizer"
)

// Within returns the dialog of a model that knows the first n ids, without added tokens of ids beyond, such
// as a padding token that a fine-tune named and the model has no row for. It is an error if a chat
// template writes one of them, or anything else lies there.
func (d *Dialog) Within(n int) (*Dialog, error) {
	tok, cut, err := d.Tok.Within(n)
	if err != nil {
		return nil, err
	}
	for _, a := range cut {
		if name := d.writes(a); name != "" {
			return nil, fmt.Errorf("%s writes %q, whose id is %d", name, a.Content, a.ID)
		}
	}
	within := *d
	within.Tok = tok
	return &within, nil
}

// writes returns the name of a template that writes a token, itself or by its name, "" if none does.
func (d *Dialog) writes(a tokenizer.AddedToken) string {
	if d.side == nil {
		return ""
	}
	words := []string{a.Content}
	for name, v := range d.side.variables {
		if v == a.Content {
			words = append(words, name)
		}
	}
	for _, s := range d.side.sources {
		for _, w := range words {
			if strings.Contains(s.text, w) {
				return s.name
			}
		}
	}
	return ""
}
