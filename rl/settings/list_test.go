package settings

import (
	"os"
	"regexp"
	"testing"
)

// TestListAdvice: a list that an error advises is accepted when it is written as it stands there.
func TestListAdvice(t *testing.T) {
	raw, err := os.ReadFile(situations)
	if err != nil {
		t.Fatal(err)
	}
	advice := regexp.MustCompile(`(?m)^error: (?:(c\.\w+), line.*?:|--set.*?:) (\w+) is .*?; write a list.*?(\[.*\])`)
	all := advice.FindAllStringSubmatch(string(raw), -1)
	for _, m := range all {
		file, text := m[1], m[2]+": "+m[3]
		if file == "c.json" {
			text = `{"` + m[2] + `": ` + m[3] + "}"
		}
		if err := Read(file, []byte(text), example()); err != nil {
			t.Errorf("%s\n%v", m[0], err)
		}
		if err := Set(example(), m[2]+"="+m[3]); err != nil {
			t.Errorf("%s\n%v", m[0], err)
		}
	}
	if len(all) < 10 {
		t.Errorf("%d errors advise a list", len(all))
	}
}
