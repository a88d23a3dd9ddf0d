package textcase

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParse: commands, inputs and outputs are read as they stand, and a case that does not end is
// an error.
func TestParse(t *testing.T) {
	text := "# one\n\n# two\nsay a b\n first\n\nsecond\n----\nout\n out\n\nsay\n\"x\\n\\xff\"\n----\n\n# end\n"
	var got []string
	rest, err := parse(text, func(comment string, c *Case, input string) {
		got = append(got, fmt.Sprintf("%q %d %s %q %q %q", comment, c.Line, c.Command, c.Args, c.Input, c.want))
	})
	want := []string{
		`"# one\n\n# two\n" 4 say ["a" "b"] " first\n\nsecond" "out\n out"`,
		`"\n" 12 say [] "x\n\xff" ""`,
	}
	if err != nil || rest != "\n# end\n" || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, %v:\n%s\nwant\n%s", rest, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := parse("say\nx\n", func(string, *Case, string) {}); err == nil ||
		!strings.HasPrefix(err.Error(), "1:") {
		t.Errorf("a case without an end gives %v", err)
	}
}

// TestUpdate: a rewritten file holds the outputs that came, and everything else as it was.
func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cases.txt")
	cases := "# note\nup\n a\nb\n----\nwrong\n\nup\n\"\\x41b\"\n----\n"
	if err := os.WriteFile(path, []byte(cases), 0o644); err != nil {
		t.Fatal(err)
	}
	was := *update
	defer func() { *update = was }()
	*update = true
	up := func(c Case) string { return strings.ToUpper(c.Input) }
	Run(t, path, up)
	got, err := os.ReadFile(path)
	if want := "# note\nup\n a\nb\n----\n A\nB\n\nup\n\"\\x41b\"\n----\nAB\n"; err != nil || string(got) != want {
		t.Errorf("the file reads\n%q\nwant\n%q", got, want)
	}
}
