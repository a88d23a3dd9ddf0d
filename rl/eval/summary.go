package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"spell/rl/eval/bench"
	"spell/rl/plural"
)

// A Score is what answers to some questions come to. Rates are from 0 to 1.
type Score struct {
	Name      string             `json:"name"`
	Questions int                `json:"questions"`
	Accuracy  float64            `json:"accuracy"` // avg@n, the mean over questions of the share of right answers
	Interval  Interval           `json:"interval"`
	Pass      []float64          `json:"pass,omitempty"` // pass@k for each k of the summary
	Rule      float64            `json:"rule"`           // accuracy by the rule alone
	Readable  float64            `json:"readable"`       // share of answers that state one
	Cut       int                `json:"cut"`            // questions whose documents were cut
	TooLong   int                `json:"too_long"`       // questions that were not asked, which count as wrong
	Unended   int                `json:"unended"`        // answers that reached their longest
	Judge     map[Verdict]int    `json:"judge,omitempty"`
	Parts     map[string]float64 `json:"parts,omitempty"` // accuracies of its parts
}

// A Summary is what a results file comes to.
type Summary struct {
	Settings  Settings     `json:"settings"`
	Data      []bench.File `json:"data,omitempty"`
	Left      []string     `json:"left_out,omitempty"`
	Bootstrap Bootstrap    `json:"bootstrap"`
	K         []int        `json:"k"` // of pass@k
	Sets      []Score      `json:"sets"`
	// Columns are those of the paper's table all of whose sets are there, and Average is the mean of all four.
	Columns []Score `json:"columns,omitempty"`
	Average *Score  `json:"average,omitempty"`
}

// resamples is how often the questions are drawn again for an interval.
const resamples = 2000

// Summarize returns the scores of lines.
func Summarize(s Settings, lines []*Line) *Summary {
	sum := &Summary{Settings: s, Bootstrap: Bootstrap{Seed: s.Seed, Samples: resamples}}
	for k := 1; k < s.N; k *= 2 {
		sum.K = append(sum.K, k)
	}
	sum.K = append(sum.K, s.N)
	sets := map[string][]*Line{}
	for _, l := range lines {
		sets[l.Set] = append(sets[l.Set], l)
	}
	type column struct {
		name   string
		groups [][]float64
	}
	var columns []*column
	for _, b := range bench.All() {
		if len(sets[b.Name]) == 0 {
			continue
		}
		score, rates := sum.score(b.Name, sets[b.Name])
		sum.Sets = append(sum.Sets, score)
		if b.Column == "" {
			continue
		}
		i := slices.IndexFunc(columns, func(c *column) bool { return c.name == b.Column })
		if i < 0 {
			i = len(columns)
			columns = append(columns, &column{name: b.Column})
		}
		columns[i].groups = append(columns[i].groups, rates)
	}
	wanted := bench.Columns()
	columns = slices.DeleteFunc(columns, func(c *column) bool { return len(c.groups) < wanted[c.name] })
	whole := len(columns) == len(wanted)
	var all [][]float64
	var sizes []int // sets of each column
	for _, c := range columns {
		if whole || len(c.groups) > 1 { // else it is the set's own line
			sum.Columns = append(sum.Columns, sum.mean(c.name, c.groups, []int{len(c.groups)}))
		}
		all, sizes = append(all, c.groups...), append(sizes, len(c.groups))
	}
	if whole {
		average := sum.mean("average", all, sizes)
		sum.Average = &average
	}
	return sum
}

// score returns the score of a set and the rate of each of its questions.
func (s *Summary) score(name string, lines []*Line) (Score, []float64) {
	n := s.Settings.N
	c := Score{Name: name, Questions: len(lines), Judge: map[Verdict]int{}, Parts: map[string]float64{},
		Pass: make([]float64, len(s.K))}
	rates := make([]float64, len(lines))
	parts := map[string][]float64{}
	for i, l := range lines {
		right := 0
		for _, a := range l.Answers {
			if a.Right {
				right++
			}
			if a.Rule {
				c.Rule++
			}
			if a.Prediction != nil {
				c.Readable++
			}
			if a.Finish != "stop" {
				c.Unended++
			}
			if a.Judge != "" {
				c.Judge[a.Judge]++
			}
		}
		rates[i] = float64(right) / float64(n)
		for j, k := range s.K {
			c.Pass[j] += PassAtK(n, right, k) / float64(len(lines))
		}
		if l.Part != "" {
			parts[l.Part] = append(parts[l.Part], rates[i])
		}
		if l.Tokens < l.Whole {
			c.Cut++
		}
		if l.TooLong != "" {
			c.TooLong++
		}
	}
	for part, rates := range parts {
		c.Parts[part] = Mean(rates)
	}
	c.Rule /= float64(n * len(lines))
	c.Readable /= float64(n * len(lines))
	c.Accuracy, c.Interval = Mean(rates), s.Bootstrap.MeanInterval(rates)
	return c, rates
}

// mean returns the mean of columns, each of which is the mean of so many sets, whatever their sizes.
func (s *Summary) mean(name string, sets [][]float64, sizes []int) Score {
	statistic := func(sets [][]float64) float64 {
		sum := 0.0
		for _, n := range sizes {
			column := 0.0
			for _, rates := range sets[:n] {
				column += Mean(rates) / float64(n)
			}
			sum, sets = sum+column/float64(len(sizes)), sets[n:]
		}
		return sum
	}
	c := Score{Name: name, Accuracy: statistic(sets), Interval: s.Bootstrap.Interval(sets, statistic)}
	for _, rates := range sets {
		c.Questions += len(rates)
	}
	return c
}

// Lines writes the summary as lines of text.
func (s *Summary) Lines() (lines []string) {
	n := s.Settings.N
	percent := func(v float64) string { return fmt.Sprintf("%.1f", 100*v) }
	line := func(c Score) string {
		return fmt.Sprintf("%-20s %15s  avg@%d %5s %%  [%s, %s]", c.Name, plural.Of(c.Questions, "question"), n,
			percent(c.Accuracy), percent(c.Interval[0]), percent(c.Interval[1]))
	}
	for _, c := range s.Sets {
		text := line(c)
		for i, k := range s.K {
			if k > 1 {
				text += fmt.Sprintf("  pass@%d %s", k, percent(c.Pass[i]))
			}
		}
		text += fmt.Sprintf("  readable %s", percent(c.Readable))
		if c.Accuracy != c.Rule {
			text += fmt.Sprintf("  by the rule alone %s", percent(c.Rule))
		}
		lines = append(lines, text)
		var notes []string
		for _, part := range slices.Sorted(maps.Keys(c.Parts)) {
			notes = append(notes, fmt.Sprintf("%s %s", part, percent(c.Parts[part])))
		}
		for _, note := range []struct {
			n    int
			what string // with s behind %s if there are several
		}{
			{c.Cut, "question%s with documents cut in the middle"},
			{c.TooLong, "question%s too long to be asked, counted as wrong"},
			{c.Unended, "answer%s cut off at the longest"},
			{c.Judge[Invalid], "verdict%s of the judge that cannot be read"},
		} {
			if note.n > 0 {
				what, more, _ := strings.Cut(note.what, "%s")
				notes = append(notes, plural.Of(note.n, what)+more)
			}
		}
		if len(notes) > 0 {
			lines = append(lines, "  "+strings.Join(notes, ", "))
		}
	}
	for _, c := range s.Columns {
		lines = append(lines, line(c))
	}
	if s.Average != nil {
		lines = append(lines, line(*s.Average))
	}
	return lines
}
