package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"spell/tensor/atomicfile"
)

// maxLine is the longest line that is read: prompts and outputs of hundreds of thousands of tokens.
const maxLine = 1 << 28

// Lines returns the lines of a file, without their ends, which it reads as they are taken. A last line without
// its end, as a run that is at work or was killed leaves it, is passed over.
func Lines(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, atomicfile.Cause(err))
			return
		}
		defer f.Close()
		in := bufio.NewReaderSize(f, 1<<20)
		var line []byte
		for {
			part, err := in.ReadSlice('\n')
			line = append(line, part...)
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine:
				continue
			case errors.Is(err, bufio.ErrBufferFull):
				err = fmt.Errorf("it is longer than %d bytes", maxLine)
			}
			if !yield(bytes.TrimSuffix(line, []byte("\n")), err) || err != nil {
				return
			}
			line = nil
		}
	}
}

// laterLines reports whether r holds nothing but lines of a run's steps from the given one on, of
// which the last may be cut off: what is measured after a checkpoint is of its step.
func laterLines(r io.Reader, step int) (bool, error) {
	in := bufio.NewReader(r)
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line) == 0 || line[0] == '{' || line[0] == 0, nil // a block of zeros: of a lost machine
		}
		if err != nil {
			return false, err
		}
		if first && len(line) == 1 { // the end that somebody's last line lacked
			continue
		}
		var l struct {
			Step *int `json:"step"`
		}
		if json.Unmarshal(line, &l) != nil || l.Step == nil || *l.Step < step {
			return false, nil
		}
	}
}

func sorted(m Marks) []string { return slices.Sorted(maps.Keys(m)) }
