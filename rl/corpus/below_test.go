package corpus

import "testing"

// TestBelow: a pattern means a file, a piece of it, or what is below a folder.
func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		document string
		patterns []string
		below    bool
	}{
		{"a/b/c.txt", []string{"a/b/c.txt"}, true},
		{"a/b/c.txt#12", []string{"a/b/c.txt"}, true},
		{"a/b/c.txt", []string{"a"}, true},
		{"a/b/c.txt", []string{"a/*"}, true},
		{"a/b/c.txt", []string{"x", "a/b"}, true},
		{"a/b/c.txt", []string{"*"}, true},
		{"a/b/c.txt", []string{"b"}, false},
		{"a/b/c.txt", []string{"c.txt"}, false},
		{"a/b/c.txt", []string{"a/*/*/*"}, false},
		{"ab/c.txt", []string{"a"}, false},
		{"c.txt", []string{"*.txt"}, true},
		{"/c.txt", []string{"/*.txt"}, true},
		{"c.txt", []string{"[c"}, false},
		{"c.txt", nil, false},
		{"", []string{"a"}, false},
	} {
		if got := Below(tt.document, tt.patterns...); got != tt.below {
			t.Errorf("%q below %q is %v", tt.document, tt.patterns, got)
		}
	}
}
