package rl

import (
	"strings"
	"testing"

	"spell/rl/settings"
)

// TestDescribe: every setting has a JSON name, a value and a meaning.
func TestDescribe(t *testing.T) {
	for _, c := range []Config{Default(), Small()} {
		var text strings.Builder
		if err := settings.Describe(&text, c); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(text.String()) {
			f := strings.Fields(line)
			if len(f) < 3 || strings.HasSuffix(f[0], ".") || seen[f[0]] {
				t.Errorf("setting %q", line)
				continue
			}
			seen[f[0]] = true
		}
		if len(seen) < 50 || !seen["reward.sigma"] || !seen["optim.lr"] {
			t.Errorf("%d settings", len(seen))
		}
	}
}
