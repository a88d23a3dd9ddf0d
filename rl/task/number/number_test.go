package number

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/internal/textcase"
)

// TestNumbers runs testdata/numbers.txt: a line of input is a text, its output what is read of it.
func TestNumbers(t *testing.T) {
	textcase.Run(t, filepath.Join("testdata", "numbers.txt"), func(c textcase.Case) string {
		var out strings.Builder
		for line := range strings.Lines(c.Input) {
			line = strings.TrimSuffix(line, "\n")
			switch c.Command {
			case "number":
				n, ok := Parse(line)
				written, same := Written(line)
				if ok != same {
					t.Errorf("%q is read by one of Parse and Written", line)
				}
				switch {
				case !ok:
					out.WriteString("none\n")
				case n.Scale != 0:
					fmt.Fprintf(&out, "%.10g of %.10g, written %s\n", n.Value, n.Scale, written)
				default:
					fmt.Fprintf(&out, "%.10g, written %s\n", n.Value, written)
				}
			case "lead":
				if written, ok := Lead(line); ok {
					out.WriteString(written + "\n")
				} else {
					out.WriteString("none\n")
				}
			default:
				return "unknown command"
			}
		}
		return out.String()
	})
}

// TestLong: what is too long for a number, or too large for a float64, is none.
func TestLong(t *testing.T) {
	for _, in := range []string{
		"", "9" + strings.Repeat("9", 400), strings.Repeat("1,000", 60), "1" + strings.Repeat(" ", 300),
	} {
		if n, ok := Parse(in); ok {
			t.Errorf("Parse(%.40q) = %v, want a refusal", in, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"$1,234.5", `\frac{3}{4}`, "2.5 × 10^6", "1/0", "-.5e-3 %", "=≈", "10^", "١٢", "(1 234)", "-($5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := Parse(s); ok && (math.IsNaN(n.Value) || math.IsInf(n.Value, 0)) {
			t.Errorf("Parse(%q) = %v", s, n)
		}
		if written, ok := Written(s); ok && written == "" {
			t.Errorf("Written(%q) is empty", s)
		}
		if lead, ok := Lead(s); ok && lead == "" {
			t.Errorf("Lead(%q) is empty", s)
		}
	})
}
