package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spell/bench/rounds"
	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/open"
	"spell/rl"
	"spell/rl/budget"
	"spell/rl/runner"
	"spell/rl/spell"
	"spell/rl/task"
)

// A workplace is a folder that the rows of one model share.
type workplace struct{ dir string }

func (w workplace) checkpoint() string { return filepath.Join(w.dir, "model") }

func (w workplace) run() string { return filepath.Join(w.dir, "run") }

// documents is the folder of those that fill the prompts of a step.
func (w workplace) documents(n sizes) string {
	return filepath.Join(w.dir, fmt.Sprintf("documents-%d-%d-%d", n.Questions, n.Prompt, n.Answer))
}

// measure runs a row in this process and returns what it came to.
func measure(ctx context.Context, r row, at workplace) (res result, err error) {
	if r.Phase == "score" {
		return score(ctx, r, at)
	}
	return train(ctx, r, at)
}

// score loads the model and scores a text, as spell score does.
func score(ctx context.Context, r row, at workplace) (res result, err error) {
	res.row = r
	p, err := model.ParsePrecision(r.Precision)
	if err != nil {
		return res, err
	}
	b, err := cpu.New(cpu.Options{})
	if err != nil {
		return res, err
	}
	defer b.Close()
	shape, err := runner.ShapeOf(at.checkpoint())
	if err != nil {
		return res, err
	}
	limits := forest.Limits{Batch: r.Prompt}
	planned, err := scoringNeeds(ctx, b, shape, p, limits)
	if err != nil {
		return res, err
	}
	if res.plan(planned); res.Refused != "" {
		return res, nil
	}
	highest := rounds.Watch()
	text, err := runner.OpenText(at.checkpoint(), shape.Vocab)
	if err != nil {
		return res, err
	}
	w, err := open.Load(ctx, b, at.checkpoint(), p, model.Inference)
	if err != nil {
		return res, err
	}
	defer w.Free()
	d, err := model.NewScorer(b, w, limits)
	if err != nil {
		return res, err
	}
	defer d.Free()
	begin := time.Now()
	ids := make([]int32, r.Prompt)
	for i := range ids {
		ids[i] = int32(i * 7919 % text.Tok.VocabSize())
	}
	if _, err := d.Score(ctx, forest.Forest{{Parent: -1, Tokens: ids, Scored: true}}); err != nil {
		return res, err
	}
	res.Tokens, res.Seconds, res.Resident = r.Prompt, time.Since(begin).Seconds(), highest()
	return res, nil
}

// scoringNeeds returns what scoring takes, as spell score asks before it begins.
func scoringNeeds(ctx context.Context, b kernels.Backend, shape model.Config, p model.Precision,
	limits forest.Limits) (budget.Memory, error) {

	dry := tally.New(tally.Rates{})
	w, err := model.NewWeights(dry, shape, p, model.Inference)
	if err != nil {
		return budget.Memory{}, err
	}
	d, err := model.NewScorer(dry, w, limits)
	if err != nil {
		return budget.Memory{}, err
	}
	short := forest.Forest{{Parent: -1, Tokens: make([]int32, 2), Scored: true}}
	if _, err := d.Score(ctx, short); err != nil {
		return budget.Memory{}, err
	}
	return budget.Held(b, dry, w, d.Sizes()), nil
}

// plan takes down the memory that a row is planned to take, and refuses one that does not fit.
func (r *result) plan(need budget.Memory) {
	r.Planned = float64(need.Total()) / (1 << 20)
	if has := (budget.Memory{Host: int64(rounds.Available() * (1 << 20))}); !need.Within(has) {
		r.Refused = budget.Sentence(need, has)
	}
}

// train loads the model, makes a step of self-play by the script and saves, as spell train does.
func train(ctx context.Context, r row, at workplace) (res result, err error) {
	res.row = r
	s := &script{}
	m, err := newMethod(r, at, s)
	if err != nil {
		return res, err
	}
	precision := model.F32
	if r.Phase == "full" {
		if precision, err = model.ParsePrecision(r.Precision); err != nil {
			return res, err
		}
	}
	console := runner.NewConsole(os.Stderr, os.Stderr, false)
	if err := m.Read(ctx, "", console); err != nil {
		return res, err
	}
	planned, err := m.needs(ctx, precision)
	if err != nil {
		return res, err
	}
	if res.plan(planned); res.Refused != "" {
		return res, nil
	}
	if err := os.RemoveAll(at.run()); err != nil {
		return res, err
	}
	f, err := runner.Open(ctx, at.run(), false, nil)
	if err != nil {
		return res, err
	}
	defer os.RemoveAll(at.run())
	defer f.Close()
	highest := rounds.Watch()
	err = runner.Run(ctx, m, f, runner.Options{Model: at.checkpoint(), Console: console,
		Available: func() int64 { return 0 }, // it has been asked for
		Open: func() (kernels.Backend, model.Precision, error) {
			b, err := cpu.New(cpu.Options{})
			return sampler{b, s}, precision, err
		},
	})
	res.Resident = highest()
	if err != nil {
		return res, err
	}
	if want := r.Questions * (2 + r.Answers*(1+r.Answers)); s.outputs != want {
		return res, fmt.Errorf("%d outputs went by the script, which has %d", s.outputs, want)
	}
	return res, res.clock(filepath.Join(at.run(), runner.ClockFile))
}

// clock reads what the step took from a run's log.
func (r *result) clock(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, r)
}

// A method is self-play that keeps to a script.
type method struct {
	*spell.Method
	script *script
}

// newMethod returns self-play with the sizes of a row, and room for no more.
func newMethod(r row, at workplace, s *script) (*method, error) {
	c := spell.Default()
	c.Steps, c.MaxRounds, c.HeldOut, c.Tasks = 1, 1, 0, []task.Task{asked}
	c.Questions, c.Draw, c.VerifierGroups = r.Questions, r.Questions, r.Questions
	c.Docs, c.MaxDocs = pieces/4, pieces
	c.MaxQuestion, c.MaxAnswer, c.MaxVote = r.Answer, r.Answer, max(16, r.Answer/4)
	c = c.Tight(r.Prompt, r.Answers, 0)
	c.BatchTokens, c.Recompute = max(64, r.Answers*r.Answer), r.Recompute
	if err := c.Moments.UnmarshalText([]byte(r.Moments)); r.Moments != "" && err != nil {
		return nil, err
	}
	if r.Phase == "lora" {
		c.LoRA.Rank, c.LoRA.Base = 16, r.Precision
	}
	s.seed = c.Seed
	return &method{&spell.Method{OnModel: runner.OnModel{Path: at.checkpoint()}, Config: c,
		Docs: at.documents(r.sizes)}, s}, c.Validate()
}

// needs returns the most memory that spell plan says of the run.
func (m *method) needs(ctx context.Context, p model.Precision) (budget.Memory, error) {
	b, err := cpu.New(cpu.Options{})
	if err != nil {
		return budget.Memory{}, err
	}
	defer b.Close()
	shape, err := m.Shape()
	if err != nil {
		return budget.Memory{}, err
	}
	plan, err := runner.Plan(ctx, m, b, shape, p)
	if err != nil {
		return budget.Memory{}, err
	}
	return plan.Needs(), nil
}

// Begin makes the game and puts the script between it and the loop.
func (m *method) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	recipe, err := m.Method.Begin(ctx, on)
	if err != nil {
		return nil, err
	}
	loop := recipe.(*rl.Loop)
	m.script.tok, m.script.end = on.Text.Tok, on.Weights.EOS[0]
	loop.Game = game{loop.Game, m.script}
	return loop, nil
}
