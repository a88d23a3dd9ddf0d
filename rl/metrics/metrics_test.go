package metrics_test

import (
	"strings"
	"testing"

	"spell/rl/metrics"
	"spell/rl/role"
)

type inner struct {
	Right int `json:"right" doc:"right ones"`
}

type Embedded struct {
	Rate float64 `json:"rate" doc:"share of them"`
}

type line struct {
	Embedded
	Step   int       `json:"step"`
	Role   role.Role `json:"role" doc:"its name"`
	Tests  []inner   `json:"tests" doc:"of the tests"`
	Best   *inner    `json:"best,omitempty" doc:"of the best, which has a meaning of so many words that they take a second line"`
	Ignore int       `json:"-"`
	within int
}

// TestWrite: fields stand in order, those of embedded structs with the others and those of lists and structs
// further in, and meanings are those of tags or of the table.
func TestWrite(t *testing.T) {
	const want = `A line:
  rate                share of them
  step                the step
  role                its name
  tests               list: of the tests
    right             right ones
  best                of the best, which has a meaning of so many words that they take a second line
                      (left out if there is none)
    right             others
`
	var b strings.Builder
	l := metrics.Line{What: "A line", Value: line{within: 1}, Docs: map[string]string{"step": "the step",
		"best/right": "others"}}
	if err := l.Write(&b); err != nil || b.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
	}
}
