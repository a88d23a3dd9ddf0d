package spell

import (
	"reflect"
	"strings"
	"testing"

	"spell/rl/settings"
)

// TestSettings: every setting has a JSON name, a value and a meaning, and the file that says so
// reads back as the same settings.
func TestSettings(t *testing.T) {
	for _, c := range []Config{Default(), Small()} {
		var text strings.Builder
		if err := settings.Write(&text, c, ""); err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := settings.Read("", []byte(text.String()), &again); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("the file reads back as %+v, %v", again, err)
		}
		seen := map[string]bool{}
		within := ""
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			name, rest, _ := strings.Cut(line, ":")
			if rest == "" { // fields of a struct follow
				within = name + "."
				continue
			}
			if own := strings.TrimSpace(name); own != name {
				name = within + own
			}
			described := strings.Contains(rest, "#") || i+1 < len(lines) &&
				strings.HasPrefix(strings.TrimSpace(lines[i+1]), "#")
			if !described || seen[name] || strings.TrimSpace(strings.Split(rest, "#")[0]) == "" {
				t.Errorf("setting %q", line)
			}
			seen[name] = true
		}
		if len(seen) < 50 || !seen["reward.sigma"] || !seen["optim.lr"] || !seen["seed"] || !seen["steps"] {
			t.Errorf("%d settings", len(seen))
		}
	}
}
