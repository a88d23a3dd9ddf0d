package rl

import (
	"fmt"
	"strings"

	"spell/model/rollout"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
)

// A Report is what one step did, a line of metrics.jsonl. Shares are NaN-free: of nothing they
// are 0.
type Report struct {
	Step     int                    `json:"step"`
	Rounds   int                    `json:"rounds"`
	Counts   curriculum.Counts      `json:"questions"` // what became of them, by cause
	Reward   [role.NumRoles]float64 `json:"reward"`    // mean over all samples of a role
	PassRate float64                `json:"pass_rate"` // mean share of answers rewarded, over questions answered
	RuleRate float64                `json:"rule_rate"` // mean share of answers the rule accepts
	Agree    float64                `json:"agree"`     // share of votes' majorities that agree with the rule
	Length   [role.NumRoles]float64 `json:"length"`    // mean tokens of a sample
	Cut      int                    `json:"cut"`       // outputs that met the limit
	Distinct int                    `json:"distinct"`  // different questions among those that parse
	Truth    *Truth                 `json:"truth,omitempty"`
	Update   Update                 `json:"update"`
}

// Truth compares a step with what is true, where a Judge knows.
type Truth struct {
	Known     float64 `json:"known"`     // share of parsed questions about facts of the cluster
	Right     float64 `json:"right"`     // share of parsed questions whose reference answer is true
	Precision float64 `json:"precision"` // share of YES majorities on answers that mean the reference
	Recall    float64 `json:"recall"`    // share of answers that mean the reference with a YES majority
}

// ratio is a/b, 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// report sums a step up.
func (r *Run) report(b *batch, _ []group, u Update) *Report {
	rep := &Report{Step: r.step, Update: u}
	var n [role.NumRoles]float64
	add := func(which role.Role, s *sample) {
		n[which]++
		rep.Reward[which] += s.reward
		rep.Length[which] += float64(len(s.logp))
		if s.finish == rollout.Length {
			rep.Cut++
		}
	}
	var answered, rates, rules, answers, agree, ballots float64
	var parsed, known, right, yes, yesRight, same float64
	distinct := map[string]bool{}
	for _, it := range b.items {
		rep.Rounds = max(rep.Rounds, it.round+1)
		add(role.Questioner, &it.asked)
		c := &rep.Counts
		c.Parsed(it.verdict)
		switch {
		case it.verdict != role.OK:
		case it.tooLong:
			c.TooLong++
		case it.outcome == reward.Ungrounded:
			c.Ungrounded++
		default:
			c.Answered(it.passes, len(it.answers))
			answered++
			rates += ratio(float64(it.passes), float64(len(it.answers)))
		}
		if it.verdict == role.OK {
			parsed++
			distinct[r.clusters[it.Cluster].name+"\x00"+it.question.Text] = true
			if r.Judge != nil {
				ok, about := r.Judge.Right(r.clusters[it.Cluster].name, it.Task, it.question)
				if about {
					known++
				}
				if ok {
					right++
				}
			}
		}
		for _, a := range it.answers {
			add(role.Responder, &a.sample)
			answers++
			if a.rule {
				rules++
			}
			if len(a.votes) == 0 {
				continue
			}
			c.Voted(a.fate)
			ballots++
			if a.tally.Majority() == a.rule {
				agree++
			}
			if r.Judge != nil {
				means := r.Judge.Same(it.Task, a.prediction, it.question.Answer)
				if a.tally.Majority() {
					yes++
				}
				if means {
					same++
				}
				if means && a.tally.Majority() {
					yesRight++
				}
			}
			for _, v := range a.votes {
				add(role.Verifier, &v.sample)
			}
		}
	}
	for i := range n {
		rep.Reward[i], rep.Length[i] = ratio(rep.Reward[i], n[i]), ratio(rep.Length[i], n[i])
	}
	rep.PassRate, rep.RuleRate, rep.Agree, rep.Distinct = ratio(rates, answered), ratio(rules, answers), ratio(agree, ballots), len(distinct)
	if r.Judge != nil {
		rep.Truth = &Truth{Known: ratio(known, parsed), Right: ratio(right, parsed), Precision: ratio(yesRight, yes), Recall: ratio(yesRight, same)}
	}
	return rep
}

// String is the step as one line for a terminal.
func (rep *Report) String() string {
	c := &rep.Counts
	var s strings.Builder
	fmt.Fprintf(&s, "step %d  questions %d → %d good", rep.Step, c.Drawn, c.Good)
	for _, d := range []struct {
		n    int
		what string
	}{{c.BadFormat, "bad format"}, {c.Skipped, "skipped"}, {c.TooLong, "too long"}, {c.Ungrounded, "ungrounded"}, {c.AllWrong, "all wrong"}, {c.AllRight, "all right"}} {
		if d.n > 0 {
			fmt.Fprintf(&s, ", %d %s", d.n, d.what)
		}
	}
	fmt.Fprintf(&s, "  pass %.0f%%  reward q %.2f r %.2f v %.2f", 100*rep.PassRate, rep.Reward[role.Questioner], rep.Reward[role.Responder], rep.Reward[role.Verifier])
	if rep.Truth != nil {
		fmt.Fprintf(&s, "  true %.0f%%  verifier precision %.0f%% recall %.0f%%", 100*rep.Truth.Right, 100*rep.Truth.Precision, 100*rep.Truth.Recall)
	}
	u := &rep.Update
	if u.Tokens == [role.NumRoles]int{} {
		s.WriteString("  nothing to train on: weights unchanged")
	} else {
		fmt.Fprintf(&s, "  trained %d+%d+%d samples  grad %.3f  entropy %.2f  |Δlogp| %g", u.Sequences[0], u.Sequences[1], u.Sequences[2], u.GradNorm, u.Entropy, u.MaxLogpDiff)
	}
	return s.String()
}
