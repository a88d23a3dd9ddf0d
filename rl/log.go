package rl

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/corpus"
	"spell/rl/settings"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// The files of a run beside its checkpoints; both only grow, a line a record.
const (
	TranscriptFile = "transcript.jsonl"
	MetricsFile    = "metrics.jsonl"
)

// Log appends a step's lines to the files in dir.
func (r *Run) Log(dir string, rep *Report, records []Record) error {
	lines := make([]any, len(records))
	for i := range records {
		lines[i] = &records[i]
	}
	if err := r.log.Append(dir, TranscriptFile, lines...); err != nil {
		return err
	}
	return r.log.Append(dir, MetricsFile, rep)
}

// Save writes the state after the last completed step as a checkpoint in dir.
func (r *Run) Save(dir string) error {
	r.saved.Log = r.log
	return r.trainer.Save(dir, r.step, r.Config.Keep, r.saved, r.Chat.Save)
}

// Resume goes on from the newest checkpoint in dir, over the same documents and with the same
// configuration but for the number of steps. On error nothing stays mapped.
func Resume(dir string, c Config, b kernels.Backend, p model.Precision, docs *corpus.Corpus, judge Judge) (run *Run, err error) {
	at, err := train.Newest(dir)
	if err != nil {
		return nil, err
	}
	var s savedRun
	w, restore, err := train.Resume(b, at, p, &s)
	if err != nil {
		return nil, err
	}
	var r *Run
	defer func() {
		if err == nil {
			return
		}
		if r != nil {
			r.Free()
		}
		w.Free()
	}()
	text, err := chat.Open(at)
	if err != nil {
		return nil, err
	}
	longer := c
	longer.Steps = s.Config.Steps // a resumed run may be longer, nothing else
	if err := settings.Same(s.Config, longer); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if r, err = New(c, b, w, text, docs, judge); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if err := r.restore(s); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if err := restore(r.trainer); err != nil {
		return nil, err
	}
	if err := r.log.Restore(dir, s.Log); err != nil {
		return nil, err
	}
	return r, nil
}

// Distinct counts, over the whole transcript in dir, the questions that could be read and how many
// of them differ in cluster, task or text.
func Distinct(dir string) (distinct, readable int, err error) {
	path := filepath.Join(dir, TranscriptFile)
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	type question struct {
		Cluster string    `json:"cluster"`
		Task    task.Task `json:"task"`
		Text    string    `json:"text"`
	}
	seen := map[question]bool{}
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		var q question
		if err := d.Decode(&q); err == io.EOF {
			return len(seen), readable, nil
		} else if err != nil {
			return 0, 0, fmt.Errorf("reading %s: %w", path, err)
		}
		if q.Text != "" { // the questioner's records alone have one
			seen[q] = true
			readable++
		}
	}
}
