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

// spoken returns prompts and replies of the recipe's questions about documents, for a tokenizer to learn the
// words of; none if it asks no such questions.
func (r *Config) spoken(texts []folder.Text) (all []string, err error) {
	const examples = 1000
	i := slices.IndexFunc(r.Stages, func(s Stage) bool { return s.Data == "reading" && s.Reading != nil })
	if i < 0 {
		return nil, nil
	}
	var docs []corpus.Document
	for _, t := range texts {
		if !r.heldOut(t.Name) {
			docs = append(docs, corpus.Document(t))
		}
	}
	prompts, err := role.Load("compact")
	if err != nil {
		return nil, err
	}
	fourth := func(s string) int { return (len(s) + 3) / 4 } // about a token
	t, err := reading.NewTraining(prompts, reading.Gather(docs), fourth, *r.Stages[i].Reading)
	if err != nil {
		return nil, fmt.Errorf("stage %q: %w", r.Stages[i].Name, err)
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
