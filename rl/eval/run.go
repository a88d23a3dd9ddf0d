package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"spell/model/rollout"
	"spell/rl/eval/bench"
	"spell/rl/play"
	"spell/rl/role"
	"spell/rl/task"
)

// A Verdict is what a judge says of an answer.
type Verdict string

// The verdicts; none is the empty one, of an answer that was not judged.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Invalid Verdict = "invalid" // the judge's reply says neither, or both
)

// A Grader says whether a prediction is the reference in other words. It may be called by several
// goroutines.
type Grader interface {
	Grade(ctx context.Context, q *bench.Question, prediction string) (Verdict, error)
}

// An Answer is one sample of a model and what became of it.
type Answer struct {
	Text       string         `json:"text"`
	Finish     rollout.Finish `json:"finish"`
	Prediction *string        `json:"prediction"` // null: it states none
	Rule       bool           `json:"rule"`
	Judge      Verdict        `json:"judge,omitempty"`
	Right      bool           `json:"right"` // by the rule or by the judge
}

// A Line is a question that was answered: a line of the results file.
type Line struct {
	Set       string   `json:"set"`
	Part      string   `json:"part,omitempty"`
	ID        string   `json:"id"`
	Reference []string `json:"reference"`
	Tokens    int      `json:"prompt_tokens"`
	Whole     int      `json:"whole_tokens"`       // before documents were cut out
	TooLong   string   `json:"too_long,omitempty"` // why it was not asked; it counts as wrong
	Answers   []Answer `json:"answers"`
}

// Asking is how questions are asked.
type Asking struct {
	N         int // answers to each
	MaxInput  int // tokens of a prompt
	MaxTokens int // tokens of an answer, and of what the model says as its own judge
	rollout.Sampling
	Rules task.Rules
	Self  bool // the model itself judges what the rule does not find right
}

// A Run asks a model questions and hands out their lines in the order of the questions.
type Run struct {
	Policy Policy
	Engine play.Engine
	Asking
	Grader Grader // judges what neither the rule nor the model itself finds right; nil: nobody

	// OnProgress, if set, is told of the questions that are answered, of all.
	OnProgress func(done, total int)
}

const (
	// window is the number of questions that are at work together: their texts are in memory as tokens.
	window = 64
	// judges is the number of answers that a Grader judges at a time.
	judges = 8
)

// Ask answers the questions from number from on and gives each line, in order, to done, whose error ends
// it. A line follows from the seed of the engine, the question and its number alone.
func (r *Run) Ask(ctx context.Context, questions []*bench.Question, from int, done func(*Line) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o := &ordered{next: from, lines: map[int]*Line{}, done: func(l *Line, number int) error {
		err := done(l)
		if r.OnProgress != nil && err == nil {
			r.OnProgress(number+1, len(questions))
		}
		return err
	}}
	var judging sync.WaitGroup
	slots := make(chan struct{}, judges)
	driver := &play.Driver{Engine: r.Engine, Decode: r.Policy.Chat.Tok.DecodeSkipSpecial}
	err := func() error {
		for start := from; start < len(questions); start += window {
			var players []play.Player
			for i := start; i < min(start+window, len(questions)); i++ {
				a := &asked{run: r, q: questions[i], number: i}
				a.end = func(l *Line) error {
					judging.Go(func() {
						if err := r.grade(ctx, slots, a.q, l); err != nil {
							cancel(err)
							return
						}
						if err := o.put(i, l); err != nil {
							cancel(err)
						}
					})
					return ctx.Err()
				}
				players = append(players, a)
			}
			errs, err := driver.Play(ctx, players)
			if err == nil {
				i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
				if i >= 0 {
					err = fmt.Errorf("question %s of %s: %w", questions[start+i].ID, questions[start+i].Set, errs[i])
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil && !errors.Is(err, context.Canceled) {
		cancel(err)
	}
	judging.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// grade has the grader judge what is left to judge, each prediction once.
func (r *Run) grade(ctx context.Context, slots chan struct{}, q *bench.Question, l *Line) error {
	if r.Grader == nil || !q.Judged() {
		return nil
	}
	said := map[string]Verdict{}
	for i := range l.Answers {
		a := &l.Answers[i]
		if a.Rule || a.Prediction == nil {
			continue
		}
		v, known := said[*a.Prediction]
		if !known {
			slots <- struct{}{}
			var err error
			v, err = r.Grader.Grade(ctx, q, *a.Prediction)
			<-slots
			if err != nil {
				return err
			}
			said[*a.Prediction] = v
		}
		a.Judge, a.Right = v, v == Yes
	}
	return nil
}

// ordered hands out lines in the order of their questions.
type ordered struct {
	mu    sync.Mutex
	next  int
	lines map[int]*Line // that came before their turn
	done  func(l *Line, number int) error
	err   error // of done, which is then called no more
}

func (o *ordered) put(number int, l *Line) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines[number] = l
	for ; o.err == nil && o.lines[o.next] != nil; o.next++ {
		o.err = o.done(o.lines[o.next], o.next)
		delete(o.lines, o.next)
	}
	return o.err
}

// asked is a question on its way: it is answered and, if the model is its own judge, its predictions
// are compared with the reference. It is a play.Player.
type asked struct {
	run    *Run
	q      *bench.Question
	number int
	line   *Line
	end    func(*Line) error

	judged []string // predictions that the model judges
}

// Next asks the question first, then judges the predictions, and then ends.
func (a *asked) Next(replies []play.Reply) ([]play.Ask, error) {
	switch {
	case a.line == nil:
		return a.ask()
	case a.line.Answers == nil:
		return a.read(replies[0])
	}
	return a.voted(replies)
}

// ask asks the question.
func (a *asked) ask() ([]play.Ask, error) {
	a.line = &Line{Set: a.q.Set, Part: a.q.Part, ID: a.q.ID, Reference: a.q.Answers}
	p, err := a.run.Policy.Prompt(a.q, a.run.MaxInput)
	if errors.Is(err, errTooLong) {
		a.line.TooLong, a.line.Answers = err.Error(), []Answer{}
		return nil, a.end(a.line)
	}
	if err != nil {
		return nil, err
	}
	a.line.Tokens, a.line.Whole = p.Tokens(), p.Whole
	return []play.Ask{{Name: "answer", Doing: "answering", Key: play.Key(0, a.number, "answer"), Prompt: p.Runs,
		N: a.run.N, Max: a.run.MaxTokens, Sampling: a.run.Sampling}}, nil
}

// read reads the answers.
func (a *asked) read(r play.Reply) (asks []play.Ask, err error) {
	for _, o := range r.Outputs {
		answer := Answer{Text: o.Text, Finish: o.Finish}
		if p, ok := a.run.Policy.Prompts.ExtractAnswer(a.q.Task, o.Text); ok {
			answer.Prediction, answer.Rule = &p, a.q.Right(a.run.Rules, p)
			answer.Right = answer.Rule
		}
		a.line.Answers = append(a.line.Answers, answer)
	}
	for _, answer := range a.line.Answers {
		p := answer.Prediction
		if !a.run.Self || !a.q.Judged() || answer.Rule || p == nil || slices.Contains(a.judged, *p) {
			continue
		}
		prompt, err := a.run.Policy.Chat.User("", a.run.Policy.Prompts.Verifier(a.q.Question, *p, a.q.Reference()))
		if err != nil {
			return nil, err
		}
		if (&Prompt{Runs: prompt}).Tokens() > a.run.MaxInput {
			continue // the rule counts
		}
		name := fmt.Sprintf("judge/%d", len(a.judged))
		a.judged = append(a.judged, *p)
		asks = append(asks, play.Ask{Name: name, Doing: "judging", Key: play.Key(0, a.number, name), Prompt: prompt,
			N: 1, Max: a.run.MaxTokens, Sampling: rollout.Sampling{TopP: 1}})
	}
	if len(asks) == 0 {
		return nil, a.end(a.line)
	}
	return asks, nil
}

// voted reads what the model says of its predictions.
func (a *asked) voted(replies []play.Reply) ([]play.Ask, error) {
	for i, r := range replies {
		v := verdictOf(a.run.Policy.Prompts.ParseVote(r.Outputs[0].Text))
		for k := range a.line.Answers {
			answer := &a.line.Answers[k]
			if !answer.Rule && answer.Prediction != nil && *answer.Prediction == a.judged[i] {
				answer.Judge, answer.Right = v, v == Yes
			}
		}
	}
	return nil, a.end(a.line)
}

func verdictOf(v role.Vote) Verdict {
	switch v {
	case role.Yes:
		return Yes
	case role.No:
		return No
	}
	return Invalid
}
