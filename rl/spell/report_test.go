package spell

import (
	"strings"
	"testing"
	"unicode/utf8"

	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/role"
)

// TestReportFitsATerminal: within 80 columns, beside a rate, a step says how many questions were asked,
// read and good, the pass rate and, if it is known, the share of true ones; and the columns of a run's
// steps stand below each other.
func TestReportFitsATerminal(t *testing.T) {
	const rate = "  312345 tokens/s"
	for _, drawn := range []int{1, 24, 96, 480, 999} {
		for _, truth := range []*Truth{nil, {Parsed: drawn, Right: drawn}, {Parsed: drawn}} {
			place := 0
			for step, good := range map[int]int{1: 0, 60: min(9, drawn), 480: drawn} {
				rep := &Report{Step: step, PassRate: float64(good) / float64(drawn), Truth: truth}
				rep.Counts = curriculum.Counts{Drawn: drawn, Good: good, BadFormat: drawn - good}
				for r := range role.Role(role.NumRoles) {
					rep.Roles = append(rep.Roles, RoleReport{Role: r})
				}
				if good > 0 {
					rep.Update = rl.Update{Parts: []rl.Part{{Name: "responder", Sequences: good, Tokens: good}}}
				}
				line := rep.String()
				last := "pass "
				if truth != nil && drawn < 480 {
					last = "true "
				}
				at := strings.Index(line, last)
				if n := utf8.RuneCountInString(line[:max(at, 0)] + "true 100%" + rate); at < 0 || n > 80 {
					t.Errorf("%q takes %d columns to its %q", line, n, last)
				}
				if place > 0 && at != place {
					t.Errorf("%q has %q at %d, another step at %d", line, last, at, place)
				}
				place = at
				if remark := "nothing to train on"; strings.Contains(line, remark) != (good == 0) {
					t.Errorf("%d good: %q", good, line)
				}
			}
		}
	}
}
