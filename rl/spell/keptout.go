package spell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/play"
	"spell/rl/plural"
	"spell/rl/runner"
	"spell/tensor/rng"
)

// Clusters of a user's documents that are kept out of training are what the policy is measured on: the model asks
// questions of them before the first step, and answers those that are of use then, in between and at the end.
type keptOut struct {
	clusters []cluster
	sampler  *curriculum.Sampler // of them
	state    keptState
}

// A keptState is that of the measurements between steps.
type keptState struct {
	Asked     bool            `json:"asked"` // the questions are there, if any was of use
	Questions []fixedQuestion `json:"questions"`
	Measured  []ownAccuracy   `json:"measured"` // the first and the last
}

// An ownAccuracy is how well questions about documents that are kept out are answered after a number of steps, a line
// of metrics.jsonl.
type ownAccuracy struct {
	Step      int           `json:"step"`
	Questions int           `json:"kept_out_questions"`
	Answers   int           `json:"answers"`  // to each
	Right     counts        `json:"right"`    // of these, by question
	Readable  int           `json:"readable"` // answers in all
	Accuracy  float64       `json:"accuracy"` // avg@n
	Change    float64       `json:"change"`   // since before the first step
	Interval  eval.Interval `json:"interval"` // of the change, paired by question
}

// counts are numbers, one for each question. In JSON they are one text, with spaces between.
type counts []int

// MarshalText writes the numbers.
func (c counts) MarshalText() ([]byte, error) {
	return []byte(strings.Trim(fmt.Sprint([]int(c)), "[]")), nil
}

// UnmarshalText reads what MarshalText wrote.
func (c *counts) UnmarshalText(text []byte) error {
	*c = counts{}
	for field := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("counts by question: %w", err)
		}
		*c = append(*c, n)
	}
	return nil
}

// enoughQuestions is how many questions an interval must rest on to tell that a model became worse.
const enoughQuestions = 20

// keepOut takes a share of the clusters out of training, whole ones rounded down.
func (g *Game) keepOut() error {
	g.kept, g.aside = nil, nil
	c := &g.Config
	n := int(c.HeldOutShare * float64(len(g.clusters)))
	if !g.keepsOut() || n == 0 {
		return nil
	}
	out := make([]bool, len(g.clusters))
	for _, i := range rng.At(c.Seed, rng.HeldOut, 0, 0, 0).Choose(len(out), n) {
		out[i] = true
	}
	k := &keptOut{}
	var rest []cluster
	for i, cl := range g.clusters {
		if out[i] {
			k.clusters = append(k.clusters, cl)
		} else {
			rest = append(rest, cl)
		}
	}
	g.clusters = rest
	if g.Judge != nil {
		for _, cl := range k.clusters {
			g.aside = append(g.aside, cl.corpus())
		}
		return nil
	}
	var err error
	if k.sampler, err = curriculum.NewSampler(c.Seed, c.domains(k.clusters), 1); err != nil {
		return err
	}
	g.kept = k
	return nil
}

// keepsOut reports whether clusters are kept out, if there are enough.
func (g *Game) keepsOut() bool {
	if t, ok := g.Judge.(Tester); g.Judge != nil && (!ok || !t.KeepsOut()) {
		return false
	}
	return g.Config.keepsOut() && !g.older
}

// keepsOut reports whether clusters of a user's documents are kept out, if there are enough.
func (c *Config) keepsOut() bool { return c.HeldOutShare > 0 && c.HeldOut > 0 }

// keptOutAnswers returns how many answers a question about documents that are kept out gets.
func (c *Config) keptOutAnswers() int {
	if c.HeldOutAnswers > 0 {
		return c.HeldOutAnswers
	}
	return c.Answers
}

// interlude returns what is asked about the documents that are kept out after so many steps; nil if nothing is.
func (k *keptOut) interlude(g *Game, done, total int) *rl.Interlude {
	switch {
	case k == nil:
		return nil
	case !k.state.Asked && done == 0:
		items := g.ahead(forKeptOut, k.sampler, k.clusters, g.Config.HeldOut)
		return &rl.Interlude{Players: players(items), End: func(errs []error) (*runner.Report, error) {
			return k.freeze(g, g.surveyed("kept_out", items, errs, func(right, n int) bool { return 2*right > n })), nil
		}}
	case len(k.state.Questions) == 0 || !k.due(g.Config.HeldOutEvery, done, total):
		return nil
	}
	items := k.items(g)
	return &rl.Interlude{Players: players(items), End: func(errs []error) (*runner.Report, error) {
		return k.measured(g, done, items, errs)
	}}
}

// due reports whether to measure after so many steps: before the first, after every so many and after the last.
func (k *keptOut) due(every, done, total int) bool {
	n := len(k.state.Measured)
	if n == 0 || k.state.Measured[n-1].Step >= done {
		return n == 0
	}
	return done == total || every > 0 && done%every == 0
}

// freeze takes over the questions that a survey keeps.
func (k *keptOut) freeze(g *Game, s *survey) *runner.Report {
	k.state = keptState{Asked: true, Questions: s.questions}
	rep, _ := s.report(g, k.clusters, nil) // self-play never asks about these
	return rep
}

// items returns items that have the questions answered, the same draws each time.
func (k *keptOut) items(g *Game) (items []*item) {
	for i := range k.state.Questions {
		q := &k.state.Questions[i]
		it := &item{Item: curriculum.Item{Task: q.Task, Cluster: q.Cluster}, game: g, from: &k.clusters[q.Cluster],
			fixed: true, question: q.question(), place: i, keys: keysOf(0, forKeptAnswers, true),
			wants: g.Config.keptOutAnswers()}
		it.next = func([]play.Reply) ([]play.Ask, error) { return it.respond() }
		items = append(items, it)
	}
	return items
}

// measured returns the outcome of items and takes it into the state.
func (k *keptOut) measured(g *Game, done int, items []*item, errs []error) (*runner.Report, error) {
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("documents that are kept out: %w", err)
	}
	a := ownAccuracy{Step: done, Questions: len(items), Answers: g.Config.keptOutAnswers()}
	rates := make([]float64, len(items))
	for i, it := range items {
		right := 0
		for _, answer := range it.answers {
			if answer.extracted {
				a.Readable++
			}
			if answer.rule {
				right++
			}
		}
		a.Right = append(a.Right, right)
		rates[i] = float64(right) / float64(a.Answers)
	}
	a.Accuracy = eval.Mean(rates)
	if len(k.state.Measured) > 0 {
		first := k.state.Measured[0]
		for i := range rates {
			rates[i] -= float64(first.Right[i]) / float64(first.Answers)
		}
		a.Change, a.Interval = eval.Mean(rates), intervals.MeanInterval(rates)
	}
	was := k.state.Measured
	k.state.Measured = append(slices.Clone(was[:min(1, len(was))]), a)
	return &runner.Report{Metrics: &a, Always: true}, nil
}

// String says how many answers are right, and what has changed.
func (a *ownAccuracy) String() string {
	s := fmt.Sprintf("after %s: %.1f%% of %s about documents kept out (avg@%d)", plural.Of(a.Step, "step"),
		100*a.Accuracy, plural.Of(a.Questions, "question"), a.Answers)
	if a.Step == 0 {
		return s
	}
	return fmt.Sprintf("%s, %s since the beginning", s, a.change())
}

// change is what has changed, with its interval, in points.
func (a *ownAccuracy) change() string {
	return fmt.Sprintf("%+.1f points [%+.1f, %+.1f]", 100*a.Change, 100*a.Interval[0], 100*a.Interval[1])
}

// compare returns what training changed, if it was measured.
func (k *keptOut) compare() (lines []string) {
	if k == nil || len(k.state.Measured) < 2 {
		return nil
	}
	before, after := k.state.Measured[0], k.state.Measured[1]
	return []string{fmt.Sprintf("%s about documents kept out, before → after: %.1f%% → %.1f%%, %s",
		plural.Of(after.Questions, "question"), 100*before.Accuracy, 100*after.Accuracy, after.change())}
}

// worse says that the policy answers worse than before, by more than chance; it is empty if nothing shows that.
func (k *keptOut) worse() string {
	if k == nil || len(k.state.Measured) < 2 {
		return ""
	}
	if a := k.state.Measured[1]; a.Interval[1] < 0 && a.Questions >= enoughQuestions {
		return fmt.Sprintf("the model became worse: its accuracy on documents kept out fell by more than chance, %s",
			a.change())
	}
	return ""
}

// saved returns the state, nil if nothing is kept out.
func (k *keptOut) saved() *keptState {
	if k == nil {
		return nil
	}
	return &k.state
}

// restored returns k in a state that was saved.
func (k *keptOut) restored(saved *keptState) (*keptOut, error) {
	if k == nil || saved == nil {
		return k, nil
	}
	for _, q := range saved.Questions {
		if err := q.check(k.clusters); err != nil {
			return nil, fmt.Errorf("questions about documents that are kept out: %w", err)
		}
	}
	for _, a := range saved.Measured {
		if len(saved.Measured) > 2 || len(a.Right) != len(saved.Questions) || a.Answers < 1 {
			return nil, fmt.Errorf("the state holds %d measurements of documents that are kept out, after step %d of "+
				"%d questions; there are %d: the checkpoint is damaged", len(saved.Measured), a.Step, len(a.Right),
				len(saved.Questions))
		}
	}
	return &keptOut{k.clusters, k.sampler, *saved}, nil
}
