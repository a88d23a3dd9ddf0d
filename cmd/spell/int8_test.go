package main

import (
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestInt8 generates and scores with int8 weights: the results are near those of the stored
// weights, how near is said on standard error, and --quiet keeps silent.
func TestInt8(t *testing.T) {
	f := newFixture(t)
	line := regexp.MustCompile(`^int8 beside the weights as stored: ` +
		`mean \|Δ log p\| 0\.\d{4}, largest 0\.\d{4} over (\d+) tokens` +
		`(; another most likely token in [0-3] of 3 places)?\n$`)
	type answer struct {
		IDs      []int32   `json:"ids"`
		LogProbs []float32 `json:"logprobs"`
	}
	generate := []string{"generate", "--model", f.dir, "--ids", "1,2,3", "--n", "3", "--max-tokens", "20",
		"--json", "--precision", "int8"}
	o := spell(t, "", generate...)
	if m := line.FindStringSubmatch(o.stderr); o.code != 0 || m == nil || m[1] != "60" {
		t.Errorf("generate: exit code %d, %q", o.code, o.stderr)
	}
	if quiet := succeed(t, "", append(generate, "--quiet")...); quiet != o.out {
		t.Error("--quiet changes the answers")
	}
	if got := decode[[]answer](t, o.out); len(got) != 3 || len(got[0].LogProbs) != 20 {
		t.Errorf("answers %v", got)
	}

	score := []string{"score", "--model", f.dir, "--ids", f.ids, "--json"}
	want := decode[golden](t, succeed(t, "", score...))
	o = spell(t, "", append(score, "--precision", "int8")...)
	if m := line.FindStringSubmatch(o.stderr); o.code != 0 || m == nil || m[1] != "2" || m[2] == "" {
		t.Errorf("score: exit code %d, %q", o.code, o.stderr)
	}
	got := decode[golden](t, o.out)
	same := true
	for i, w := range want.LogProb {
		d := math.Abs(got.LogProb[i] - w)
		same = same && d == 0
		if !(d < 0.5) {
			t.Errorf("log-probability %g with int8 weights, %g with those stored", got.LogProb[i], w)
		}
	}
	if same {
		t.Error("int8 weights give the log-probabilities of f32 weights")
	}
	text := succeed(t, "", "score", "--model", f.dir, "--ids", f.ids, "--precision", "int8", "--quiet")
	if !strings.Contains(text, "2 tokens scored") {
		t.Errorf("%q", text)
	}
}

// TestTrainInt8: answers from an int8 copy of the weights, which follows their updates, so that a
// resumed run leaves the bytes of one that was left alone; how far its log-probabilities are off is
// a metric.
func TestTrainInt8(t *testing.T) {
	dir, args := chainRun(t)
	straight, cut := filepath.Join(dir, "straight"), filepath.Join(dir, "cut")
	run := func(out string, more ...string) string {
		return succeed(t, "", args(out, append([]string{"--workers", "1"}, more...)...)...)
	}
	out := run(straight, "--precision", "int8", "--steps", "3")
	apart := regexp.MustCompile(`\|Δlogp\| 0\.[0-9]+ mean 0\.[0-9]+`)
	if n := len(apart.FindAllString(out, -1)); n != 2 || !strings.Contains(out, "f32; generating in int8;") {
		t.Errorf("%d steps say how far int8 is off:\n%s", n, out)
	}
	type step struct {
		Update struct {
			Max  float64 `json:"max_logp_diff"`
			Mean float64 `json:"mean_logp_diff"`
		} `json:"update"`
	}
	for i, line := range slices.Collect(strings.Lines(string(read(t, filepath.Join(straight, "metrics.jsonl"))))) {
		u := decode[step](t, line).Update
		switch {
		case i == 0 && u.Max != 0: // the chain is made of numbers that int8 holds
			t.Errorf("before the first update int8 is off by %+v", u)
		case i > 0 && !(u.Mean > 0 && u.Mean < 0.02 && u.Max >= u.Mean && u.Max < 0.2):
			t.Errorf("int8 is off by %+v", u)
		}
	}
	run(cut, "--precision", "int8", "--steps", "2")
	spell(t, "", args(cut, "--precision", "f32", "--steps", "3", "--resume")...).fails(t, "began with int8 true")
	run(cut, "--steps", "3", "--resume") // as it began
	sameFiles(t, straight, cut, append([]string{"transcript.jsonl", "metrics.jsonl"}, checkpoint(3)...)...)
}
