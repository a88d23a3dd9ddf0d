package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
)

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
