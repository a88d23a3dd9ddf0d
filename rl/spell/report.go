package spell

import (
	"fmt"
	"strings"

	"spell/model/rollout"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
)

// A Report is what one step did, a line of metrics.jsonl. Shares are NaN-free: of nothing they are
// 0.
type Report struct {
	Step     int               `json:"step"`
	Rounds   int               `json:"rounds"`
	Counts   curriculum.Counts `json:"questions"`        // what became of them, by cause
	Failed   int               `json:"failed,omitempty"` // questions that met an error
	Roles    []RoleReport      `json:"roles"`
	PassRate float64           `json:"pass_rate"` // mean share of answers rewarded, over questions answered
	RuleRate float64           `json:"rule_rate"` // mean share of answers the rule accepts
	Agree    float64           `json:"agree"`     // share of votes' majorities that agree with the rule
	Cut      int               `json:"cut"`       // outputs that met their limit
	Distinct int               `json:"distinct"`  // different questions among those that parse
	Truth    *Truth            `json:"truth,omitempty"`
	Update   rl.Update         `json:"update"`
}

// A RoleReport is what a role did, over all its samples but those of questions that met an error.
type RoleReport struct {
	Role    role.Role `json:"role"`
	Samples int       `json:"samples"`
	Reward  float64   `json:"reward"` // mean
	Length  float64   `json:"length"` // mean, tokens
	Cut     int       `json:"cut"`    // samples that met their limit
}

// add counts a sample.
func (r *RoleReport) add(s *rl.Sample) {
	r.Samples++
	r.Reward += s.Reward
	r.Length += float64(len(s.LogProbs))
	if s.Finish == rollout.Length {
		r.Cut++
	}
}

// report sums the step up.
func (g *Game) report(u *rl.Update) *Report {
	rep := &Report{Step: g.step + 1, Update: *u}
	for r := range role.Role(role.NumRoles) {
		rep.Roles = append(rep.Roles, RoleReport{Role: r})
	}
	if g.Judge != nil {
		rep.Truth = &Truth{}
	}
	var m means
	distinct := map[string]bool{}
	for _, it := range g.items {
		rep.Rounds = max(rep.Rounds, it.round+1)
		if it.failed != nil {
			rep.Counts.Drawn++
			rep.Failed++
			continue
		}
		rep.Roles[role.Questioner].add(&it.asked)
		g.reportQuestion(rep, it, &m)
		if it.verdict == task.OK {
			distinct[g.clusters[it.Cluster].name+"\x00"+it.question.Text] = true
		}
		for _, a := range it.answers {
			g.reportAnswer(rep, it, a, &m)
		}
	}
	for i := range rep.Roles {
		r := &rep.Roles[i]
		r.Reward, r.Length = ratio(r.Reward, float64(r.Samples)), ratio(r.Length, float64(r.Samples))
		rep.Cut += r.Cut
	}
	rep.PassRate, rep.RuleRate, rep.Agree = ratio(m.rates, m.answered), ratio(m.rules, m.answers),
		ratio(m.agree, m.ballots)
	rep.Distinct = len(distinct)
	if t := rep.Truth; t != nil {
		t.Drawn, t.Parsed = rep.Counts.Drawn, rep.readable()
	}
	return rep
}

// readable returns the number of questions that could be read.
func (rep *Report) readable() int {
	return rep.Counts.Drawn - rep.Counts.BadFormat - rep.Counts.Skipped - rep.Failed
}

// means are sums that a report's shares are made of.
type means struct{ answered, rates, rules, answers, agree, ballots float64 }

// reportQuestion counts what became of a question.
func (g *Game) reportQuestion(rep *Report, it *item, m *means) {
	c := &rep.Counts
	c.Parsed(it.verdict)
	switch {
	case it.verdict != task.OK:
		return
	case it.tooLong:
		c.TooLong++
	case it.outcome == reward.Ungrounded:
		c.Ungrounded++
	default:
		c.Answered(it.passes, len(it.answers))
		m.answered++
		m.rates += ratio(float64(it.passes), float64(len(it.answers)))
	}
	if g.Judge == nil {
		return
	}
	right, known := g.Judge.Right(g.clusters[it.Cluster].name, it.Task, it.question)
	if known {
		rep.Truth.Known++
	}
	if right {
		rep.Truth.Right++
	}
}

// reportAnswer counts an answer and the votes on it.
func (g *Game) reportAnswer(rep *Report, it *item, a *answer, m *means) {
	rep.Roles[role.Responder].add(&a.Sample)
	m.answers++
	if a.rule {
		m.rules++
	}
	if len(a.votes) == 0 {
		return
	}
	for _, v := range a.votes {
		rep.Roles[role.Verifier].add(&v.Sample)
	}
	if !g.Config.EarlyVotes || a.fate == curriculum.VoteDisagrees { // the others ask for the votes that were dropped
		rep.Counts.Voted(a.fate)
	}
	m.ballots++
	majority := a.tally.Majority()
	if majority == a.rule {
		m.agree++
	}
	if g.Judge == nil {
		return
	}
	same := g.Judge.Same(it.Task, a.prediction, it.question.Answer)
	if majority {
		rep.Truth.Accepted++
	}
	if same {
		rep.Truth.Same++
	}
	if same && majority {
		rep.Truth.AcceptedRight++
	}
}

// String returns the step as one line for a terminal: what became of the questions, the mean rewards of
// questioner, responder and verifier, the verifier's precision and recall if the truth is known, and
// what was trained. A stage that loses no question is left out.
func (rep *Report) String() string {
	c := &rep.Counts
	var s strings.Builder
	fmt.Fprintf(&s, "step %-3d  %d asked", rep.Step, c.Drawn)
	last, read := c.Drawn, rep.readable()
	for _, stage := range []struct {
		n    int
		what string
	}{{read, "readable"}, {read - c.TooLong - c.Ungrounded, "answered"}} {
		if stage.n != last {
			fmt.Fprintf(&s, " → %d %s", stage.n, stage.what)
		}
		last = stage.n
	}
	fmt.Fprintf(&s, " → %d good", c.Good)
	for _, d := range []struct {
		n    int
		what string
	}{{c.BadFormat, "bad format"}, {c.Skipped, "skipped"}, {c.TooLong, "too long"}, {c.Ungrounded, "ungrounded"},
		{c.AllWrong, "all wrong"}, {c.AllRight, "all right"}, {rep.Failed, "failed"}} {
		if d.n > 0 {
			fmt.Fprintf(&s, ", %d %s", d.n, d.what)
		}
	}
	fmt.Fprintf(&s, "  pass %.0f%%  reward %.2f %.2f %.2f", 100*rep.PassRate,
		rep.Roles[role.Questioner].Reward, rep.Roles[role.Responder].Reward, rep.Roles[role.Verifier].Reward)
	if rep.Truth != nil {
		t := rep.Truth
		fmt.Fprintf(&s, "  true %.0f%%  verifier %.0f/%.0f%%",
			100*ratio(float64(t.Right), float64(t.Parsed)), 100*t.Precision(), 100*t.Recall())
	}
	rep.cut(&s)
	u := &rep.Update
	if !u.Trained() {
		s.WriteString("  nothing to train on: weights unchanged")
		return s.String()
	}
	var trained []string
	for _, p := range u.Parts {
		trained = append(trained, fmt.Sprint(p.Sequences))
	}
	fmt.Fprintf(&s, "  trained %s samples  grad %.3f  entropy %.2f  |Δlogp| %.3g", strings.Join(trained, "+"),
		u.GradNorm, u.Entropy, u.MaxLogpDiff)
	if u.MeanLogpDiff > 0 {
		fmt.Fprintf(&s, " mean %.2g", u.MeanLogpDiff)
	}
	return s.String()
}

// cut says which outputs met their limits, if more than a few did.
func (rep *Report) cut(s *strings.Builder) {
	for _, r := range rep.Roles {
		if 20*r.Cut > r.Samples {
			field := [...]string{"max_question", "max_answer", "max_vote"}[r.Role]
			fmt.Fprintf(s, "  %d of %d outputs of the %v cut at %s", r.Cut, r.Samples, r.Role, field)
		}
	}
}
