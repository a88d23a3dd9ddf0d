package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"spell/rl/spell"
	"spell/rl/transcript"
)

// exchange writes the question of a transcript that was neither easy
// nor hard as a table in Markdown. Questions with options are too long for it.
func exchange(path string) (string, error) {
	var question *transcript.Question
	nearest := 1.0
	for q, err := range transcript.Questions(path) {
		if err != nil {
			return "", err
		}
		if q.Ask == nil || q.Ask.Outcome != "good" || q.Ask.Task.NeedsLetter() {
			continue
		}
		if off := math.Abs(ruledRight(q.Respond) - 0.5); off < nearest {
			nearest, question = off, q
		}
	}
	if question == nil {
		return "", fmt.Errorf("%s has no question that some answers got right and some wrong", path)
	}
	return markdown(question.Ask, question.Respond), nil
}

// ruledRight returns the share of the answers that the rule says are right.
func ruledRight(r *spell.Record) float64 {
	n := 0
	for _, a := range r.Samples {
		if a.Rule != nil && *a.Rule {
			n++
		}
	}
	return float64(n) / float64(len(r.Samples))
}

// short cuts a text where it is much longer than answers are.
func short(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return text[:strings.LastIndexByte(text[:most], ' ')] + " …"
}

// beginning returns how the document that has the answer begins, or the first one, in a line. Each stands below a line
// with a mark.
func beginning(documents, answer string) string {
	texts := strings.Split(documents, "#\n")[1:]
	text := texts[max(0, slices.IndexFunc(texts, func(t string) bool { return strings.Contains(t, answer) }))]
	return short(strings.Join(strings.Fields(text), " "))
}

// markdown writes a question, its answers, the votes on them and what all of them earned.
func markdown(ask, answers *spell.Record) string {
	var s strings.Builder
	shown, _, _ := strings.Cut(ask.Prompt, "\nask ")
	fmt.Fprintf(&s, "*Documents shown to the questioner* (%d of the cluster's), one begins:\n`%s`\n\n",
		len(ask.Docs), beginning(shown, ask.Answer))
	fmt.Fprintf(&s, "*Question it wrote:* `%s` — *its own answer:* `%s` — reward %.2f\n\n",
		strings.TrimSpace(ask.Text), ask.Answer, *ask.Samples[0].Reward)
	s.WriteString("| answer, over all documents | rule | votes | reward | advantage |\n|---|---|---|---|---|\n")
	type row struct{ text, rule, votes, reward, advantage string }
	var rows []row
	count := map[row]int{}
	for _, a := range answers.Samples {
		r := row{"`" + short(strings.TrimSpace(a.Text)) + "`", "wrong", "–", "0", fmt.Sprintf("%+.2f", a.Advantage)}
		if a.Rule != nil && *a.Rule {
			r.rule = "right"
		}
		if a.Votes != nil {
			r.votes = fmt.Sprintf("%d yes, %d no", a.Votes.Yes, a.Votes.No)
		}
		if a.Reward != nil {
			r.reward = fmt.Sprintf("%.0f", *a.Reward)
		}
		if count[r]++; count[r] == 1 {
			rows = append(rows, r)
		}
	}
	for _, r := range rows {
		times := ""
		if n := count[r]; n > 1 {
			times = fmt.Sprintf(" × %d", n)
		}
		fmt.Fprintf(&s, "| %s%s | %s | %s | %s | %s |\n", r.text, times, r.rule, r.votes, r.reward, r.advantage)
	}
	return s.String()
}
