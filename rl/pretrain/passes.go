package pretrain

import (
	"fmt"

	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/tokenizer"
)

// leastPass is the fewest tokens of a pass for any data: text is cut to it.
const leastPass = 64

// promptTokens is room for the prompts behind the documents of a stage on questions about them. What does not
// fit into a pass is left out of an example.
const promptTokens = 256

// least is the fewest tokens of a pass that hold what every stage makes of texts with the tokenizer. A
// recipe whose passes hold fewer is refused, and one whose drill wants more words than are one token.
func (r *Config) least(tok *tokenizer.Tokenizer) (int, error) {
	least, most := leastPass, "" // and the stage that needs them
	for i := range r.Stages {
		s, n := &r.Stages[i], 0
		if s.Data == "world" {
			var err error
			if n, err = s.example(r.Seed, tok); err != nil {
				return 0, fmt.Errorf("stage %q: %w", s.Name, err)
			}
		}
		if s.Data == "reading" {
			n = s.Reading.MaxLength + s.Reading.MaxDocs + promptTokens
		}
		if s.Data == "copy" {
			n = 2*s.Text + longestPart
			if have := len(words(tok, s.Words)); have < 2 {
				return 0, fmt.Errorf("stage %q: with a vocab of %d, %d words of the documents are one token, and the "+
					"drill is made of such; raise vocab", s.Name, tok.VocabSize(), have)
			}
		} else if s.Batch > 0 {
			n = max(n, 2*(s.Pairs+s.Queries))
			have, all := len(words(tok, s.Words)), len(world.Vocabulary())
			if s.Words > 0 {
				all = s.Words
			}
			if have < s.Pairs {
				mend := "raise vocab or lower pairs"
				if s.Pairs > all {
					mend = "lower pairs"
				}
				return 0, fmt.Errorf("stage %q: pairs is %d, and of the drill's %d words %d are one token with a "+
					"vocab of %d; %s", s.Name, s.Pairs, all, have, tok.VocabSize(), mend)
			}
		}
		if n > least {
			least, most = n, s.Name
		}
	}
	if least > r.PassTokens {
		return 0, fmt.Errorf("stage %q: pass_tokens is %d, and what goes through the model together can have %d "+
			"tokens; raise pass_tokens to that", most, r.PassTokens, least)
	}
	return least, nil
}

// example bounds the tokens of an example of the world that go through the model together: its
// documents with the prompts behind them, or a reply. The bound adds up the longest document and prompt
// of some hundred examples, as often as an example has them; real examples have about half of it.
func (s *Stage) example(seed uint64, tok *tokenizer.Tokenizer) (int, error) {
	prompts, err := role.Load("compact")
	if err != nil {
		return 0, err
	}
	mix := *s.Mixture
	for _, share := range []*float64{&mix.OtherPool, &mix.History, &mix.Documents, &mix.Verifier, &mix.Grounding,
		&mix.Arithmetic, &mix.Letters, &mix.Responder, &mix.Questioner, &mix.Digest} {
		if *share > 0 { // what is rare is seen, too
			*share = 0.5
		}
	}
	t, err := world.NewTraining(prompts, mix)
	if err != nil {
		return 0, err
	}
	tokens := func(text string) int { return len(tok.Encode(text)) }
	var prefix, document, suffix, reply int
	for i := range uint64(300) {
		e := t.Example(seed, i)
		prefix = max(prefix, tokens(e.Prefix))
		for _, d := range e.Docs {
			document = max(document, tokens(d+"\n"))
		}
		for _, b := range e.Branches {
			suffix, reply = max(suffix, tokens(b.Suffix)), max(reply, tokens(b.Reply)+1)
		}
	}
	docs := max(mix.Cluster.Docs, mix.Cluster.MaxDocs)
	return max(max(prefix, docs*document)+mix.Branches*suffix, reply), nil
}
