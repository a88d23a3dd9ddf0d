// Package transcript reads what a run of self-play wrote down: every question with what became of it.
package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"spell/rl/journal"
	"spell/rl/spell"
)

// A Question is all that was asked and said about one question of a step. Records are nil, or none, where a
// question did not come so far.
type Question struct {
	Step, Number int
	Ask          *spell.Record
	Ground       *spell.Record // the test without documents
	Respond      *spell.Record
	Verify       []*spell.Record // one for each answer that was voted on, in their order
}

// Questions returns the questions of a transcript file in the order in which they were asked, their records with
// whole prompts. It reads the file as they are taken. A line that is not a record ends with an error that names
// it; a last line without its end, as a run that is at work or was killed leaves it, is passed over.
func Questions(path string) iter.Seq2[*Question, error] {
	return func(yield func(*Question, error) bool) {
		var q *Question
		number, next := 0, int64(0)
		docs := documents{path: path, at: map[string]span{}}
		for line, err := range journal.Lines(path) {
			here := span{next, len(line)}
			next += int64(len(line)) + 1
			if number++; err != nil {
				yield(nil, fmt.Errorf("reading %s, line %d: %w", path, number, err))
				return
			}
			var r spell.Record
			stepless := func() bool { return r.Step < 1 && r.For == "" && r.Stage != spell.DocumentsStage }
			if err = json.Unmarshal(line, &r); err == nil && (r.Stage == "" || stepless()) {
				err = errors.New("it has no step or no stage")
			}
			if err != nil {
				yield(nil, fmt.Errorf("%s: line %d is no record of self-play: %w", path, number, err))
				return
			}
			if r.Stage == spell.DocumentsStage {
				docs.add(r.Cluster, here)
				continue
			}
			if q != nil && (q.Step != r.Step || q.Number != r.Question || r.Stage == "ask") {
				if !yield(q, nil) {
					return
				}
				q = nil
			}
			if q == nil {
				q = &Question{Step: r.Step, Number: r.Question}
			}
			if err := q.add(&r, &docs); err != nil {
				yield(nil, fmt.Errorf("%s, line %d: %w", path, number, err))
				return
			}
		}
		if q != nil {
			yield(q, nil)
		}
	}
}

// add adds a record and gives it its prompt whole.
func (q *Question) add(r *spell.Record, d *documents) error {
	if r.Pieces != nil {
		texts, err := d.of(r.Cluster)
		if err != nil {
			return err
		}
		r.Prompt, r.Pieces = r.Pieces.Join(texts), nil
	}
	if r.Stage == "verify" && r.Prompt == "" {
		for _, v := range q.Verify {
			if v.Prediction == r.Prediction {
				r.Prompt = v.Prompt
			}
		}
	}
	switch r.Stage {
	case "ask":
		q.Ask = r
	case "ground":
		q.Ground = r
	case "respond":
		q.Respond = r
	case "verify":
		q.Verify = append(q.Verify, r)
	}
	return nil
}

// Passes returns how many answers earned a reward, of how many.
func (q *Question) Passes() (passes, answers int) {
	if q.Respond == nil {
		return 0, 0
	}
	for _, o := range q.Respond.Samples {
		if o.Reward != nil && *o.Reward > 0 {
			passes++
		}
	}
	return passes, len(q.Respond.Samples)
}

// Share says how many answers earned a reward, or were right where none could.
func (q *Question) Share() string {
	passes, answers := q.Passes()
	if q.Step > 0 || q.Respond == nil {
		return fmt.Sprintf("%d of %d rewarded", passes, answers)
	}
	right := 0
	for _, o := range q.Respond.Samples {
		if o.Rule != nil && *o.Rule {
			right++
		}
	}
	return fmt.Sprintf("%d of %d right", right, answers)
}

// Purpose says what a question ahead of the first step was asked for, and whether it is of use; "" of others.
func (q *Question) Purpose() string {
	if q.Ask == nil || q.Ask.For == "" {
		return ""
	}
	became := "left out"
	if q.Ask.Kept {
		became = "kept"
	}
	return fmt.Sprintf("asked for %s, %s", strings.ReplaceAll(q.Ask.For, "_", " "), became)
}
