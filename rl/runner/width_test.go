package runner

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A remarked is a line of some text, with remarks.
type remarked struct {
	text    string
	remarks []string
}

func (s remarked) String() string    { return s.text }
func (s remarked) Remarks() []string { return s.remarks }

// TestFitted: at every width each line of a report begins as the whole line does, ends between two parts
// and with its rate, and is no longer than the terminal if its first part leaves room. Remarks are shown
// at all widths, and where there is no terminal all is.
func TestFitted(t *testing.T) {
	const rate = "  21790 tokens/s"
	for _, l := range []remarked{
		{"step 12   96 asked, 95 readable, 30 good  pass  69%  true  80%  1 skipped, 16 all wrong  entropy 0.15", nil},
		{"step 1    96 asked,  0 readable  nothing to do  pass   0%  |Δlogp| 0", []string{"nothing to do"}},
		{"after 1 step: over 3 documents  90.0%  one-hop 100\nafter 1 step: over 32 documents  80.0%  two-hop 67", nil},
		{"a", nil}, {"", nil},
	} {
		full := strings.Split(l.text, "\n")
		for width := range 130 {
			got := strings.Split(fitted(l, rate, width), "\n")
			for i, line := range full {
				if width == 0 {
					if i == len(full)-1 && got[i] != line+rate || len(got) != len(full) {
						t.Errorf("without a terminal it is %q", got)
					}
					continue
				}
				shown, ok := strings.CutSuffix(got[i], rate)
				rest, begins := strings.CutPrefix(line, shown)
				if !ok || !begins || rest != "" && !strings.HasPrefix(rest, "  ") {
					t.Errorf("width %d: %q of %q", width, got[i], line)
				}
				if n := utf8.RuneCountInString(got[i]); n > width && strings.Contains(shown, "  ") {
					t.Errorf("width %d: %q is %d wide", width, got[i], n)
				}
				if next, _, more := strings.Cut(strings.TrimLeft(rest, " "), "  "); more &&
					utf8.RuneCountInString(got[i]+"    "+next) <= width {
					t.Errorf("width %d: %q leaves out %q", width, got[i], next)
				}
			}
			for _, r := range l.remarks {
				if strings.Count(strings.Join(got, "\n"), r) != 1 {
					t.Errorf("width %d: %q lacks %q, or says it twice", width, got, r)
				}
			}
		}
	}
}
