package spell

import (
	"fmt"
	"slices"
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
	Step   int               `json:"step" doc:"the step, from 1"`
	Rounds int               `json:"rounds" doc:"rounds of play"`
	Counts curriculum.Counts `json:"questions" doc:"what became of them, by cause, and of the votes on answers"`
	Failed int               `json:"failed,omitempty" doc:"questions that met an error"`
	Kinds  []KindReport      `json:"kinds" doc:"by kind of questions"`
	Roles  []RoleReport      `json:"roles" doc:"by role, over all its samples but those of questions that met an error"`

	PassRate float64 `json:"pass_rate" doc:"share of answers rewarded, mean over questions answered; 1 less it is their difficulty"`
	RuleRate float64 `json:"rule_rate" doc:"share of answers that the rule accepts"`

	Agree       float64 `json:"agree" doc:"share of the answers voted on whose majority is of the rule's opinion; 1 less it is the disagreement"`
	VotesAlone  int     `json:"votes_alone" doc:"answers that the votes accept and the rule does not"`
	RuleAlone   int     `json:"rule_alone" doc:"answers that the rule accepts and the votes do not"`
	VoteEntropy float64 `json:"vote_entropy" doc:"of an answer's votes over yes, no and invalid, mean over the answers voted on, nats"`

	Cut        int     `json:"cut" doc:"outputs that met their limit"`
	Distinct   int     `json:"distinct" doc:"different questions of the step among those that could be read"`
	Duplicates float64 `json:"duplicates" doc:"share of the questions that could be read that the run had asked before"`

	Seen    []SeenReport `json:"seen,omitempty" doc:"questions by the number of documents that the questioner saw, where the truth is known"`
	History History      `json:"history" doc:"the memory of earlier questions"`
	Truth   *Truth       `json:"truth,omitempty" doc:"counts of what is true, on documents whose truth is known: the generated world"`
	Update  rl.Update    `json:"update" doc:"what the policy learned from"`
}

// A KindReport is what became of the questions of a kind.
type KindReport struct {
	Name     task.Task `json:"name" doc:"of the kind"`
	Drawn    int       `json:"drawn" doc:"questions asked for"`
	Readable int       `json:"readable" doc:"those that could be read"`
	Answered int       `json:"answered" doc:"those that were answered over all documents"`
	Good     int       `json:"good" doc:"those with right and wrong answers"`
	Trained  int       `json:"trained" doc:"those whose answers trained"`
	Reward   float64   `json:"reward" doc:"of the questioner, mean over those that were judged"`
	PassRate float64   `json:"pass_rate" doc:"share of answers rewarded, mean over questions answered"`
	Agree    float64   `json:"agree" doc:"share of the answers voted on whose majority is of the rule's opinion"`
	Right    *int      `json:"right,omitempty" doc:"readable ones whose reference answer is true, if that is known"`
}

// A SeenReport is what is true of the questions that were asked over so many documents.
type SeenReport struct {
	Docs     int `json:"docs" doc:"that the questioner saw"`
	Readable int `json:"readable" doc:"questions that could be read"`
	Right    int `json:"right" doc:"those whose reference answer is true"`
}

// see counts a question asked over so many documents.
func (rep *Report) see(docs int, right bool) {
	at, found := slices.BinarySearchFunc(rep.Seen, docs, func(s SeenReport, n int) int { return s.Docs - n })
	if !found {
		rep.Seen = slices.Insert(rep.Seen, at, SeenReport{Docs: docs})
	}
	rep.Seen[at].Readable++
	if right {
		rep.Seen[at].Right++
	}
}

// History is what questioners saw of earlier questions, means over all of the step that met no error.
type History struct {
	HitRate  float64 `json:"hit_rate" doc:"share of questioners that saw remembered questions"`
	Shown    float64 `json:"shown" doc:"remembered questions that a questioner saw, mean"`
	Docs     float64 `json:"docs" doc:"documents that a questioner saw, mean"`
	New      float64 `json:"new_docs" doc:"of these, that no remembered question was asked over, mean"`
	Admitted int     `json:"admitted" doc:"questions of the step that were remembered"`
	Held     int     `json:"held" doc:"questions remembered after the step"`
}

// A RoleReport is what a role did.
type RoleReport struct {
	Role    role.Role `json:"role" doc:"its name"`
	Samples int       `json:"samples" doc:"its outputs"`
	Reward  float64   `json:"reward" doc:"mean over those that were judged"`
	Prompt  float64   `json:"prompt" doc:"tokens of the prompt, mean over the outputs"`
	Length  float64   `json:"length" doc:"tokens of the output, mean"`
	Share   float64   `json:"share" doc:"of the tokens of all roles' outputs"`
	Cut     int       `json:"cut" doc:"outputs that met their limit"`

	judged int // samples
}

// add counts a sample.
func (r *RoleReport) add(s *rl.Sample, judged bool) {
	r.Samples++
	if judged {
		r.judged++
		r.Reward += s.Reward
	}
	if s.Forest != nil {
		r.Prompt += float64(s.Forest[s.Segment].Pos)
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
	for _, t := range g.Config.Tasks {
		k := KindReport{Name: t}
		if g.Judge != nil {
			k.Right = new(int)
		}
		rep.Kinds = append(rep.Kinds, k)
	}
	m := means{kinds: make([]kindMeans, len(rep.Kinds))}
	asked := questionSet{}
	for _, it := range g.items {
		rep.Rounds = max(rep.Rounds, it.round+1)
		if it.failed != nil {
			rep.Counts.Drawn++
			rep.Failed++
			continue
		}
		if !it.fixed {
			rep.Roles[role.Questioner].add(&it.asked, it.judged())
		}
		g.reportQuestion(rep, it, &m)
		g.reportView(&rep.History, it)
		if it.verdict == task.OK {
			hash := g.hash(it)
			if g.total.Seen[hash] || asked[hash] {
				m.duplicates++
			}
			asked[hash] = true
		}
		for _, a := range it.answers {
			g.reportAnswer(rep, it, a, &m)
		}
	}
	m.write(rep)
	rep.Distinct, rep.Duplicates = len(asked), ratio(m.duplicates, float64(rep.readable()))
	rep.History.mean(rep.Counts.Drawn - rep.Failed)
	rep.History.Held = g.memory.Len()
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
type means struct {
	kindMeans
	answers, rules, entropy, duplicates float64
	kinds                               []kindMeans
}

// kindMeans are those of one kind of questions, or of all.
type kindMeans struct{ judged, reward, answered, rates, ballots, agree float64 }

// write writes the shares.
func (m *means) write(rep *Report) {
	for i, k := range m.kinds {
		r := &rep.Kinds[i]
		r.Reward, r.PassRate, r.Agree = ratio(k.reward, k.judged), ratio(k.rates, k.answered), ratio(k.agree, k.ballots)
	}
	rep.PassRate, rep.RuleRate = ratio(m.rates, m.answered), ratio(m.rules, m.answers)
	rep.Agree, rep.VoteEntropy = ratio(m.agree, m.ballots), ratio(m.entropy, m.ballots)
	tokens := 0.0
	for _, r := range rep.Roles {
		tokens += r.Length
	}
	for i := range rep.Roles {
		r := &rep.Roles[i]
		n := float64(r.Samples)
		r.Share = ratio(r.Length, tokens)
		r.Reward, r.Prompt, r.Length = ratio(r.Reward, float64(r.judged)), ratio(r.Prompt, n), ratio(r.Length, n)
		rep.Cut += r.Cut
	}
}

// reportView counts what a questioner saw.
func (g *Game) reportView(h *History, it *item) {
	if it.shown > 0 {
		h.HitRate++
	}
	h.Shown += float64(it.shown)
	h.Docs += float64(len(it.view.Docs))
	h.New += float64(len(it.view.New))
	if it.admitted {
		h.Admitted++
	}
}

// mean divides sums over so many questions.
func (h *History) mean(questions int) {
	for _, v := range []*float64{&h.HitRate, &h.Shown, &h.Docs, &h.New} {
		*v = ratio(*v, float64(questions))
	}
}

// reportQuestion counts what became of a question.
func (g *Game) reportQuestion(rep *Report, it *item, m *means) {
	c := &rep.Counts
	c.Parsed(it.verdict)
	at := slices.Index(g.Config.Tasks, it.Task)
	kind, sums := &rep.Kinds[at], &m.kinds[at]
	kind.Drawn++
	if it.judged() {
		sums.judged++
		sums.reward += it.asked.Reward
	}
	if it.verdict == task.OK {
		kind.Readable++
	}
	if slices.ContainsFunc(it.answers, func(a *answer) bool { return a.Trained }) {
		kind.Trained++
	}
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
		kind.Answered++
		if it.good() {
			kind.Good++
		}
		for _, s := range []*kindMeans{&m.kindMeans, sums} {
			s.answered++
			s.rates += ratio(float64(it.points), float64(it.most()))
		}
	}
	if g.Judge == nil {
		return
	}
	right, known := g.Judge.Right(it.from.name, it.Task, it.question)
	rep.see(len(it.view.Docs), right)
	if known {
		rep.Truth.Known++
	}
	if right {
		rep.Truth.Right++
		*kind.Right++
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
	m.entropy += a.tally.Entropy()
	majority := a.decision == reward.Accepted
	for _, s := range []*kindMeans{&m.kindMeans, &m.kinds[slices.Index(g.Config.Tasks, it.Task)]} {
		s.ballots++
		if majority == a.rule {
			s.agree++
		}
	}
	switch {
	case majority == a.rule:
	case majority:
		rep.VotesAlone++
	default:
		rep.RuleAlone++
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
