package eval

import (
	"errors"
	"fmt"
	"strings"

	"spell/rl/eval/bench"
)

// A Prompt is the tokens of a question as a model is asked it.
type Prompt struct {
	Runs  [][]int32 // documents with what stands before them, and the rest
	Whole int       // tokens before it was cut
}

// Tokens returns the length.
func (p *Prompt) Tokens() int {
	n := 0
	for _, run := range p.Runs {
		n += len(run)
	}
	return n
}

// Cut reports whether documents were cut out.
func (p *Prompt) Cut() bool { return p.Tokens() < p.Whole }

// errTooLong is that of a question that does not fit even without documents.
var errTooLong = errors.New("the question does not fit")

// Prompt returns the prompt of a question, of at most so many tokens. If it is longer, the middle of the
// documents is cut out, so that the first half of what is left of the prompt and its last half are as
// they were, and it has exactly that many tokens. Question and instruction are never cut.
func (p *Policy) Prompt(q *bench.Question, most int) (*Prompt, error) {
	given, err := q.Documents()
	if err != nil {
		return nil, err
	}
	prefix, suffix := p.Prompts.Responder(q.Task, given, q.Question)
	runs, err := p.Chat.User(prefix, suffix)
	if err != nil {
		return nil, err
	}
	whole := &Prompt{Runs: runs}
	whole.Whole = whole.Tokens()
	if whole.Whole <= most {
		return whole, nil
	}
	before, after, err := p.Prompts.Around()
	if err != nil {
		return nil, err
	}
	docs := strings.TrimSuffix(strings.TrimPrefix(prefix, before), after)
	if runs, err = p.Chat.User(before, docs, after+suffix); err != nil {
		return nil, err
	}
	left := most - len(runs[0]) - len(runs[2])
	if left < 0 {
		return nil, fmt.Errorf("%w: it takes %d tokens without documents, and --max-input is %d", errTooLong,
			len(runs[0])+len(runs[2]), most)
	}
	left = min(left, len(runs[1])) // tokens of parts may be fewer than those of the whole
	head := min(max(0, most/2-len(runs[0])), left)
	kept := append(append([]int32{}, runs[0]...), runs[1][:head]...)
	kept = append(kept, runs[1][len(runs[1])-(left-head):]...)
	return &Prompt{Runs: [][]int32{kept, runs[2]}, Whole: whole.Whole}, nil
}
