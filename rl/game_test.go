package rl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl"
	"spell/rl/budget"
	"spell/rl/grpo"
	"spell/rl/play"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A relay is a game made up for these tests. An item has the policy write a beginning, go on from
// it several times, and end every continuation twice. Continuations and ends train; those with many
// different letters are better.
type relay struct {
	c     *rl.Config
	text  *chat.Dialog
	items []*leg // of the step
	round []*leg
	step  int

	score float64 // of all steps, in the state: prompts depend on it
	seen  int     // outputs, in the state
	lost  bool    // by its own word

	next   func(stage string) error           // called when an item goes on, if set
	chosen func(groups []rl.Group) []rl.Group // changes what trains, if set
}

// perRound is items, wanted is the items that are enough.
const (
	perRound = 3
	wanted   = 5
)

// A leg is an item of a relay.
type leg struct {
	game   *relay
	number int // in the step
	stage  int
	prompt [][]int32
	groups []rl.Group
	text   string
}

var stages = [...]string{"begin", "continue", "end", "done"}

func (it *leg) Next(replies []play.Reply) ([]play.Ask, error) {
	stage := stages[it.stage]
	it.stage++
	if h := it.game.next; h != nil {
		if err := h(stage); err != nil {
			return nil, err
		}
	}
	ask := func(name string, n, max int, prompt ...[]int32) play.Ask {
		return play.Ask{Name: name, Doing: stage, Key: play.Key(uint64(it.game.step), it.number, name), Prompt: prompt,
			N: n, Max: max, Sampling: it.game.c.Sampling()}
	}
	for _, r := range replies {
		for _, o := range r.Outputs {
			it.text += "/" + o.Text
		}
	}
	switch stage {
	case "begin":
		return []play.Ask{ask("begin", 1, 6, it.prompt...)}, nil
	case "continue":
		begun := replies[0].Forest[replies[0].Outputs[0].Segment].Tokens
		it.prompt = append(it.prompt, begun)
		return []play.Ask{ask("continue", 4, 8, it.prompt...)}, nil
	case "end":
		it.group(0, replies[0])
		var asks []play.Ask
		for k, o := range replies[0].Outputs {
			went := replies[0].Forest[o.Segment].Tokens
			asks = append(asks, ask(fmt.Sprint("end/", k), 2, 4, append(slices.Clone(it.prompt), went)...))
		}
		return asks, nil
	}
	for _, r := range replies {
		it.group(1, r)
	}
	return nil, nil
}

func (it *leg) Share() float64 { return float64(max(0, it.stage-1)) / 3 }

// group makes a group of a reply.
func (it *leg) group(part int, r play.Reply) {
	g := rl.Group{Part: part, Weight: 1 - float64(part)/2, Most: []int{8, 4}[part], Forest: r.Forest}
	var rewards []float64
	for k := range r.Outputs {
		s := rl.SampleOf(r, k)
		letters := map[rune]bool{}
		for _, r := range s.Text {
			letters[r] = true
		}
		s.Reward = float64(len(letters))
		rewards = append(rewards, s.Reward)
		g.Samples = append(g.Samples, &s)
	}
	grpo.GroupAdvantages(rewards, rewards, false)
	for i, s := range g.Samples {
		s.Advantage = rewards[i]
	}
	it.groups = append(it.groups, g)
}

func (g *relay) Parts() []string { return []string{"continuation", "end"} }

func (g *relay) Sampled() int { return g.c.MaxRounds * perRound * (6 + 4*(8+2*4)) }

func (g *relay) Begin(step int) { g.step, g.items, g.round = step, nil, nil }

func (g *relay) Draw(round int) ([]play.Player, error) {
	g.round = nil
	var players []play.Player
	for i := range perRound {
		n := len(g.items) + i
		text := fmt.Sprintf("item %d of %d after %d : ", n, round, int(g.score)%50)
		it := &leg{game: g, number: n, prompt: [][]int32{g.text.Tok.Encode("letters are to differ ; "),
			g.text.Tok.Encode(text)}}
		g.round, players = append(g.round, it), append(players, it)
	}
	return players, nil
}

func (g *relay) Reward(errs []error) error {
	for i, it := range g.round {
		if errs[i] != nil {
			return errs[i]
		}
		for _, group := range it.groups {
			for _, s := range group.Samples {
				g.score += s.Reward
				g.seen++
			}
		}
	}
	g.items = append(g.items, g.round...)
	return nil
}

func (g *relay) Enough() bool { return len(g.items) >= wanted }

func (g *relay) Choose() []rl.Group {
	var groups []rl.Group
	for _, part := range []int{0, 1} {
		for _, it := range g.items {
			for _, group := range it.groups {
				if group.Part == part {
					groups = append(groups, group)
				}
			}
		}
	}
	if g.chosen != nil {
		groups = g.chosen(groups)
	}
	return groups
}

// A report is a line of a relay's metrics.
type report struct {
	Step   int       `json:"step"`
	Score  float64   `json:"score"`
	Update rl.Update `json:"update"`
}

func (r *report) String() string { return fmt.Sprintf("step %d  score %g", r.Step, r.Score) }

func (g *relay) End(version int, u *rl.Update) *runner.Report {
	rep := &runner.Report{Metrics: &report{g.step + 1, g.score, *u}}
	for _, it := range g.items {
		trained := 0
		for _, group := range it.groups {
			for _, s := range group.Samples {
				if s.Trained {
					trained++
				}
			}
		}
		rep.Transcript = append(rep.Transcript, map[string]any{"step": g.step + 1, "version": version,
			"text": it.text, "trained": trained})
	}
	return rep
}

// relayState is the state of a relay.
type relayState struct {
	Score float64
	Seen  int
}

func (g *relay) State() (any, error) { return relayState{g.score, g.seen}, nil }

func (g *relay) Restore(raw json.RawMessage) error {
	var s relayState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	g.score, g.seen = s.Score, s.Seen
	return nil
}

func (g *relay) Summary() string { return "a relay" }

func (g *relay) Verdict() ([]string, bool) {
	return []string{fmt.Sprintf("%d outputs score %g", g.seen, g.score)}, g.lost
}

// settings of relays.
func relayConfig() rl.Config {
	return rl.Config{
		Base: runner.Base{Seed: 3, PassTokens: 128, Checkpoint: 3, Keep: 9,
			Optim: train.Optim{LR: 1e-2, EmbedScale: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.01,
				ClipNorm: 1}},
		Steps: 6, Floor: 1, Date: "2024-07-26", Temperature: 1, TopP: 0.95, MaxPrompt: 100, MaxRounds: 3,
		BatchTokens: 64, CacheTokens: 4096, LossMean: "groups", Updates: 1, Epochs: 1, Ratio: "token", ClipLow: 0.2,
		ClipHigh: 0.2, DualClip: 3, Sampler: "truncate", Cap: 2,
	}
}

// dialog is a text side of few tokens.
func dialog(t testing.TB) *chat.Dialog {
	t.Helper()
	text := strings.Repeat("letters are to differ ; item 0 1 2 3 4 5 6 7 8 9 of after : quick brown fox jumps over "+
		"a lazy dog ", 9)
	tok, err := tokenizer.Train(slices.Values([]string{text}), tokenizer.TrainOptions{VocabSize: 300,
		Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	return &chat.Dialog{Tok: tok}
}

// shape is a tiny decoder of which every eighth token ends an output.
func shape(vocab int) model.Config {
	var ends []int32
	for id := 0; id < vocab; id += 8 {
		ends = append(ends, int32(id))
	}
	return runnertest.Tiny(vocab, 256, ends...)
}

// newLoop is a loop that plays a relay by the real engine.
func newLoop(t testing.TB, c rl.Config, b kernels.Backend, p model.Precision) (*rl.Loop, *relay) {
	t.Helper()
	text := dialog(t)
	w, err := runnertest.Random(b, shape(text.Tok.VocabSize()), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	return on(t, c, runner.Model{Backend: b, Weights: w, Text: text})
}

// on is a loop on a model.
func on(t testing.TB, c rl.Config, m runner.Model) (*rl.Loop, *relay) {
	t.Helper()
	g := &relay{c: &c, text: m.Text}
	l, err := rl.NewLoop(&c, m, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Free)
	return l, g
}

// step makes a step.
func step(t testing.TB, l *rl.Loop) *runner.Report {
	t.Helper()
	rep, err := l.Step(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// take makes a step and returns what it wrote, and the tokens that it read and sampled.
func take(t testing.TB, l *rl.Loop) (wrote string, played int) {
	t.Helper()
	rep, err := l.Step(context.Background(), func(doing string, _ float64, tokens int) {
		if doing != "updating" {
			played = tokens
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{rep.Metrics, rep.Transcript})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), played
}

// A relayMethod is a relay as the runner knows it.
type relayMethod struct {
	config rl.Config
	text   *chat.Dialog
	kill   int // the step, counted from 0, that is cut off with an error; -1: none
	loop   *rl.Loop
}

var errKilled = errors.New("killed")

func (m *relayMethod) Name() string                                        { return "relay" }
func (m *relayMethod) Settings() any                                       { return &m.config }
func (m *relayMethod) Base() *runner.Base                                  { return &m.config.Base }
func (m *relayMethod) About() runner.About                                 { return runner.About{Defaults: &m.config} }
func (m *relayMethod) Read(context.Context, string, *runner.Console) error { return nil }
func (m *relayMethod) Shape() (model.Config, error)                        { return shape(m.text.Tok.VocabSize()), nil }
func (m *relayMethod) Plan(context.Context, kernels.Backend, model.Config, model.Precision) (*budget.Plan, error) {
	return &budget.Plan{}, nil
}
func (m *relayMethod) Fit(context.Context, kernels.Backend, model.Config, model.Precision, int64, bool) error {
	return nil
}

func (m *relayMethod) Load(_ context.Context, b kernels.Backend, p model.Precision) (*model.Weights, *chat.Dialog,
	error) {

	w, err := runnertest.Random(b, shape(m.text.Tok.VocabSize()), p)
	return w, m.text, err
}

func (m *relayMethod) Begin(_ context.Context, on runner.Model) (runner.Recipe, error) {
	g := &relay{c: &m.config, text: on.Text}
	g.next = func(stage string) error {
		if g.step == m.kill && stage == "end" {
			return errKilled
		}
		return nil
	}
	var err error
	m.loop, err = rl.NewLoop(&m.config, on, g)
	return m.loop, err
}

// run runs the method in a folder.
func (m *relayMethod) run(dir string, b kernels.Backend, p model.Precision, resume bool) error {
	return runnertest.Run(context.Background(), m, dir, resume, io.Discard, b, p)
}

// numbers are those of a loop's weights and optimizer.
func numbers(l *rl.Loop) [][]float32 { return runnertest.Numbers(l.Model.Backend, l.Model.Weights) }
