package runner

import (
	"strings"
	"testing"
	"time"
)

// TestTell: a run says at any time where it is, how far, and when it last moved.
func TestTell(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		c := newClocked(t, true, quiet)
		for _, tt := range []struct {
			do   func()
			want string
		}{
			{func() {}, "spell: nothing has begun yet"},
			{func() { c.phase("loading the model") }, "spell: loading the model; it last moved 5 s ago"},
			{func() { c.Progress("reading docs", 3, 40) }, "spell: reading docs, 3 of 40 done; it last moved 5 s ago"},
			{func() { c.begin(2, 9) }, "spell: step 2 of 9: beginning; it last moved 5 s ago"},
			{func() { c.show("answering", 0.25, 100) },
				"spell: step 2 of 9: answering, 25% done; it last moved 5 s ago"},
			{func() { c.show("answering", 0.25, 100) }, // which is no motion
				"spell: step 2 of 9: answering, 25% done; it last moved 10 s ago"},
			{func() { c.show("answering", 0.25, 200) },
				"spell: step 2 of 9: answering, 25% done; it last moved 5 s ago"},
			{func() { c.end(); c.begin(0, 0); c.show("held-out questions", 0.5, 1) },
				"spell: held-out questions, 50% done; it last moved 5 s ago"},
		} {
			tt.do()
			c.time = c.time.Add(5 * time.Second)
			before := len(c.lines())
			c.Tell()
			said := c.lines()[before:]
			if got := strings.TrimPrefix(said[len(said)-1], "\x1b[K"); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		}
	}
}

// TestStandsStill: a run that does not move for long says so once, and again after it has moved. One that takes
// long between its motions is given longer.
func TestStandsStill(t *testing.T) {
	c := newClocked(t, false, true)
	tokens := 0
	wait := func(minutes int) (said int) {
		before := len(c.lines())
		for range minutes {
			c.time = c.time.Add(time.Minute)
			c.tellStill()
		}
		return len(c.lines()) - before
	}
	if said := wait(30); said != 0 {
		t.Errorf("%d lines before anything has begun", said)
	}
	c.begin(1, 2)
	for i, tt := range []struct{ minutes, said int }{
		{9, 0},  // the longest wait so far
		{26, 0}, // less than three times as long
		{78, 1},
		{200, 0},
		{700, 1},
	} {
		tokens++
		c.show("updating", 0.5, tokens)
		if said := wait(tt.minutes); said != tt.said {
			t.Errorf("wait %d of %d minutes: %d lines, want %d", i, tt.minutes, said, tt.said)
		}
	}
	last := c.lines()[len(c.lines())-1]
	if want := "spell: step 1 of 2: updating, 50% done; it last moved "; !strings.HasPrefix(last, want) {
		t.Errorf("%q, want %q", last, want)
	}
}
