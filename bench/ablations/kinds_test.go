package main

import (
	"context"
	"strings"
	"testing"

	"spell/rl/corpus/world"
	"spell/rl/eval"
)

// TestKinds: outcomes count for the kinds of their questions, and counts are no part of the last line.
func TestKinds(t *testing.T) {
	const n = 24
	r := result{key: key{Row: "spell", Seed: 3}}
	for _, docs := range []int{5, 10} {
		items, err := eval.HeldOut(t.Context(), n, docs)
		if err != nil {
			t.Fatal(err)
		}
		after := ""
		for _, item := range items {
			for _, q := range item.Questions {
				switch {
				case q.Kind == world.Count:
					after += "-"
				case q.Kind == world.ThreeHop && docs == 10:
					after += "0"
				default:
					after += "1"
				}
			}
		}
		all := eval.Count{N: n}
		r.Tests = append(r.Tests, test{Docs: docs, Before: outcome{All: all, Outcomes: strings.Repeat("1", n)},
			After: outcome{All: all, Outcomes: after}})
	}
	var b strings.Builder
	if err := kinds(t.Context(), &b, []result{r, r}); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(b.String()) {
		cells := strings.Split(line, "|")
		found[strings.TrimSpace(cells[1])] = strings.Join(strings.Fields(strings.Join(cells[2:4], ";")), " ")
	}
	for kind, want := range map[string]string{
		"count":     "100.0 → 0.0 ; 100.0 → 0.0",
		"three-hop": "100.0 → 100.0 ; 100.0 → 0.0",
		"two-hop":   "100.0 → 100.0 ; 100.0 → 100.0",
	} {
		if found[kind] != want {
			t.Errorf("%s: %q, want %q in\n%s", kind, found[kind], want, b.String())
		}
	}
	last := found["all but counts"]
	if !strings.HasPrefix(last, "100.0 → 100.0 ; 100.0 → ") || strings.HasSuffix(last, " 0.0") {
		t.Errorf("all but counts: %q", last)
	}
	r.Tests[1].After.Outcomes = "1"
	err := kinds(context.Background(), &b, []result{r})
	if err == nil || !strings.Contains(err.Error(), "spell, seed 3") {
		t.Errorf("too few outcomes: %v", err)
	}
}
