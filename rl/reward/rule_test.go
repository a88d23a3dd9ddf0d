package reward

import (
	"testing"

	"spell/rl/role"
)

func TestCoverExactMatch(t *testing.T) {
	tests := []struct {
		prediction, reference string
		want                  bool
	}{
		{"It was the Old Mill, in 1904.", "old mill", true},
		{"mill", "the old mill", false}, // the loose direction is not accepted
		{"An  apple", "the apple!", true},
		{"U.S.A.", "usa", true},
		{"a theory", "the ory", true}, // characters, not words, as in the paper's code
		{"Åland", "åland", true},
		{"“Quoted”", "quoted", true},
		{"$5", "5", true},
		{"anything", "the", false}, {"anything", "", false}, {"", "x", false}, {"", "", false},
	}
	for _, tt := range tests {
		if got := CoverExactMatch(tt.prediction, tt.reference); got != tt.want {
			t.Errorf("CoverExactMatch(%q, %q) = %v", tt.prediction, tt.reference, got)
		}
	}
}

func TestNumeric(t *testing.T) {
	tests := []struct {
		prediction, reference string
		tolerant, strict      bool
	}{
		{"100.1", "100", true, true},   // 0.1 % off
		{"100.2", "100", false, false}, // 0.2 % off
		{"99.9", "100", true, true}, {"99.8", "100", false, false},
		{"12.5 %", "0.125", true, false}, {"0.125", "12.5", true, false}, {"1,234.5", "1234.6", true, true},
		{"1.2 million", "1.2", true, true}, {"1.2 million", "1200 thousand", true, true}, {"1.2 million", "1.2 billion", true, false},
		{"1200000", "1.2 million", true, false}, {"5e9", "5", true, false}, {"50", "5", false, false},
		{"-5", "5", true, false}, {"-500", "5", true, false}, {"-5.004", "5", false, false},
		{"0.0002", "0.0009", true, false}, {"0.0002", "0.0011", false, false}, {"3.14159", "3.1416", true, true},
		{"0", "0", true, true}, {"3/4", "0.75", true, true}, {"", "5", false, false}, {"five", "5", false, false}, {"5", "", false, false},
		{"9**9**9", "5", false, false}, {"__import__('os')", "5", false, false}, {"[0]*10**10", "5", false, false},
		{"1e308", "1e300", false, false}, {"1e308", "9e307", false, false},
	}
	for _, tt := range tests {
		if got := Numeric(tt.prediction, tt.reference); got != tt.tolerant {
			t.Errorf("Numeric(%q, %q) = %v", tt.prediction, tt.reference, got)
		}
		if got := NumericStrict(tt.prediction, tt.reference); got != tt.strict {
			t.Errorf("NumericStrict(%q, %q) = %v", tt.prediction, tt.reference, got)
		}
	}
}

func TestRuleFollowsTheTask(t *testing.T) {
	c := Default()
	strict := c
	strict.Strict = true
	tests := []struct {
		c                     Config
		task                  role.Task
		prediction, reference string
		want                  bool
	}{
		{c, role.GeneralQA, "the mill", "mill", true}, {c, role.GeneralQA, "100.1", "100", true}, {c, role.GeneralQA, "99.9", "100", false},
		{c, role.Numeric, "99.9", "100", true}, {c, role.Numeric, "-5", "5", true}, {strict, role.Numeric, "-5", "5", false},
		{c, role.MultipleChoice, "B", "B", true}, {c, role.MultipleChoice, "B", "C", false}, {c, role.MultipleChoice, "b", "b", false},
		{c, role.MultipleChoice, "AB", "AB", false}, {c, role.MultipleChoice, "", "", false},
	}
	for _, tt := range tests {
		if got := tt.c.Rule(tt.task, tt.prediction, tt.reference); got != tt.want {
			t.Errorf("Rule(%v, %q, %q) = %v", tt.task, tt.prediction, tt.reference, got)
		}
	}
}
