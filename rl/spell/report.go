package spell

import (
	"fmt"
	"strconv"
	"strings"

	"spell/model/rollout"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/plural"
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
	Distinct int               `json:"distinct"`  // different questions among those that could be read
	Truth    *Truth            `json:"truth,omitempty"`
	Update   rl.Update         `json:"update"`
}

// A RoleReport is what a role did, over all its samples but those of questions that met an error.
type RoleReport struct {
	Role    role.Role `json:"role"`
	Samples int       `json:"samples"`
	Reward  float64   `json:"reward"` // mean, over those that were judged
	Length  float64   `json:"length"` // mean, tokens
	Cut     int       `json:"cut"`    // samples that met their limit

	judged int // samples
}

// add counts a sample.
func (r *RoleReport) add(s *rl.Sample, judged bool) {
	r.Samples++
	if judged {
		r.judged++
		r.Reward += s.Reward
	}
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
	distinct := map[uint64]bool{}
	for _, it := range g.items {
		rep.Rounds = max(rep.Rounds, it.round+1)
		if it.failed != nil {
			rep.Counts.Drawn++
			rep.Failed++
			continue
		}
		rep.Roles[role.Questioner].add(&it.asked, it.judged())
		g.reportQuestion(rep, it, &m)
		if it.verdict == task.OK {
			distinct[g.hash(it)] = true
		}
		for _, a := range it.answers {
			g.reportAnswer(rep, it, a, &m)
		}
	}
	for i := range rep.Roles {
		r := &rep.Roles[i]
		r.Reward, r.Length = ratio(r.Reward, float64(r.judged)), ratio(r.Length, float64(r.Samples))
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
	case it.repeated:
		c.Repeated++
	case it.outcome == reward.Ungrounded:
		c.Ungrounded++
	default:
		if it.dropped() {
			c.Contradicted++
		} else {
			c.Answered(it.points, it.most())
		}
		m.answered++
		m.rates += ratio(float64(it.points), float64(it.most()))
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
	rep.Roles[role.Responder].add(&a.Sample, true)
	m.answers++
	if a.rule {
		m.rules++
	}
	if len(a.votes) == 0 {
		return
	}
	if a.votedOn() {
		for _, v := range a.votes {
			rep.Roles[role.Verifier].add(&v.Sample, true)
		}
		// The other fates ask for the votes that early ones drop.
		if !g.Config.EarlyVotes || a.fate == curriculum.VoteDisagrees {
			rep.Counts.Voted(a.fate)
		}
	}
	m.ballots++
	majority := a.decision == reward.Accepted
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

// String returns the step as one line, what matters most first: how many questions were asked, could be
// read and have answers to learn from, the mean pass rate, the share of true questions if the truth is
// known, and remarks. Then come the fates of the other questions, the mean rewards of questioner,
// responder and verifier, the verifier's precision and recall, and what was trained.
func (rep *Report) String() string {
	c := &rep.Counts
	width := len(strconv.Itoa(c.Drawn))
	parts := []string{fmt.Sprintf("step %-3d", rep.Step),
		fmt.Sprintf("%d asked, %*d readable, %*d good", c.Drawn, width, rep.readable(), width, c.Good),
		fmt.Sprintf("pass %3.0f%%", 100*rep.PassRate)}
	if t := rep.Truth; t != nil {
		parts = append(parts, fmt.Sprintf("true %3.0f%%", 100*ratio(float64(t.Right), float64(t.Parsed))))
	}
	parts = append(parts, rep.Remarks()...)
	if others := rep.others(); others != "" {
		parts = append(parts, others)
	}
	parts = append(parts, fmt.Sprintf("reward %.2f %.2f %.2f", rep.Roles[role.Questioner].Reward,
		rep.Roles[role.Responder].Reward, rep.Roles[role.Verifier].Reward))
	if t := rep.Truth; t != nil {
		parts = append(parts, fmt.Sprintf("verifier %.0f/%.0f%%", 100*t.Precision(), 100*t.Recall()))
	}
	return strings.Join(append(parts, rep.trained()...), "  ")
}

// others says what became of questions that are not good.
func (rep *Report) others() string {
	c := &rep.Counts
	var parts []string
	for _, d := range []struct {
		n    int
		what string
	}{{c.BadFormat, "bad format"}, {c.Skipped, "skipped"}, {c.TooLong, "too long"}, {c.Repeated, "repeated"},
		{c.Ungrounded, "ungrounded"}, {c.Contradicted, "contradicted"},
		{c.AllWrong, "all wrong"}, {c.AllRight, "all right"}, {rep.Failed, "failed"}} {
		if d.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", d.n, d.what))
		}
	}
	return strings.Join(parts, ", ")
}

// trained says what the update was made of, if there was one.
func (rep *Report) trained() []string {
	u := &rep.Update
	if !u.Trained() {
		return nil
	}
	var sequences []string
	for _, p := range u.Parts {
		sequences = append(sequences, fmt.Sprint(p.Sequences))
	}
	diff := fmt.Sprintf("|Δlogp| %.3g", u.MaxLogpDiff)
	if u.MeanLogpDiff > 0 {
		diff += fmt.Sprintf(" mean %.2g", u.MeanLogpDiff)
	}
	all := []string{fmt.Sprintf("entropy %.2f", u.Entropy), fmt.Sprintf("grad %.3f", u.GradNorm),
		fmt.Sprintf("trained %s samples", strings.Join(sequences, "+")), diff}
	if u.Experts != nil {
		all = append(all, u.Experts.String())
	}
	return all
}

// Remarks returns what should be noticed: that nothing trained, and which outputs met their limits, if
// more than a few did.
func (rep *Report) Remarks() (all []string) {
	if !rep.Update.Trained() {
		all = append(all, "nothing to train on: weights unchanged")
	}
	for _, r := range rep.Roles {
		if 20*r.Cut > r.Samples {
			field := [...]string{"max_question", "max_answer", "max_vote"}[r.Role]
			all = append(all, fmt.Sprintf("%d of %s of the %v cut at %s", r.Cut, plural.Of(r.Samples, "output"), r.Role,
				field))
		}
	}
	return all
}
