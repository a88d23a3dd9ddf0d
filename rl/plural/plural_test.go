package plural

import "testing"

// TestOf: one is one, and all else is many.
func TestOf(t *testing.T) {
	for want, n := range map[string]int{"0 steps": 0, "1 step": 1, "2 steps": 2, "11 steps": 11, "-1 steps": -1} {
		if got := Of(n, "step"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
		verb := " are"
		if n == 1 {
			verb = " is"
		}
		if got := Are(n, "step"); got != want+verb {
			t.Errorf("%d is %q, want %q", n, got, want+verb)
		}
	}
}
