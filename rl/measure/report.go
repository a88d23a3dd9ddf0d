package measure

import (
	"fmt"
	"strings"

	"spell/rl/eval"
	"spell/rl/plural"
)

// A Report is how models did.
type Report struct {
	Settings  Settings       `json:"settings"`
	Left      []string       `json:"left_out,omitempty"`
	Bootstrap eval.Bootstrap `json:"bootstrap"` // of the intervals
	Before    *Outcome       `json:"before,omitempty"`
	After     *Outcome       `json:"after"`           // the model's, if there is no other
	Gains     []Gained       `json:"gains,omitempty"` // over each length
	Mean      *eval.Gains    `json:"gain,omitempty"`  // over those beyond the first
}

// Settings are what a report follows from.
type Settings struct {
	Options
	Docs      string   `json:"docs"`
	Files     []string `json:"files,omitempty"`
	Documents int      `json:"documents"`
	Model     Model    `json:"model"`
	Before    *Model   `json:"before,omitempty"`
	YaRN      float64  `json:"yarn,omitempty"`
	Precision string   `json:"precision"`
	Prompts   string   `json:"prompts"`
	Hash      string   `json:"prompts_hash"` // SHA-256 of the prompt texts
}

// A Model is where a model is, and what tells its files from others.
type Model struct {
	Path     string `json:"path"`
	Adapter  string `json:"adapter,omitempty"`
	Identity string `json:"identity"`
}

// Gained is by how much accuracy rose over a length.
type Gained struct {
	Length int `json:"length"`
	eval.Gains
}

// resamples is how often prompts are drawn again for an interval.
const resamples = 2000

// NewReport compares the outcomes of a plan; before is nil if there is one model.
func NewReport(s Settings, left []string, before, after *Outcome) *Report {
	r := &Report{Settings: s, Left: left, Bootstrap: eval.Bootstrap{Seed: s.Seed, Samples: resamples},
		Before: before, After: after}
	if before == nil {
		return r
	}
	var all []eval.Paired
	for i := range after.Accuracies {
		a := &after.Accuracies[i]
		all = append(all, eval.PairedOf(&before.Accuracies[i].Result, &a.Result))
		r.Gains = append(r.Gains, Gained{a.Length, r.Bootstrap.Gains(all[i:])})
	}
	if len(all) > 1 {
		mean := r.Bootstrap.Gains(all[1:])
		r.Mean = &mean
	}
	return r
}

// String is what is measured, in a line.
func (s Settings) String() string {
	of := s.Docs
	if len(s.Files) > 0 {
		of += " below " + strings.Join(s.Files, ", ")
	}
	model := s.Model.Path
	if s.Model.Adapter != "" && s.Model.Adapter != model {
		model += " with " + s.Model.Adapter
	}
	if s.Before != nil {
		model = s.Before.Path + " → " + model
	}
	return fmt.Sprintf("%s on %s of %s; prompts %s, %s, seed %d", model, plural.Of(s.Documents, "document"), of,
		s.Prompts, s.Precision, s.Seed)
}

// outcomes returns those there are, with what each is called: nothing if it is the only one.
func (r *Report) outcomes() (names []string, list []*Outcome) {
	if r.Before == nil {
		return []string{""}, []*Outcome{r.After}
	}
	return []string{"before", "after"}, []*Outcome{r.Before, r.After}
}

// Lines writes the report as lines of text.
func (r *Report) Lines() (lines []string) {
	lines = append(append(lines, r.Settings.String()), r.Left...)
	lines = append(lines, r.accuracies()...)
	names, outcomes := r.outcomes()
	for i, o := range outcomes {
		lines = append(lines, o.asked(names[i])...)
	}
	if len(r.After.Asked) > 0 {
		lines = append(lines, fmt.Sprintf("known: a place of the documents fits; true: the reference answer is; pass "+
			"rate: of %s to each", plural.Of(r.Settings.Answers, "answer")))
	}
	for i, o := range outcomes {
		lines = append(lines, o.answered(names[i], r.After.Accuracies[0].Length)...)
		lines = append(lines, o.posed(names[i])...)
	}
	return lines
}

// accuracies are the lines of the answers.
func (r *Report) accuracies() (lines []string) {
	names, outcomes := r.outcomes()
	width := len(fmt.Sprint(r.After.Accuracies[len(r.After.Accuracies)-1].Length))
	for i := range r.After.Accuracies {
		for k, o := range outcomes {
			a := o.Accuracies[i]
			name := names[k]
			if name != "" {
				name = fmt.Sprintf(", %-6s", name)
			}
			lines = append(lines, fmt.Sprintf("accuracy over %*d tokens%s %v", width, a.Length, name, a.Result))
		}
	}
	if r.Before == nil {
		return lines
	}
	for _, g := range r.Gains {
		lines = append(lines, fmt.Sprintf("gain over %*d tokens  %v", width, g.Length, g.Gains))
	}
	if r.Mean != nil {
		lines = append(lines, fmt.Sprintf("mean gain over more than %d tokens  %v", r.Gains[0].Length, *r.Mean))
	}
	return append(lines, r.kinds()...)
}

// kinds are the lines of a table of accuracies by kind, before and after.
func (r *Report) kinds() []string {
	head := []string{"before → after"}
	for _, a := range r.After.Accuracies {
		head = append(head, fmt.Sprint(a.Length))
	}
	rows := [][]string{head}
	for k, kind := range r.After.Accuracies[0].ByKind {
		row := []string{kind.Kind}
		asked := false
		for i, a := range r.After.Accuracies {
			cell := "none"
			if after := a.ByKind[k]; after.N > 0 {
				cell = fmt.Sprintf("%.0f → %.0f", 100*r.Before.Accuracies[i].ByKind[k].Rate(), 100*after.Rate())
				asked = true
			}
			row = append(row, cell)
		}
		if asked {
			rows = append(rows, row)
		}
	}
	return table(rows)
}

// asked are the lines of what a model asked and how it voted.
func (o *Outcome) asked(name string) (lines []string) {
	if len(o.Asked) == 0 {
		return nil
	}
	title := "asked"
	if name != "" {
		title = fmt.Sprintf("asked %-9s", name)
	}
	rows := [][]string{{title, "questions", "readable", "known", "true", "pass rate", "all right", "some", "none"}}
	for _, a := range o.Asked {
		task := a.Task
		if task == "" {
			task = "all"
		}
		row := []string{task, fmt.Sprint(a.Asked), eval.Count{N: a.Asked, Right: a.Readable}.String()}
		for _, n := range []int{a.Known, a.True} {
			row = append(row, eval.Count{N: a.Readable, Right: n}.String())
		}
		for _, share := range []float64{a.PassRate, a.AllRight, a.Some, a.None} {
			row = append(row, fmt.Sprintf("%.1f%%", 100*share))
		}
		rows = append(rows, row)
	}
	lines = append(lines, table(rows)...)
	if name != "" {
		name = " " + name
	}
	return append(lines, fmt.Sprintf("verifier%s accepts %v of %d equal answers, rejects %v of %d different ones",
		name, o.Accept, o.Accept.N, o.Reject, o.Reject.N))
}

// table aligns columns, the first to the left.
func table(rows [][]string) (lines []string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		fmt.Fprintf(&b, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(&b, "  %*s", widths[i+1], cell)
		}
		lines = append(lines, b.String())
	}
	return lines
}

// heading is the line above examples.
func heading(what, name string) string {
	if name != "" {
		what += ", " + name
	}
	return "\n" + what
}

// answered are the lines of the examples of answers.
func (o *Outcome) answered(name string, length int) (lines []string) {
	for i, a := range o.Answered {
		if i == 0 {
			lines = append(lines, heading(fmt.Sprintf("The first questions over %d tokens", length), name))
		}
		lines = append(lines, fmt.Sprintf("%d %s: %s", i+1, a.Kind, outcome(a.Readable, a.Right)),
			"  question   "+oneLine(a.Question), "  reference  "+oneLine(a.Reference), "  said       "+oneLine(a.Reply))
	}
	return lines
}

func outcome(readable, right bool) string {
	switch {
	case right:
		return "right"
	case readable:
		return "wrong"
	}
	return "cannot be read"
}

// posed are the lines of the examples of questions.
func (o *Outcome) posed(name string) (lines []string) {
	for i, q := range o.Posed {
		if i == 0 {
			lines = append(lines, heading("The first questions that the model asked", name))
		}
		lines = append(lines, fmt.Sprintf("%d %s: %s", i+1, q.Task, q.verdict()), "  said       "+oneLine(q.Reply))
		if !q.Readable {
			continue
		}
		lines = append(lines, "  question   "+oneLine(q.Text), "  reference  "+oneLine(q.Reference))
		if !q.True && len(q.Truth) > 0 {
			lines = append(lines, "  truth      "+oneLine(q.Truth[0]))
		}
		lines = append(lines, fmt.Sprintf("  answers    %d of %d agree with the reference: %s", q.Right,
			len(q.Answers), different(q.Answers)))
	}
	return lines
}

// verdict says what is true of a question that a model asked.
func (q *Posed) verdict() string {
	switch {
	case !q.Readable:
		return "cannot be read"
	case q.True:
		return "true"
	case len(q.Truth) > 0:
		return "its reference is wrong"
	case q.Known:
		return "its place has no one answer"
	}
	return "about no place of the documents"
}

// different lists answers, each once with how often it was given, as "7 x Tirana | 1 x Durres".
func different(answers []Answer) string {
	var list []string
	times := map[string]int{}
	for _, a := range answers {
		said := oneLine(a.Answer)
		if !a.Readable {
			said = "cannot be read"
		}
		if times[said]++; times[said] == 1 {
			list = append(list, said)
		}
	}
	for i, said := range list {
		list[i] = fmt.Sprintf("%d x %s", times[said], said)
	}
	return strings.Join(list, " | ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
