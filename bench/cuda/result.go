package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// A result is a line of the file of results: a problem, who computed it, and what came out. One without
// seconds is a finding, in words.
type result struct {
	problem
	Engine  string  `json:"engine"`
	Seconds float64 `json:"seconds,omitempty"` // the median of several
	Memory  float64 `json:"memory,omitempty"`  // bytes of the device that were allocated, at most
	Note    string  `json:"note,omitempty"`
	Failed  bool    `json:"failed,omitempty"`
}

// ours is this program's engine; others are peers.
const ours = "ours"

// appendResult adds a line to the file.
func appendResult(path string, r result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// readResults returns the lines of the file. A line that was cut off when its step was ended is left out.
func readResults(path string) (list []result, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var r result
		if json.Unmarshal(s.Bytes(), &r) == nil {
			list = append(list, r)
		}
	}
	return list, s.Err()
}
