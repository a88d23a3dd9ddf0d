package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/journal"
)

// pagesOf writes pages of fields and sentences into two folders, no two of them about the same.
func pagesOf(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := range 16 {
		name := fmt.Sprintf("%c%cland", 'A'+i, 'o'+i%5)
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n\nCapital: Port %s\nArea: %d sq km\nPopulation: %d (2015)\nCoastline: %d km\n\n", name,
			strings.ToUpper(name[:3]), 1200+37*i, 400000+911*i, 50+3*i)
		for k := range 6 {
			fmt.Fprintf(&b, "The harbour of quarter %d in %s was finished by the Company of %c%d in %d, and the "+
				"bridge behind it opened in %d.\n\n", 10+i*7+k, name, 'K'+k, i, 1800+i*6+k, 1900+i*5+k)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("region-%d", i%2), name+".txt"), b.String())
	}
	return dir
}

// TestTrainOnDocuments: with --docs alone the base for documents asks at places that are drawn, the truth is told, and
// what is measured on is never trained on. One worker and two come to the same.
func TestTrainOnDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("trains the base for documents")
	}
	docs := pagesOf(t)
	type test struct {
		Over      string `json:"over"`
		PerPrompt []int  `json:"per_prompt"`
		Outcomes  string `json:"outcomes"`
	}
	type metrics struct {
		Tests []test `json:"held_out"`
		Truth *struct {
			Drawn, Parsed, Known int
		} `json:"truth"`
	}
	var results []string
	for workers := range 2 {
		out := filepath.Join(t.TempDir(), "out")
		said := succeed(t, "", "train", "--quiet", "--docs", docs, "--out", out, "--steps", "1", "--eval", "12",
			"--held-out", "0.3", "--workers", fmt.Sprint(1+workers), "--set", "test_tokens=160", "--set", "doc_chars=240", "--set",
			"max_prompt=900", "--set", "draw=16", "--set", "questions=6", "--set", "answers=4", "--set", "votes=2")
		var truth, measured int
		for line, err := range journal.Lines(filepath.Join(out, "metrics.jsonl")) {
			var m metrics
			if err == nil {
				err = json.Unmarshal(line, &m)
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Truth != nil && m.Truth.Drawn > 0 {
				truth++
			}
			for i, test := range m.Tests {
				n := 0
				for _, of := range test.PerPrompt {
					n += of
				}
				if test.Over != fmt.Sprintf("%d tokens of documents", 160<<i) || n != len(test.Outcomes) || n == 0 {
					t.Errorf("%+v", test)
				}
				measured++
			}
		}
		if truth != 1 || measured < 4 || measured%2 != 0 {
			t.Errorf("the truth is told %d times, and %d tests", truth, measured)
		}
		asked := 0
		for line, err := range journal.Lines(filepath.Join(out, "transcript.jsonl")) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(line), "ask text about ") {
				asked++
			}
		}
		if asked < 2 {
			t.Errorf("%d questioners were shown a place", asked)
		}
		results = append(results, said)
	}
	cut := func(s string) string { return s[:strings.LastIndex(s, "model: ")] }
	if cut(results[0]) != cut(results[1]) {
		t.Errorf("two workers say\n%s\nand one\n%s", results[1], results[0])
	}
	if !strings.Contains(results[0], "before → after") ||
		!strings.Contains(results[0], "about facts of the documents") {

		t.Errorf("a run says\n%s", results[0])
	}
}
