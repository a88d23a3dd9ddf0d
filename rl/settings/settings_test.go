package settings

import (
	"strings"
	"testing"
)

type inner struct {
	Sigma float64 `json:"sigma" doc:"a width"`
}

type outer struct {
	Steps int      `json:"steps" doc:"how many"`
	Names []string `json:"names" doc:"which"`
	Inner inner    `json:"inner"`
}

func TestDescribe(t *testing.T) {
	var text strings.Builder
	if err := Describe(&text, outer{3, []string{"a", "<b>"}, inner{0.5}}); err != nil {
		t.Fatal(err)
	}
	if want := "steps        3            how many\nnames        [\"a\",\"<b>\"]  which\ninner.sigma  0.5          a width\n"; text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
}

func TestSame(t *testing.T) {
	a := outer{3, []string{"a"}, inner{0.5}}
	if err := Same(a, outer{3, []string{"a"}, inner{0.5}}); err != nil {
		t.Error(err)
	}
	if err := Same(a, outer{3, []string{"a"}, inner{0.25}}); err == nil || !strings.Contains(err.Error(), "began with inner.sigma 0.5 and now it is 0.25") {
		t.Errorf("another width: %v", err)
	}
}

func TestRead(t *testing.T) {
	c := outer{3, []string{"a"}, inner{0.5}}
	if err := Read([]byte(`{"inner": {"sigma": 2}}`), &c); err != nil || c.Inner.Sigma != 2 || c.Steps != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	for text, say := range map[string]string{`{"step": 1}`: `unknown field "step"`, `{} {}`: "more than one", `{`: "EOF", `{"steps": "x"}`: "steps"} {
		if err := Read([]byte(text), &c); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}
