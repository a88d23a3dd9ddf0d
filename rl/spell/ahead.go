package spell

import (
	"fmt"
	"strings"

	"spell/rl/curriculum"
	"spell/rl/play"
	"spell/rl/plural"
	"spell/rl/reward"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tensor/rng"
)

// What interludes are for.
const (
	forStatic = iota
	forTruth
	forKeptOut
	forKeptAnswers // the answers to these
)

// ahead returns n items that ask questions ahead of the first step, of the clusters that a sampler has, in turn; 0 is
// one for each cluster of each domain.
func (g *Game) ahead(use int, s *curriculum.Sampler, clusters []cluster, n int) []*item {
	s = s.Fresh()
	var drawn []curriculum.Item
	if n == 0 {
		drawn = s.Draw(s.Whole())
	}
	for len(drawn) < n {
		drawn = append(drawn, s.Draw(n-len(drawn))...)
	}
	nothing := curriculum.NewMemory(g.Config.memory())
	var items []*item
	for i, what := range drawn {
		random := rng.At(g.Config.Seed, rng.Ahead, uint64(use), uint64(i), 0)
		it := g.asking(what, &clusters[what.Cluster], nothing, random, random)
		it.place, it.index, it.keys = i, i, keysOf(0, use, true)
		items = append(items, it)
	}
	return items
}

// players are items as the loop plays them.
func players(items []*item) []play.Player {
	all := make([]play.Player, len(items))
	for i, it := range items {
		all[i] = it
	}
	return all
}

// A fixedQuestion is one that is asked as it is, again and again.
type fixedQuestion struct {
	Task    task.Task `json:"task"`
	Cluster int       `json:"cluster"` // its number
	Text    string    `json:"text"`
	Options []string  `json:"options,omitempty"`
	Answer  string    `json:"answer"`
	Right   int       `json:"right"`   // answers that the rule accepted when it was asked
	Answers int       `json:"answers"` // of so many
}

// fixedOf returns a question as it is kept.
func fixedOf(what curriculum.Item, q task.Question) fixedQuestion {
	return fixedQuestion{Task: what.Task, Cluster: what.Cluster, Text: q.Text, Options: q.Options, Answer: q.Answer}
}

// check returns an error if no question of the clusters is so.
func (f *fixedQuestion) check(clusters []cluster) error {
	options := 0
	if f.Task.NeedsLetter() {
		options = len(task.Letters)
	}
	if f.Cluster < 0 || f.Cluster >= len(clusters) || f.Text == "" || len(f.Options) != options {
		return fmt.Errorf("%q, with %d options, is asked of cluster %d of %d: the checkpoint is damaged", f.Text,
			len(f.Options), f.Cluster, len(clusters))
	}
	return nil
}

// question returns it as prompts show it.
func (f *fixedQuestion) question() task.Question {
	return task.Question{Text: f.Text, Options: f.Options, Answer: f.Answer}
}

// A fixedLine is a line of questions.jsonl: a question with its cluster by name.
type fixedLine struct {
	Step int    `json:"step"`
	For  string `json:"for"`
	Name string `json:"cluster"`
	fixedQuestion
}

// A survey is what became of questions that were asked ahead of the first step, a line of metrics.jsonl.
type survey struct {
	Step  int               `json:"step"`
	For   string            `json:"for"`
	Asked curriculum.Counts `json:"asked"` // by what became of them; answers are right by the rule alone
	Kept  int               `json:"kept"`
	Truth *surveyTruth      `json:"truth,omitempty"`

	Failed    int             `json:"failed,omitempty"` // that met an error
	questions []fixedQuestion // that are kept
	items     []*item         // that asked all of them
}

// A surveyTruth compares the questions that are kept with what is true.
type surveyTruth struct {
	Known int `json:"known"` // about facts of the cluster
	Right int `json:"right"` // with a true answer
}

// surveyed returns what items came to that asked ahead: questions that could be read, are not answered without
// documents, and of whose answers keep says that enough are right. errs is as in Reward.
func (g *Game) surveyed(purpose string, items []*item, errs []error, keep func(right, answers int) bool) *survey {
	s := &survey{For: purpose, items: items}
	seen := map[string]bool{}
	for i, it := range items {
		c := &s.Asked
		if it.failed = errs[i]; it.failed != nil {
			c.Drawn++
			s.Failed++
			continue
		}
		c.Parsed(it.verdict)
		switch key := ""; {
		case it.verdict != task.OK:
		case it.tooLong:
			c.TooLong++
		case it.outcome == reward.Ungrounded:
			c.Ungrounded++
		default:
			if key = g.questionKey(it); seen[key] {
				c.Repeated++
				it.repeated = true
				continue
			}
			seen[key] = true
			f := fixedOf(it.Item, it.question)
			for _, a := range it.answers {
				f.Answers++
				if a.rule {
					f.Right++
					it.points += reward.MaxPoints
				}
			}
			c.Answered(f.Right, f.Answers)
			if it.kept = keep(f.Right, f.Answers); it.kept {
				s.add(g, it.from, f)
			}
		}
	}
	return s
}

// add keeps a question.
func (s *survey) add(g *Game, from *cluster, f fixedQuestion) {
	s.questions = append(s.questions, f)
	s.Kept++
	if g.Judge == nil {
		return
	}
	if s.Truth == nil {
		s.Truth = &surveyTruth{}
	}
	right, known := g.Judge.Right(from.name, f.Task, f.question())
	if known {
		s.Truth.Known++
	}
	if right {
		s.Truth.Right++
	}
}

// report returns the survey with the kept questions as questions.jsonl has them, and with all that was asked and said.
// written and now are as in transcribe.
func (s *survey) report(g *Game, clusters []cluster, written bitset) (rep *runner.Report, now bitset) {
	rep = &runner.Report{Metrics: s, Always: true}
	for _, f := range s.questions {
		rep.Questions = append(rep.Questions, fixedLine{s.Step, s.For, clusters[f.Cluster].name, f})
	}
	rep.Transcript, now = g.transcribe(s.items, Record{Step: s.Step, For: s.For}, written)
	return rep, now
}

// String says how many questions were asked and kept, and what became of the others.
func (s *survey) String() string {
	parts := []string{fmt.Sprintf("%s asked for %s, %d kept", plural.Of(s.Asked.Drawn, "question"),
		strings.ReplaceAll(s.For, "_", " "), s.Kept)}
	if t := s.Truth; t != nil {
		parts = append(parts, fmt.Sprintf("true %3.0f%%", 100*ratio(float64(t.Right), float64(s.Kept))))
	}
	rep := Report{Counts: s.Asked, Failed: s.Failed}
	if others := rep.others(); others != "" {
		parts = append(parts, others)
	}
	return strings.Join(parts, "  ")
}
