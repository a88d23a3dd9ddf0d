package curriculum

import (
	"cmp"
	"slices"

	"spell/rl/reward"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Informative reports whether a group of g answers has something to learn from: some are right and
// some wrong. It decides which responder groups train and which questions count as good.
func Informative(passes, g int) bool { return 0 < passes && passes < g }

// VoteFate is what becomes of the votes on one answer.
type VoteFate uint8

const (
	VoteKept      VoteFate = iota
	VoteDisagrees          // the majority contradicts the rule check
	VoteUnanimous          // the valid votes agree, or none is valid: nothing to learn from
	VoteTied               // the valid votes are split evenly, or their winner is not the majority of all
)

// A Filter says which votes train the verifier.
type Filter struct {
	Consistent  bool    // only those whose decision is the rule's, too (maj_cons), not any that are decided (maj)
	Least, Most float64 // share of the winner among the valid votes
}

// Votes decides whether the votes on one answer train the verifier: their decision must be the rule's verdict, if the
// filter asks for that, and the valid ones must have a winner but not agree.
func (f Filter) Votes(t reward.Tally, d reward.Decision, rule bool) VoteFate {
	winner, valid := max(t.Yes, t.No), t.Yes+t.No
	share := float64(winner) / float64(max(1, valid))
	switch accepted := d == reward.Accepted; {
	case f.Consistent && accepted != rule:
		return VoteDisagrees
	case winner == valid:
		return VoteUnanimous
	case d == reward.Undecided, t.Yes == t.No, accepted != (t.Yes > t.No):
		return VoteTied // invalid votes can make a majority that the valid ones are not of
	case share < f.Least:
		return VoteTied
	case share > f.Most:
		return VoteUnanimous
	}
	return VoteKept
}

// Negatives chooses the failed questions that enter the update. good counts the good questions of
// each task, bad lists its failed ones (any cause) by numbers of the caller's. Tasks are served
// from the one with most good questions: each gets ratio × good of its own failed ones at random,
// rounded down, and what it lacks is asked of the next task. The chosen numbers are returned
// ascending. A task without failed questions draws no random number, so that a task which a run
// does not ask changes nothing. If they are fewer than least, others of all tasks are added.
func Negatives(good map[task.Task]int, bad map[task.Task][]int, ratio float64, least int, r *rng.Rand) []int {
	order := task.All()
	slices.SortStableFunc(order, func(a, b task.Task) int { return cmp.Compare(good[b], good[a]) })
	var chosen, rest []int
	want := 0
	for _, t := range order {
		want += int(ratio * float64(good[t]))
		taken := r.Choose(len(bad[t]), want)
		for i, k := range bad[t] {
			if slices.Contains(taken, i) {
				chosen = append(chosen, k)
			} else {
				rest = append(rest, k)
			}
		}
		want -= len(taken)
	}
	if more := least - len(chosen); more > 0 {
		for _, i := range r.Choose(len(rest), more) {
			chosen = append(chosen, rest[i])
		}
	}
	slices.Sort(chosen)
	return chosen
}

// Scaled returns how many verifier groups belong to a step with so many questions that train, if want belong to a full
// one of full questions: as many in proportion, rounded up.
func Scaled(want, questions, full int) int { return (want*questions + full - 1) / full }

// VerifierGroups chooses want of n verifier groups at random, ascending. When there are fewer, the
// paper's code trains none; partial trains those there are.
func VerifierGroups(n, want int, partial bool, r *rng.Rand) []int {
	if n < want && !partial {
		return nil
	}
	return r.Choose(n, want)
}

// Counts says what became of the questions of a step, by cause, and of the votes on their answers.
type Counts struct {
	Drawn         int `json:"drawn" doc:"questions asked for"`
	BadFormat     int `json:"bad_format" doc:"replies that could not be read"`
	Skipped       int `json:"skipped" doc:"replies whose reasoning did not end, or with an answer of no use"`
	TooLong       int `json:"too_long" doc:"questions that do not fit a prompt beside their documents"`
	Repeated      int `json:"repeated,omitempty" doc:"questions that were asked before in the step, or shown as remembered"`
	Ungrounded    int `json:"ungrounded" doc:"questions that were answered without any document"`
	AllWrong      int `json:"all_wrong" doc:"questions that no answer got right"`
	AllRight      int `json:"all_right" doc:"questions that all answers got right"`
	Contradicted  int `json:"contradicted,omitempty" doc:"questions left out since more than half of the answers agree on one that is not the reference (drop_contradicted)"`
	Good          int `json:"good" doc:"questions with right and wrong answers, from which there is something to learn"`
	VoteKept      int `json:"vote_kept" doc:"answers whose votes may train the verifier"`
	VoteDisagrees int `json:"vote_disagrees" doc:"answers whose votes may not, because their majority contradicts the rule"`
	VoteUnanimous int `json:"vote_unanimous" doc:"answers whose votes may not, because they agree"`
	VoteTied      int `json:"vote_tied" doc:"answers whose votes may not, because they are tied"`
}

// Parsed counts a drawn question by the verdict on its reply.
func (c *Counts) Parsed(v task.Verdict) {
	c.Drawn++
	switch v {
	case task.BadFormat:
		c.BadFormat++
	case task.Skip:
		c.Skipped++
	}
}

// Answered counts a question that passes of g answers got right.
func (c *Counts) Answered(passes, g int) {
	switch {
	case Informative(passes, g):
		c.Good++
	case passes > 0:
		c.AllRight++
	default:
		c.AllWrong++
	}
}

// Voted counts the votes on one answer.
func (c *Counts) Voted(f VoteFate) {
	switch f {
	case VoteKept:
		c.VoteKept++
	case VoteDisagrees:
		c.VoteDisagrees++
	case VoteUnanimous:
		c.VoteUnanimous++
	case VoteTied:
		c.VoteTied++
	}
}
