package spell

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"spell/rl/eval"
	"spell/rl/learn"
	"spell/rl/plural"
	"spell/rl/task"
)

// totals are what a run counts over all its steps, so that its verdict is the same after a resume.
type totals struct {
	Truth    *Truth      `json:"truth,omitempty"`
	Readable int         `json:"readable"` // questions that could be read
	Seen     questionSet `json:"seen"`     // different ones among them
	First    eval.Count  `json:"first"`    // questions of the first step, and those that could be read
	Last     eval.Count  `json:"last"`     // and of the last
	// Recent and RecentGood count drawn and good questions, those of each step half as much as of the next.
	Recent     int        `json:"recent,omitempty"`
	RecentGood int        `json:"recent_good,omitempty"`
	Measured   []accuracy `json:"measured"` // the first and the last
}

// add adds the step at work.
func (t *totals) add(g *Game, rep *Report) {
	if rep.Truth != nil {
		sum := Truth{}
		if t.Truth != nil {
			sum = *t.Truth
		}
		sum.Add(rep.Truth)
		t.Truth = &sum
	}
	seen := questionSet{}
	maps.Copy(seen, t.Seen)
	for _, it := range g.items {
		if it.verdict == task.OK && it.failed == nil {
			t.Readable++
			seen[g.hash(it)] = true
		}
	}
	t.Seen = seen
	t.Recent, t.RecentGood = t.Recent/2+rep.Counts.Drawn, t.RecentGood/2+rep.Counts.Good
	t.Last = eval.Count{N: rep.Counts.Drawn, Right: rep.readable()}
	if rep.Step == 1 {
		t.First = t.Last
	}
}

// check returns an error if no run counts so.
func (t *totals) check() error {
	if len(t.Measured) > 2 {
		return fmt.Errorf("the state holds %d outcomes of held-out tests; a run keeps the first and the last",
			len(t.Measured))
	}
	for _, a := range t.Measured {
		if n := len(t.Measured[0].Tests); len(a.Tests) != n {
			return fmt.Errorf("the state holds the outcome of %d held-out tests after step %d, and of %d before",
				len(a.Tests), a.Step, n)
		}
		for i, test := range a.Tests {
			over := test.All.N
			if len(test.PerPrompt) > 0 {
				over = 0
				for _, n := range test.PerPrompt {
					over += max(0, n)
				}
			}
			if len(test.Outcomes) != test.All.N || over != test.All.N || test.All.N != t.Measured[0].Tests[i].All.N {
				return fmt.Errorf("the state holds %d outcomes of %d held-out questions after step %d",
					len(test.Outcomes), t.Measured[0].Tests[i].All.N, a.Step)
			}
		}
	}
	return nil
}

// lines returns what the totals say at the end of a run.
func (t *totals) lines() (lines []string) {
	if t.Truth != nil && t.Truth.Drawn > 0 {
		lines = append(lines, t.Truth.String())
	}
	return append(lines, fmt.Sprintf("%s among %d readable in the whole run",
		plural.Of(len(t.Seen), "different question"), t.Readable))
}

// Verdict returns what the run counted, and what training changed. It fails a run that made the model
// worse; the loop fails one that trained nothing.
func (g *Game) Verdict() (lines []string, failed bool) {
	lines = slices.Concat(g.total.lines(), g.total.compare(), g.kept.compare())
	if worse := cmp.Or(g.total.worse(), g.kept.worse()); worse != "" {
		return append(lines, worse+"; "+learn.Slower), true
	}
	return lines, false
}

// A questionSet is hashes of questions. In JSON it is one string, ascending.
type questionSet map[uint64]bool

// hash is questionHash of a question with its options.
func (g *Game) hash(it *item) uint64 {
	return questionHash(it.from.name, it.Task, g.Prompts.QuestionText(it.question))
}

// questionHash tells questions apart by cluster, task and text.
func questionHash(cluster string, t task.Task, text string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %v %q", cluster, t, text)
	return h.Sum64()
}

// MarshalJSON writes the hashes in base64, eight bytes each.
func (q questionSet) MarshalJSON() ([]byte, error) {
	var raw []byte
	for _, h := range slices.Sorted(maps.Keys(q)) {
		raw = binary.BigEndian.AppendUint64(raw, h)
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(raw))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (q *questionSet) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	if len(raw)%8 != 0 {
		return errors.New("the questions seen are not whole numbers of eight bytes")
	}
	*q = questionSet{}
	for at := 0; at < len(raw); at += 8 {
		(*q)[binary.BigEndian.Uint64(raw[at:])] = true
	}
	return nil
}
