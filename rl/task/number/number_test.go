package number

import (
	"math"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in           string
		value, scale float64
	}{
		{"5", 5, 0}, {" 5. ", 5, 0}, {"-5", -5, 0}, {"−5", -5, 0}, {"+5", 5, 0}, {"(5)", 5, 0}, {".5", 0.5, 0}, {"-.5", -0.5, 0},
		{"$1,234.5", 1234.5, 0}, {"-$5", -5, 0}, {"$-5", -5, 0}, {"US$ 7", 7, 0}, {"€12", 12, 0}, {"12 USD", 12, 0},
		{"12,34,567", 1234567, 0}, {"1,234,567.25", 1234567.25, 0}, {"1{,}234", 1234, 0},
		{"12.5%", 12.5, 0.01}, {"12.5 %", 12.5, 0.01}, {`12.5\%`, 12.5, 0.01}, {"12.5 percent", 12.5, 0.01}, {"30 bps", 30, 1e-4},
		{"1.2 million", 1.2, 1e6}, {"1.2 Million dollars", 1.2, 1e6}, {"3bn", 3, 1e9}, {"5k", 5, 1e3}, {"7 kg", 7, 0},
		{"10^6", 1e6, 0}, {"2.5 × 10^6", 2.5e6, 0}, {`2.5 \times 10^{-3}`, 2.5e-3, 0}, {"2*10**3", 2000, 0}, {"2 x 10^3", 2000, 0},
		{"1e3", 1000, 0}, {"1.5E-2", 0.015, 0}, {"3/4", 0.75, 0}, {`\frac{3}{4}`, 0.75, 0}, {"- 3 / 4", -0.75, 0},
		{"x = 42", 42, 0}, {"7*6 = 42", 42, 0}, {"1/3 ≈ 0.333", 0.333, 0}, {"about 12 apples", 12, 0}, {"FY-5", 5, 0},
		{"2 x 7 = 14 goats", 14, 0}, {"0", 0, 0},
	}
	for _, tt := range tests {
		n, ok := Parse(tt.in)
		if !ok || math.Abs(n.Value-tt.value) > 1e-12*math.Abs(tt.value) || n.Scale != tt.scale {
			t.Errorf("Parse(%q) = %v, %v; want {%v %v}", tt.in, n, ok, tt.value, tt.scale)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "none", "NaN", "inf", "-", ".", "1,2", "1,23", "1,2345", "5-6", "3 of 5", "2020-01-05", "9**9**9", "2^3",
		"__import__('os').system('echo 1 2')", "1/0", "1e9999", "1e999", "10^999", "9" + strings.Repeat("9", 400),
		strings.Repeat("1,000", 60), "1.2.3", "1 1/2", "x = ",
	} {
		if n, ok := Parse(in); ok {
			t.Errorf("Parse(%.40q) = %v, want a refusal", in, n)
		}
	}
}

func TestFind(t *testing.T) {
	tests := []struct{ in, want string }{
		{"42, since 7*6 = 42", "42"}, {"-$1,200.5 million in total", "-$1,200.5 million"}, {"approximately 5 % of 20", "5 %"},
		{"2.5 × 10^6 units", "2.5 × 10^6"}, {"3/4 of it", "3/4"},
	}
	for _, tt := range tests {
		if got, ok := Find(tt.in); !ok || got != tt.want {
			t.Errorf("Find(%q) = %q, %v; want %q", tt.in, got, ok, tt.want)
		}
	}
	if got, ok := Find("no number"); ok {
		t.Errorf("Find = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"$1,234.5", `\frac{3}{4}`, "2.5 × 10^6", "1/0", "-.5e-3 %", "=≈", "10^", "١٢"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := Parse(s); ok && (math.IsNaN(n.Value) || math.IsInf(n.Value, 0)) {
			t.Errorf("Parse(%q) = %v", s, n)
		}
		if found, ok := Find(s); ok && found == "" {
			t.Errorf("Find(%q) found nothing", s)
		}
	})
}
