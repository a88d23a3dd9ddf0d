package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spell/model/card"
	"spell/model/peft"
)

// card returns the card of a folder: that of the model as it is, if there is one and nothing is
// folded in.
func (e *exporter) card(m *exported, own []byte) ([]byte, error) {
	name := nameOf(e.Model)
	if e.at.adapter == "" {
		if own != nil {
			return own, nil
		}
		c := card.Card{Title: name, Made: fmt.Sprintf("`%s`, written with `spell export`.", name), Base: e.at.base}
		return c.Text(), nil
	}
	config, err := peft.ReadConfig(e.at.adapter)
	if err != nil {
		return nil, err
	}
	kind := "LoRA of several ranks or scales"
	if lora, err := config.LoRA(&m.Config); err == nil {
		kind = card.Adapters(&lora)
	}
	name = nameOf(e.at.adapter)
	c := card.Card{Title: e.at.base.Name + " with adapters", Tag: "lora", Base: e.at.base, License: card.License(own),
		Made:  fmt.Sprintf("`%s` with the adapters `%s` folded in by `spell export`.", e.at.base.Name, name),
		Facts: [][2]string{{"base", "`" + e.at.base.Name + "`"}, {"adapters", kind}}}
	raw, err := os.ReadFile(filepath.Join(e.at.adapter, card.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if body := card.Body(raw); body != "" {
		c.More = "## The adapters\n\n" + strings.ReplaceAll(body, "\n## ", "\n### ")
	}
	return c.Text(), nil
}
