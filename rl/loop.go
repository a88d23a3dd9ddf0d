package rl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/rollout"
	"spell/model/train"
	"spell/rl/play"
	"spell/rl/plural"
	"spell/rl/runner"
)

// A Machine is what a loop computes with beside its weights.
type Machine struct {
	Trainer *train.Trainer
	Engine  *rollout.Engine
	Copied  *model.Weights // in int8, what Engine generates with; nil if that is the weights themselves

	// Reference is what the policy is kept near to if the loss has a KL term: the weights without their
	// adapters or, of weights that are all trained, others that whoever has the machine fills.
	Reference *model.Weights

	turns *kernels.Turns // the memory of Trainer and Engine
}

// NewMachine maps it, all or nothing, for steps that sample so many tokens at most. A plan does it on a
// backend without memory.
func NewMachine(c *Config, sampled int, b kernels.Backend, w *model.Weights) (m *Machine, err error) {
	m = &Machine{turns: kernels.NewTurns(b, "what generates and what trains")}
	defer func() {
		if err != nil {
			m.Free()
			m = nil
		}
	}()
	limits := c.Limits()
	limits.Branches = sampled
	if m.Trainer, err = train.New(m.turns.Owner(), w, c.Optim, limits, c.Activations()); err != nil {
		return m, err
	}
	generating := w
	if c.Int8 {
		if m.Copied, err = w.Int8(b); err != nil {
			return m, err
		}
		generating = m.Copied
	}
	if c.KL > 0 {
		if m.Reference, err = w.Reference(b); err != nil {
			return m, err
		}
	}
	m.Engine, err = rollout.New(m.turns.Owner(), generating, rollout.Options{Slots: c.CacheTokens, Rows: c.Rows(),
		Stop: w.EOS, Seed: c.Seed})
	if err != nil {
		return m, err
	}
	return m, m.turns.Map()
}

// Free unmaps it.
func (m *Machine) Free() {
	if m.Engine != nil {
		m.Engine.Free()
	}
	if m.Trainer != nil {
		m.Trainer.Free()
	}
	if m.Copied != nil {
		m.Copied.Free()
	}
	if m.Reference != nil {
		m.Reference.Free()
	}
	m.turns.Free()
}

// A Loop is a game being played and learned from. It is a runner.Recipe.
type Loop struct {
	Config *Config
	Model  runner.Model
	Game   Game

	machine *Machine
	driver  play.Driver

	step   int // completed
	before json.RawMessage
	show   runner.Show // of the step at work
	round  int
	tokens int     // through the model in the step, but for the round at work
	now    int     // and in this one
	aside  bool    // what is played is an interlude
	share  float64 // of the round that is done
	doing  string
}

// NewLoop maps what the loop computes with beside the weights. On error nothing stays mapped.
func NewLoop(c *Config, m runner.Model, g Game) (*Loop, error) {
	machine, err := NewMachine(c, g.Sampled(), m.Backend, m.Weights)
	if err != nil {
		return nil, err
	}
	if c.KL > 0 && len(m.Weights.Adapters()) == 0 {
		if err := m.Began(machine.Reference); err != nil {
			machine.Free()
			return nil, err
		}
	}
	l := &Loop{Config: c, Model: m, Game: g, machine: machine}
	machine.Engine.OnProgress = func(_, _, read, sampled int) { l.progress(read + sampled) }
	l.driver = play.Driver{Engine: machine.Engine, Decode: m.Text.Tok.DecodeSkipSpecial}
	l.driver.OnProgress = func(doing string, share float64) { l.doing, l.share = doing, share }
	return l, nil
}

// Free unmaps what the loop computes with; weights and backend stay.
func (l *Loop) Free() { l.machine.Free() }

// SetEngine has outputs sampled by another engine: tests play with a script.
func (l *Loop) SetEngine(e play.Engine) { l.driver.Engine = e }

// Steps returns how many steps are done, and how many the run has.
func (l *Loop) Steps() (done, total int) { return l.step, l.Config.Steps }

// Trainer returns what holds weights and moments.
func (l *Loop) Trainer() *train.Trainer { return l.machine.Trainer }

// Summary describes what there is to play with.
func (l *Loop) Summary() string {
	if l.Config.Int8 {
		return "generating in int8; " + l.Game.Summary()
	}
	return l.Game.Summary()
}

// Step plays rounds until the game has enough, then makes one update. On error, cancellation
// included, nothing has changed, and what was sampled is kept.
func (l *Loop) Step(ctx context.Context, show runner.Show) (*runner.Report, error) {
	if err := l.remember(); err != nil {
		return nil, err
	}
	l.show, l.tokens = show, 0
	l.Game.Begin(l.step)
	for l.round = 0; l.round < l.Config.MaxRounds && !l.Game.Enough(); l.round++ {
		if err := l.play(ctx); err != nil {
			return nil, l.undo(err)
		}
	}
	groups, version := l.Game.Choose(), l.machine.Trainer.Steps
	u, err := l.update(ctx, groups)
	if err != nil {
		return nil, l.undo(err)
	}
	l.step++
	l.driver.Kept().Empty()
	rep := l.Game.End(version, u)
	rep.Tokens = l.tokens
	return rep, nil
}

// play plays a round: its items are drawn, played to their ends and judged. If all of them end with an
// error, it is the step's.
func (l *Loop) play(ctx context.Context) error {
	players, err := l.Game.Draw(l.round)
	if err != nil {
		return err
	}
	l.share, l.doing, l.now = 0, "", 0
	errs, err := l.driver.Play(ctx, players)
	if err != nil {
		return err
	}
	l.tokens += l.now
	if err := allFailed(errs); err != nil {
		return err
	}
	return l.Game.Reward(errs)
}

// allFailed returns the error of the first of some items if every one met an error: the cause is then not theirs.
func allFailed(errs []error) error {
	well := slices.ContainsFunc(errs, func(err error) bool { return err == nil })
	if !well && len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// interlude returns what is to be played before the next step; nil if nothing is.
func (l *Loop) interlude() *Interlude {
	if g, ok := l.Game.(Interluder); ok {
		return g.Interlude(l.step, l.Config.Steps)
	}
	return nil
}

// playAside plays an interlude. If it is cut short, what was sampled is kept.
func (l *Loop) playAside(ctx context.Context, i *Interlude, show runner.Show) (*runner.Report, error) {
	l.show, l.share, l.doing, l.now, l.aside = show, 0, "", 0, true
	defer func() { l.aside = false }()
	var errs []error
	if len(i.Players) > 0 {
		var err error
		if errs, err = l.driver.Play(ctx, i.Players); err != nil {
			return nil, err
		}
		if err := allFailed(errs); err != nil {
			return nil, err
		}
	}
	rep, err := i.End(errs)
	if err != nil {
		return nil, err
	}
	l.driver.Kept().Empty()
	rep.Tokens = l.now
	return rep, nil
}

// playing is the share of a step that is playing; the rest is the update.
const playing = 0.7

// progress shows how far the step is. Another round takes half of what is left of the playing,
// since nobody knows whether it is the last.
func (l *Loop) progress(tokens int) {
	l.now = tokens
	if l.show == nil {
		return
	}
	if l.aside {
		l.show(l.doing, l.share, tokens)
		return
	}
	left := 1.0
	for range l.round {
		left /= 2
	}
	span := left / 2
	if l.round+1 == l.Config.MaxRounds {
		span = left
	}
	l.show(l.doing, playing*(1-left+span*l.share), l.tokens+tokens)
}

// remember takes down the game's state before a step.
func (l *Loop) remember() error {
	s, err := l.Game.State()
	if err != nil {
		return err
	}
	l.before, err = json.Marshal(s)
	return err
}

// undo puts the game back to the state before the step and returns err.
func (l *Loop) undo(err error) error {
	if e := l.Game.Restore(l.before); e != nil {
		return fmt.Errorf("%w (and going back to the last step failed: %w)", err, e)
	}
	return err
}

// loopState is the state of a loop beside its weights.
type loopState struct {
	Step int             `json:"step"`
	Game json.RawMessage `json:"game"`
}

// State returns what Restore needs.
func (l *Loop) State() (any, error) {
	s, err := l.Game.State()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(s)
	return loopState{l.step, raw}, err
}

// maxSteps is the most steps of a run, as Config's tag says: keys of a game's requests have bits for so
// many.
const maxSteps = 1 << 24

// Restore takes over the state of a checkpoint.
func (l *Loop) Restore(state json.RawMessage) error {
	var s loopState
	if err := json.Unmarshal(state, &s); err != nil {
		return err
	}
	if s.Step < 0 || s.Step > maxSteps {
		return fmt.Errorf("the state is that after %d steps; a run has from 0 to %d", s.Step, maxSteps)
	}
	if err := l.Game.Restore(s.Game); err != nil {
		return err
	}
	l.step = s.Step
	return nil
}

// Due reports whether the game wants to play an interlude, or to measure the policy.
func (l *Loop) Due() bool {
	if l.interlude() != nil {
		return true
	}
	m, ok := l.Game.(Measurer)
	return ok && m.Due(l.step, l.Config.Steps)
}

// Measure lets the game play its interlude or, if there is none, measure the policy.
func (l *Loop) Measure(ctx context.Context, show runner.Show) (*runner.Report, error) {
	if i := l.interlude(); i != nil {
		return l.playAside(ctx, i, show)
	}
	return l.Game.(Measurer).Measure(ctx, l.Model, l.step, show)
}

// Unfinished returns what the step at work has sampled.
func (l *Loop) Unfinished() runner.Unfinished {
	return sampled{l.driver.Kept(), l.Model.Weights.Vocab}
}

// sampled is kept outputs for a vocabulary.
type sampled struct {
	*play.Kept
	vocab int
}

func (s sampled) Read(r io.Reader) error { return s.Kept.Read(r, s.vocab) }

// Verdict returns what the game has to say, and whether the run failed: by the game's word, or because
// nothing was trained.
func (l *Loop) Verdict() (lines []string, failed bool) {
	lines, failed = l.Game.Verdict()
	if l.machine.Trainer.Steps == 0 && l.step > 0 {
		return append(lines, fmt.Sprintf("nothing was trained in %s: the weights are unchanged, because no "+
			"sample was better or worse than the others of its group", plural.Of(l.step, "step"))), true
	}
	return lines, failed
}
