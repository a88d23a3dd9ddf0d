package spell

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A static game draws its questions from those that were fixed before the first step: it is RLVR on static questions,
// the baseline of the paper (appendix E.5).
type static struct {
	questions []fixedQuestion
	beside    [][]int             // of each question, the numbers of its cluster's and task's from it on, cyclically
	sampler   *curriculum.Sampler // of their numbers
}

// newStatic returns the game of some questions.
func newStatic(c *Config, questions []fixedQuestion) (*static, error) {
	var domains []curriculum.Domain
	for i, t := range c.Tasks {
		d := curriculum.Domain{Task: t, Weight: 1}
		if len(c.TaskWeights) > 0 {
			d.Weight = c.TaskWeights[i]
		}
		for n, q := range questions {
			if q.Task == t {
				d.Clusters = append(d.Clusters, n)
			}
		}
		if len(d.Clusters) > 0 {
			domains = append(domains, d)
		}
	}
	if len(domains) == 0 {
		return nil, errors.New("static: none of the questions that were asked is of use: each could not be read, was " +
			"answered without documents, or was never answered right; ask more with static_asked, or give the model " +
			"documents and prompts that suit it")
	}
	s, err := curriculum.NewSampler(c.Seed, domains, 1)
	return &static{questions, besides(questions), s}, err
}

// besides returns of each question the numbers of those about the same cluster, of the same task, from itself on.
func besides(questions []fixedQuestion) [][]int {
	of := func(q *fixedQuestion) curriculum.Item { return curriculum.Item{Task: q.Task, Cluster: q.Cluster} }
	groups := map[curriculum.Item][]int{}
	for n := range questions {
		groups[of(&questions[n])] = append(groups[of(&questions[n])], n)
	}
	all := make([][]int, len(questions))
	for n := range questions {
		group := groups[of(&questions[n])]
		at := slices.Index(group, n)
		all[n] = slices.Concat(group[at:], group[:at])
	}
	return all
}

// draw returns about n items of its questions, each once, as many of a cluster together as the questioner would ask.
func (s *static) draw(g *Game, n int) (items []*item) {
	together := g.Config.PerCluster
	taken := map[int]bool{}
	for _, drawn := range s.sampler.Draw((n + together - 1) / together) {
		beside := s.beside[drawn.Cluster]
		for _, number := range beside[:min(together, len(beside))] {
			if taken[number] {
				continue
			}
			taken[number] = true
			q := &s.questions[number]
			it := &item{Item: curriculum.Item{Task: q.Task, Cluster: q.Cluster}, game: g, from: &g.clusters[q.Cluster],
				fixed: true, question: q.question()}
			it.next = it.pose
			items = append(items, it)
		}
	}
	return items
}

// A staticState is that of a static game between steps.
type staticState struct {
	Questions []fixedQuestion `json:"questions"`
	Sampler   json.RawMessage `json:"sampler"`
}

// state returns what Game.fixed needs; nil if nothing is fixed.
func (s *static) state() (*staticState, error) {
	if s == nil {
		return nil, nil
	}
	raw, err := json.Marshal(s.sampler)
	return &staticState{s.questions, raw}, err
}

// fixed returns the static game of a state.
func (g *Game) fixed(saved *staticState) (*static, error) {
	if saved == nil {
		return nil, nil
	}
	for _, q := range saved.Questions {
		if err := q.check(g.clusters); err != nil {
			return nil, fmt.Errorf("static questions: %w", err)
		}
	}
	s, err := newStatic(&g.Config, saved.Questions)
	if err != nil {
		return nil, err
	}
	return s, s.sampler.Restore(saved.Sampler)
}

// Interlude returns the asking of the questions that are fixed before the first step, if they are and are not there,
// or a measurement on documents that are kept out.
func (g *Game) Interlude(done, total int) *rl.Interlude {
	if total == 0 {
		return nil
	}
	if i := g.fixing(done); i != nil {
		return i
	}
	return g.kept.interlude(g, done, total)
}

// fixing returns the asking of the questions of a static game that are to be fixed now.
func (g *Game) fixing(done int) *rl.Interlude {
	if g.Config.Static == "none" || g.static != nil || done > 0 {
		return nil
	}
	if g.Config.Static == "truth" {
		return &rl.Interlude{End: func([]error) (*runner.Report, error) { return g.fix(g.trueQuestions()) }}
	}
	items := g.ahead(forStatic, g.sampler, g.clusters, g.Config.StaticAsked)
	return &rl.Interlude{Players: players(items), End: func(errs []error) (*runner.Report, error) {
		return g.fix(g.surveyed("static", items, errs, func(right, _ int) bool { return right > 0 }))
	}}
}

// fix takes the questions over that a survey keeps.
func (g *Game) fix(s *survey) (*runner.Report, error) {
	fixed, err := newStatic(&g.Config, s.questions)
	if err != nil {
		return nil, err
	}
	g.static = fixed
	var rep *runner.Report
	rep, g.written = s.report(g, g.clusters, g.written)
	return rep, nil
}

// trueQuestions asks a judge for as many questions as the model would be asked for.
func (g *Game) trueQuestions() *survey {
	s := &survey{For: "static"}
	seen := map[string]bool{}
	for i, what := range g.ahead(forStatic, g.sampler, g.clusters, g.Config.StaticAsked) {
		s.Asked.Drawn++
		random := rng.At(g.Config.Seed, rng.Ahead, forTruth, uint64(i), 0)
		q, ok := g.Judge.(Asker).Ask(what.from.name, what.Task, random)
		if !ok {
			s.Asked.Skipped++
			continue
		}
		what.question, what.verdict = q, task.OK
		if key := g.questionKey(what); seen[key] {
			s.Asked.Repeated++
		} else {
			seen[key] = true
			s.add(g, what.from, fixedOf(what.Item, q))
		}
	}
	return s
}
