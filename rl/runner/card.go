package runner

import (
	"fmt"
	"path/filepath"

	"spell/model/card"
	"spell/model/nano"
	"spell/rl/settings"
	"spell/tensor/atomicfile"
)

// About is what the card of a model tells of the method that made it.
type About struct {
	Done     string // what was done to it, as "fine-tuned"
	Tag      string // the same in a word for Hugging Face's pages
	How      string // sentences in Markdown, the first without a verb
	Defaults any    // settings, of which a card names those that a run has otherwise
	Made     bool   // the method makes the model and has no base
}

// writeCard writes the card of what the run has trained so far into a folder that holds it.
func (r *run) writeCard(dir string) error {
	c := r.card()
	return atomicfile.WriteBytes(filepath.Join(dir, card.Name), c.Text())
}

// BaseOf returns what a card says of the model at path, which may name an embedded base.
func BaseOf(path string) card.Base {
	if name, ok := nano.Named(path); ok {
		return card.Embedded(name)
	}
	return card.BaseAt(path)
}

// card returns what there is to say of the run.
func (r *run) card() *card.Card {
	about, w := r.method.About(), r.recipe.Trainer().Weights
	done, _ := r.recipe.Steps()
	c := &card.Card{Title: "A model, " + about.Done, Tag: about.Tag, License: card.License(w.Carried[card.Name]),
		Made: fmt.Sprintf("Made with `spell %s` by %s", r.method.Name(), about.How)}
	if !about.Made {
		c.Base = BaseOf(r.origin.Path)
		c.Title = c.Base.Name + ", " + about.Done
		c.Facts = append(c.Facts, [2]string{"base", "`" + c.Base.Name + "`"})
	}
	c.Facts = append(c.Facts, [2]string{"steps", fmt.Sprint(done)}, [2]string{"size", parameters(w)},
		[2]string{"precision", w.Precision.Name})
	if len(w.Adapters()) > 0 {
		c.Adapters = w.LoRA
		c.Facts = append(c.Facts, [2]string{"adapters", card.Adapters(w.LoRA)})
	}
	if r.adapter != "" {
		c.Facts = append(c.Facts, [2]string{"began with the adapters", "`" + card.BaseAt(r.adapter).Name + "`"})
	}
	c.Results, _ = r.recipe.Verdict()
	for _, s := range settings.Changes(about.Defaults, r.method.Settings()) {
		c.Settings = append(c.Settings, s.Name+": "+s.Value)
	}
	return c
}
