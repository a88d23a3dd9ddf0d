package pretrain

import (
	"fmt"
	"iter"
	"slices"

	"spell/rl/corpus"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/reading"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/tokenizer"
)

// Tokenizer trains the recipe's vocabulary on texts, or on the generated world if there are none.
func Tokenizer(r *Config, texts []string) (*tokenizer.Tokenizer, error) {
	seq := slices.Values(texts)
	if len(texts) == 0 {
		var err error
		if seq, err = worldTexts(r); err != nil {
			return nil, err
		}
	}
	return tokenizer.Train(seq, tokenizer.TrainOptions{VocabSize: r.Vocab, Special: []string{End},
		Pattern: tokenizer.GPT2})
}

// read returns what a tokenizer learns the words of: the texts that are not held out or, if the recipe asks questions
// about them, the documents as prompts show them, and prompts and replies.
func (r *Config) read(texts []folder.Text) (all []string, err error) {
	const examples = 1000
	i := slices.IndexFunc(r.Stages, func(s Stage) bool { return s.Data == "reading" && s.Reading != nil })
	var docs []corpus.Document
	for _, t := range texts {
		if !r.heldOut(t.Name) {
			docs, all = append(docs, corpus.Document(t)), append(all, t.Text)
		}
	}
	if i < 0 {
		return all, nil
	}
	prompts, err := role.Load("reading")
	if err != nil {
		return nil, err
	}
	fourth := func(s string) int { return (len(s) + 3) / 4 } // about a token
	gathered := reading.Gather(docs)
	t, err := reading.NewTraining(prompts, gathered, fourth, *r.Stages[i].Reading)
	if err != nil {
		return nil, fmt.Errorf("stage %q: %w", r.Stages[i].Name, err)
	}
	all = nil
	for _, c := range gathered.Clusters {
		for _, d := range c.Docs {
			all = append(all, prompts.Escape(d.Text))
		}
	}
	for i := range examples {
		all = append(all, t.Text(r.Seed, i))
	}
	return all, nil
}

func worldTexts(r *Config) (iter.Seq[string], error) {
	prompts, err := role.Load("compact")
	if err != nil {
		return nil, err
	}
	mix := world.DefaultTraining()
	t, err := world.NewTraining(prompts, mix)
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		for i := range 4000 {
			if !yield(t.Text(r.Seed, i)) {
				return
			}
		}
	}, nil
}
