package curriculum

import (
	"slices"
	"testing"

	"spell/rl/reward"
	"spell/rl/task"
	"spell/tensor/rng"
)

func TestInformative(t *testing.T) {
	for passes := range 9 {
		if got, want := Informative(passes, 8), passes != 0 && passes != 8; got != want {
			t.Errorf("Informative(%d, 8) = %v", passes, got)
		}
	}
	if Informative(0, 0) || Informative(1, 1) {
		t.Error("a group of none or one is informative")
	}
}

// With 8 valid votes exactly the groups with 5, 6 or 7 for the winner train, and only where the
// rule agrees.
func TestVotes(t *testing.T) {
	paper := Filter{Consistent: true, Least: 0.51, Most: 0.99}
	decide := reward.Default().Decide
	for yes := range 9 {
		tally := reward.Tally{Yes: yes, No: 8 - yes}
		for _, rule := range []bool{true, false} {
			winner := max(yes, 8-yes)
			want := winner >= 5 && winner <= 7 && (yes > 4) == rule
			if got := paper.Votes(tally, decide(tally), rule) == VoteKept; got != want {
				t.Errorf("%d YES of 8 with rule %v: kept %v", yes, rule, got)
			}
		}
	}
	tests := []struct {
		tally reward.Tally
		rule  bool
		want  VoteFate
	}{
		{reward.Tally{Yes: 8}, true, VoteUnanimous}, {reward.Tally{Yes: 8}, false, VoteDisagrees}, {reward.Tally{No: 8}, false, VoteUnanimous},
		{reward.Tally{Yes: 4, No: 4}, false, VoteTied}, {reward.Tally{Yes: 4, No: 4}, true, VoteDisagrees},
		{reward.Tally{Invalid: 8}, false, VoteUnanimous}, {reward.Tally{Yes: 3, No: 3, Invalid: 2}, false, VoteTied},
		{reward.Tally{Yes: 5, Invalid: 3}, true, VoteUnanimous}, {reward.Tally{Yes: 5, No: 1, Invalid: 2}, true, VoteKept},
		{reward.Tally{Yes: 1, No: 3, Invalid: 4}, false, VoteKept},
	}
	var c Counts
	for _, tt := range tests {
		if got := paper.Votes(tt.tally, decide(tt.tally), tt.rule); got != tt.want {
			t.Errorf("%+v with rule %v: fate %d, want %d", tt.tally, tt.rule, got, tt.want)
		}
		c.Voted(tt.want)
	}
	if c.VoteKept != 2 || c.VoteTied != 2 || c.VoteDisagrees != 2 || c.VoteUnanimous != 4 {
		t.Errorf("counts %+v", c)
	}
}

// Without the filter all votes train that have a winner, and a band leaves out what is nearly even or nearly unanimous.
func TestFilters(t *testing.T) {
	decide := reward.Default().Decide
	for _, tt := range []struct {
		Filter
		yes  int // of 8
		rule bool
		want VoteFate
	}{
		{Filter{true, 0.51, 0.99}, 6, false, VoteDisagrees}, {Filter{false, 0.51, 0.99}, 6, false, VoteKept},
		{Filter{false, 0.51, 0.99}, 2, true, VoteKept}, {Filter{false, 0.51, 0.99}, 8, false, VoteUnanimous},
		{Filter{false, 0.51, 0.99}, 4, true, VoteTied}, {Filter{true, 0.7, 0.99}, 5, true, VoteTied},
		{Filter{true, 0.7, 0.99}, 6, true, VoteKept}, {Filter{true, 0.51, 0.8}, 7, true, VoteUnanimous},
	} {
		tally := reward.Tally{Yes: tt.yes, No: 8 - tt.yes}
		if got := tt.Votes(tally, decide(tally), tt.rule); got != tt.want {
			t.Errorf("%+v: %d YES of 8 with rule %v have fate %d, want %d", tt.Filter, tt.yes, tt.rule, got, tt.want)
		}
	}
}

// A step of fewer questions trains fewer groups of votes.
func TestScaled(t *testing.T) {
	for questions, want := range map[int]int{0: 0, 1: 1, 8: 1, 9: 2, 64: 8, 128: 16, 256: 32} {
		if got := Scaled(16, questions, 128); got != want {
			t.Errorf("%d of 128 questions have %d groups of votes, want %d", questions, got, want)
		}
	}
}

func TestNegatives(t *testing.T) {
	pool := func(from, n int) []int { return clusters(from, n) }
	tests := []struct {
		name  string
		good  [3]int   // of the first three tasks
		bad   [3][]int // the same
		ratio float64
		want  [3]int // how many of each task, numbered by hundreds
	}{
		{"enough everywhere", [3]int{3, 2, 1}, [3][]int{pool(0, 9), pool(100, 9), pool(200, 9)}, 1, [3]int{3, 2, 1}},
		{"the lack goes to the next task", [3]int{5, 3, 0}, [3][]int{pool(0, 2), pool(100, 9), pool(200, 9)}, 1, [3]int{2, 6, 0}},
		{"and on to a task without good ones", [3]int{5, 3, 0}, [3][]int{pool(0, 2), pool(100, 4), pool(200, 9)}, 1, [3]int{2, 4, 2}},
		{"too few in all", [3]int{5, 3, 2}, [3][]int{pool(0, 2), nil, pool(200, 1)}, 1, [3]int{2, 0, 1}},
		{"served from most good", [3]int{1, 0, 4}, [3][]int{pool(0, 9), pool(100, 9), pool(200, 2)}, 1, [3]int{3, 0, 2}},
		{"ratio", [3]int{4, 3, 0}, [3][]int{pool(0, 9), pool(100, 9), nil}, 0.5, [3]int{2, 1, 0}},
		{"none good", [3]int{}, [3][]int{pool(0, 9), nil, nil}, 1, [3]int{}},
	}
	for _, tt := range tests {
		good, bad := map[task.Task]int{}, map[task.Task][]int{}
		for i, of := range task.All()[:3] {
			good[of], bad[of] = tt.good[i], tt.bad[i]
		}
		got := Negatives(good, bad, tt.ratio, 0, rng.At(1, rng.Negatives, 0, 0, 0))
		var n [3]int
		for _, id := range got {
			n[id/100]++
			if !slices.Contains(tt.bad[id/100], id) {
				t.Errorf("%s: %d is in no pool", tt.name, id)
			}
		}
		if n != tt.want || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: chose %v", tt.name, got)
		}
	}
}

// TestLeastNegatives: failed questions train beyond their share if there are too few, of whatever task.
func TestLeastNegatives(t *testing.T) {
	first, last := clusters(0, 2), clusters(200, 3)
	for _, tt := range []struct{ good, least, want int }{
		{0, 0, 0}, {0, 1, 1}, {0, 4, 4}, {0, 9, 5}, {1, 1, 1}, {1, 3, 3}, {2, 1, 2}, {2, 4, 4},
	} {
		good := map[task.Task]int{task.GeneralQA: tt.good}
		bad := map[task.Task][]int{task.GeneralQA: first, task.MultipleChoice: last}
		got := Negatives(good, bad, 1, tt.least, rng.At(1, rng.Negatives, 0, 0, 0))
		own := 0
		for _, i := range got {
			if slices.Contains(first, i) {
				own++
			} else if !slices.Contains(last, i) {
				t.Errorf("%+v: %d is in no pool", tt, i)
			}
		}
		if len(slices.Compact(got)) != tt.want || !slices.IsSorted(got) || own < min(tt.good, len(first)) {
			t.Errorf("%+v: chose %v", tt, got)
		}
	}
}

func TestVerifierGroups(t *testing.T) {
	r := rng.At(1, rng.Verifiers, 0, 0, 0)
	if got := VerifierGroups(40, 16, false, r); len(got) != 16 || !slices.IsSorted(got) || got[15] >= 40 {
		t.Errorf("16 of 40: %v", got)
	}
	if got := VerifierGroups(15, 16, false, r); got != nil {
		t.Errorf("16 of 15: %v", got)
	}
	if got := VerifierGroups(15, 16, true, r); len(got) != 15 {
		t.Errorf("16 of 15, partial: %v", got)
	}
}

func TestCounts(t *testing.T) {
	var c Counts
	for _, v := range []task.Verdict{task.OK, task.OK, task.OK, task.BadFormat, task.Skip, task.OK} {
		c.Parsed(v)
	}
	for _, passes := range []int{0, 3, 8, 7} {
		c.Answered(passes, 8)
	}
	want := Counts{Drawn: 6, BadFormat: 1, Skipped: 1, AllWrong: 1, AllRight: 1, Good: 2}
	if c != want {
		t.Errorf("counts %+v, want %+v", c, want)
	}
}
