package pretrain

import (
	"iter"
	"slices"

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
