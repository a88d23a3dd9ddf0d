package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnfinished: what a step that was cut short had sampled is not sampled again, if it is of the step
// that is made next and can be read; else it is passed over, and the step is made anew to the same bytes.
func TestUnfinished(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, c := range []struct {
		name    string
		change  func(text string) string
		sampled int // in steps 4 and 5
		note    bool
	}{
		{"as it was", func(s string) string { return s }, 3, false},
		{"two of three", func(string) string { return "{\"done\":3}\n[30,31]\n" }, 4, false},
		{"of an earlier step", func(string) string { return "{\"done\":2}\n[1,2,3]\n" }, 6, false},
		{"of a later step", func(string) string { return "{\"done\":4}\n[1,2,3]\n" }, 6, false},
		{"empty", func(string) string { return "" }, 6, true},
		{"no JSON", func(string) string { return "\x00\x00\x00\n" }, 6, true},
		{"a header without its end", func(string) string { return `{"done":3}` }, 6, true},
		{"a header alone", func(string) string { return "{\"done\":3}\n" }, 6, true},
		{"cut off", func(s string) string { return s[:len(s)-4] }, 6, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if said := newFake().stopAt(t, dir, 4, false); !strings.Contains(said, "of which 3 outputs are kept") {
				t.Errorf("it says %q", said)
			}
			at := filepath.Join(dir, unfinishedFile)
			raw, err := os.ReadFile(at)
			must(t, err)
			must(t, os.WriteFile(at, []byte(c.change(string(raw))), 0o666))
			f := newFake()
			s := f.mustRun(t, dir, true)
			if f.sampled != c.sampled {
				t.Errorf("%d samples, want %d", f.sampled, c.sampled)
			}
			if note := strings.Contains(s.err, "step 4 is made anew") && strings.Contains(s.err, at); note != c.note {
				t.Errorf("it says %q", s.err)
			}
			equal(t, files(t, dir), files(t, plain))
		})
	}
}
