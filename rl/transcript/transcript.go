// Package transcript reads what a run of self-play wrote down: every question with what became of it.
package transcript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"spell/rl/spell"
	"spell/tensor/atomicfile"
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

// maxLine is the longest line that is read: prompts and outputs of hundreds of thousands of tokens.
const maxLine = 1 << 28

// Questions returns the questions of a transcript file in the order in which they were asked. It reads the
// file as they are taken. A line that is not a record ends with an error that names it; a last line without its
// end, as a run that is at work or was killed leaves it, is passed over.
func Questions(path string) iter.Seq2[*Question, error] {
	return func(yield func(*Question, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, atomicfile.Cause(err))
			return
		}
		defer f.Close()
		var q *Question
		in := bufio.NewReaderSize(f, 1<<20)
		for number := 1; ; number++ {
			line, err := readLine(in)
			if errors.Is(err, io.EOF) {
				break
			}
			var r spell.Record
			if err == nil {
				err = json.Unmarshal(line, &r)
			}
			if err == nil && (r.Step < 1 || r.Stage == "") {
				err = errors.New("it has no step or no stage")
			}
			if err != nil {
				yield(nil, fmt.Errorf("%s: line %d is no record of self-play: %w", path, number, err))
				return
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
			q.add(&r)
		}
		if q != nil {
			yield(q, nil)
		}
	}
}

// readLine returns the next line, without its end. A line that has none is io.EOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("it is longer than %d bytes", maxLine)
		}
	}
}

func (q *Question) add(r *spell.Record) {
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

// Share says how many answers earned a reward.
func (q *Question) Share() string {
	passes, answers := q.Passes()
	return fmt.Sprintf("%d of %d rewarded", passes, answers)
}
