package settings

import (
	"slices"
	"testing"
)

// TestChanges: each kind of field that differs, with a value that Set takes, and no other.
func TestChanges(t *testing.T) {
	type part struct {
		N int `json:"n"`
	}
	type config struct {
		Size  int      `json:"size" resume:"free"`
		Name  string   `json:"name"`
		On    bool     `json:"on"`
		Rate  float64  `json:"rate"`
		List  []string `json:"list"`
		Inner part     `json:"inner"`
		Parts []part   `json:"parts"`
		At    *part    `json:"at"`
		Same  int      `json:"same"`
	}
	from := config{Size: 1, Name: "a", Rate: 1, List: []string{"x"}, Parts: []part{{1}, {2}}, At: &part{1}}
	to := config{Size: 2, Name: "b c", On: true, Rate: 1e-9, List: []string{"x", "z"}, Inner: part{3},
		Parts: []part{{1}, {4}}, At: &part{5}}
	got := Changes(&from, &to)
	want := []Change{{"size", "2", true}, {"name", `"b c"`, false}, {"on", "true", false}, {"rate", "1.0e-9", false},
		{"list", "[x, z]", false}, {"inner.n", "3", false}, {"parts.1.n", "4", false}, {"at.n", "5", false}}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	for _, c := range got {
		if err := Set(&from, c.Name+"="+c.Value); err != nil {
			t.Error(err)
		}
	}
	if left := Changes(&from, &to); len(left) > 0 {
		t.Errorf("followed, there are still %v", left)
	}
}
