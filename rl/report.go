package rl

import (
	"fmt"
	"strings"

	"spell/model/rollout"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
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

// Truth compares questions and votes with what is true, where a Judge knows. It holds counts, so
// that those of several steps add up.
type Truth struct {
	Drawn         int `json:"drawn"`          // questions asked for
	Parsed        int `json:"parsed"`         // of these, readable
	Known         int `json:"known"`          // readable ones about facts of the cluster
	Right         int `json:"right"`          // readable ones whose reference answer is true
	Accepted      int `json:"accepted"`       // answers with a YES majority
	Same          int `json:"same"`           // answers voted on that mean the reference
	AcceptedRight int `json:"accepted_right"` // answers that mean the reference, with a YES majority
}

// Add adds the counts of other.
func (t *Truth) Add(other *Truth) {
	t.Drawn += other.Drawn
	t.Parsed += other.Parsed
	t.Known += other.Known
	t.Right += other.Right
	t.Accepted += other.Accepted
	t.Same += other.Same
	t.AcceptedRight += other.AcceptedRight
}

// Precision is the share of YES majorities on answers that mean the reference.
func (t *Truth) Precision() float64 { return ratio(float64(t.AcceptedRight), float64(t.Accepted)) }

// Recall is the share of answers that mean the reference with a YES majority.
func (t *Truth) Recall() float64 { return ratio(float64(t.AcceptedRight), float64(t.Same)) }

// String gives the shares as one line of prose.
func (t *Truth) String() string {
	parsed := float64(t.Parsed)
	return fmt.Sprintf("%d questions: %.0f%% readable, of these %.0f%% about facts of the documents, %.0f%% with a true answer; verifier precision %.0f%%, recall %.0f%%",
		t.Drawn, 100*ratio(parsed, float64(t.Drawn)), 100*ratio(float64(t.Known), parsed), 100*ratio(float64(t.Right), parsed),
		100*t.Precision(), 100*t.Recall())
}

// ratio is a/b, 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// report sums a step up.
func (r *Run) report(b *batch, u Update) *Report {
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
	var truth Truth
	distinct := map[string]bool{}
	for _, it := range b.items {
		rep.Rounds = max(rep.Rounds, it.round+1)
		add(role.Questioner, &it.asked)
		c := &rep.Counts
		c.Parsed(it.verdict)
		switch {
		case it.verdict != task.OK:
		case it.tooLong:
			c.TooLong++
		case it.outcome == reward.Ungrounded:
			c.Ungrounded++
		default:
			c.Answered(it.passes, len(it.answers))
			answered++
			rates += ratio(float64(it.passes), float64(len(it.answers)))
		}
		if it.verdict == task.OK {
			distinct[r.clusters[it.Cluster].name+"\x00"+it.question.Text] = true
			if r.Judge != nil {
				ok, about := r.Judge.Right(r.clusters[it.Cluster].name, it.Task, it.question)
				if about {
					truth.Known++
				}
				if ok {
					truth.Right++
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
			if !r.Config.EarlyVotes || a.fate == curriculum.VoteDisagrees { // the others ask for the votes that were dropped
				c.Voted(a.fate)
			}
			ballots++
			if a.tally.Majority() == a.rule {
				agree++
			}
			if r.Judge != nil {
				means := r.Judge.Same(it.Task, a.prediction, it.question.Answer)
				if a.tally.Majority() {
					truth.Accepted++
				}
				if means {
					truth.Same++
				}
				if means && a.tally.Majority() {
					truth.AcceptedRight++
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
		c := &rep.Counts
		truth.Drawn, truth.Parsed = c.Drawn, c.Drawn-c.BadFormat-c.Skipped
		rep.Truth = &truth
	}
	return rep
}

// String is the step as one line for a terminal.
func (rep *Report) String() string {
	c := &rep.Counts
	var s strings.Builder
	read := c.Drawn - c.BadFormat - c.Skipped
	fmt.Fprintf(&s, "step %d  questions %d asked → %d readable → %d answered → %d good", rep.Step, c.Drawn, read, read-c.TooLong-c.Ungrounded, c.Good)
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
		t := rep.Truth
		fmt.Fprintf(&s, "  true %.0f%%  verifier precision %.0f%% recall %.0f%%", 100*ratio(float64(t.Right), float64(t.Parsed)), 100*t.Precision(), 100*t.Recall())
	}
	u := &rep.Update
	if u.Tokens == [role.NumRoles]int{} {
		s.WriteString("  nothing to train on: weights unchanged")
	} else {
		fmt.Fprintf(&s, "  trained %d+%d+%d samples  grad %.3f  entropy %.2f  |Δlogp| %.3g", u.Sequences[0], u.Sequences[1], u.Sequences[2], u.GradNorm, u.Entropy, u.MaxLogpDiff)
		if u.MeanLogpDiff > 0 {
			fmt.Fprintf(&s, " mean %.2g", u.MeanLogpDiff)
		}
	}
	return s.String()
}
