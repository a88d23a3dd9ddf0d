package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"spell/rl/eval"
	"spell/rl/journal"
	"spell/rl/runner"
	"spell/rl/spell"
)

// A key tells a run from any other.
type key struct {
	Row    string   `json:"row"`
	Seed   uint64   `json:"seed"`
	Base   string   `json:"base"`           // SHA-256 of the weights that it began with
	Docs   string   `json:"docs,omitempty"` // name and hash of the folder of documents; empty: the generated world
	Common []string `json:"common"`         // settings of all rows
	Set    []string `json:"set"`            // and of this one
}

// is reports whether two keys are of one run.
func (k *key) is(other *key) bool {
	return k.Row == other.Row && k.Seed == other.Seed && k.with(other) && slices.Equal(k.Set, other.Set)
}

// with reports whether two runs belong into one table.
func (k *key) with(other *key) bool {
	return k.Base == other.Base && k.Docs == other.Docs && slices.Equal(k.Common, other.Common)
}

// A result is what a run came to, a line of the file of results.
type result struct {
	key
	Commit  string         `json:"commit"`
	Steps   int            `json:"steps"`
	Trained map[string]int `json:"trained"` // samples, by role
	Tests   []test         `json:"tests"`   // by rising length
	// True counts the questions that could be read, and the true ones among them, in the first and in the last fifth
	// of the steps.
	True    [2]eval.Count `json:"true"`
	Tokens  int           `json:"tokens"` // through the model, tests included
	Seconds float64       `json:"seconds"`
	Ended   string        `json:"ended,omitempty"` // what the run ended with, if not well
}

// A test is the outcome of a held-out test before and after.
type test struct {
	Docs      int     `json:"docs,omitempty"` // of a cluster
	Tokens    int     `json:"prompt_tokens"`
	PerPrompt []int   `json:"per_prompt,omitempty"` // questions of each, if prompts are drawn for intervals
	Before    outcome `json:"before"`
	After     outcome `json:"after"`
}

// An outcome is that of the questions of a test.
type outcome struct {
	All      eval.Count       `json:"all"`
	Valid    eval.Count       `json:"valid"`              // answers that can be read
	Outcomes string           `json:"outcomes,omitempty"` // a 1 for each right answer, a 0 or - for others
	ByKind   []eval.KindCount `json:"by_kind,omitempty"`  // with names; older lines have none
}

// A measured line of metrics has the outcomes of all tests.
type measured struct {
	Tests []struct {
		Docs      int   `json:"docs"`
		Tokens    int   `json:"prompt_tokens"`
		PerPrompt []int `json:"per_prompt"`
		outcome
	} `json:"held_out"`
}

// read reads what a run left in its folder.
func read(dir string, r *result) error {
	var steps []spell.Report
	var tests []measured
	for line, err := range journal.Lines(filepath.Join(dir, runner.MetricsFile)) {
		var kind struct {
			Update json.RawMessage `json:"update"`
			Tests  json.RawMessage `json:"held_out"`
		}
		if err == nil {
			err = json.Unmarshal(line, &kind)
		}
		switch {
		case err != nil:
		case kind.Update != nil:
			steps = append(steps, spell.Report{})
			err = json.Unmarshal(line, &steps[len(steps)-1])
		case kind.Tests != nil:
			tests = append(tests, measured{})
			err = json.Unmarshal(line, &tests[len(tests)-1])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, runner.MetricsFile), err)
		}
	}
	if len(steps) == 0 || len(tests) < 2 || len(tests[0].Tests) != len(tests[len(tests)-1].Tests) {
		return fmt.Errorf("%s: %d steps and %d measurements are no whole run; give it held-out questions and a step",
			dir, len(steps), len(tests))
	}
	r.Steps = len(steps)
	r.count(steps)
	before, after := tests[0].Tests, tests[len(tests)-1].Tests
	for i, b := range before {
		r.Tests = append(r.Tests, test{b.Docs, b.Tokens, b.PerPrompt, b.outcome, after[i].outcome})
	}
	slices.SortStableFunc(r.Tests, func(a, b test) int { return a.Tokens - b.Tokens })
	return r.clock(dir)
}

// count counts what trained, and the true questions.
func (r *result) count(steps []spell.Report) {
	r.Trained = map[string]int{}
	fifth := max(1, len(steps)/5)
	for i, s := range steps {
		for _, p := range s.Update.Parts {
			r.Trained[p.Name] += p.Sequences
		}
		for end, within := range []bool{i < fifth, i >= len(steps)-fifth} {
			if within && s.Truth != nil {
				r.True[end].N += s.Truth.Parsed
				r.True[end].Right += s.Truth.Right
			}
		}
	}
}

// clock adds up what the run took.
func (r *result) clock(dir string) error {
	path := filepath.Join(dir, runner.ClockFile)
	for line, err := range journal.Lines(path) {
		var tick struct {
			Seconds float64 `json:"seconds"`
			Tokens  int     `json:"tokens"`
		}
		if err == nil {
			err = json.Unmarshal(line, &tick)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		r.Seconds, r.Tokens = r.Seconds+tick.Seconds, r.Tokens+tick.Tokens
	}
	if r.Seconds == 0 {
		return errors.New(path + " says of no step how long it took")
	}
	return nil
}
