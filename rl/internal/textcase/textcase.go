// Package textcase runs tests that are written as text files, so that a reader can follow and
// extend what a parser does without reading Go. A file is a list of cases:
//
//	# A comment, up to the command.
//	command argument argument
//	input, of any number of lines
//	----
//	expected output without blank lines, up to a blank line or the end of the file
//
// An input of one line that is a quoted Go string stands for that string, where an editor would not
// keep what it holds.
//
// "go test -run TestX -update" rewrites the expected outputs by what the code returns; read the
// difference before it is committed.
package textcase

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected outputs of the text files that a test reads")

// Case is one case of a file.
type Case struct {
	Command string
	Args    []string
	Input   string // without the last line's end
	Line    int    // of the command

	want string
}

const separator = "----"

// Golden compares a text with that of a file, or, with -update, writes it there.
func Golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// Run gives every case of a file to run and compares what it returns, without blank space at its
// end, with the expected output. A file without cases, or with one that does not end, is an error.
func Run(t *testing.T, path string, run func(Case) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	cases := 0
	rest, err := parse(string(text), func(comment string, c *Case, input string) {
		cases++
		got := strings.TrimRight(run(*c), " \n")
		if got != c.want && !*update {
			t.Errorf("%s:%d: %s of\n%s\nis\n%s\nwant\n%s", path, c.Line, c.Command, input, got, c.want)
		}
		fmt.Fprintf(&written, "%s%s\n%s%s\n%s\n", comment, strings.Join(append([]string{c.Command}, c.Args...), " "),
			input, separator, got)
	})
	if err != nil {
		t.Fatalf("%s:%v", path, err)
	}
	if cases == 0 {
		t.Fatalf("%s holds no cases", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(written.String()+rest), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// parse calls each for every case with the comment before it and its input as they are written. It
// returns what follows the last case.
func parse(text string, each func(comment string, c *Case, input string)) (rest string, err error) {
	lines := strings.SplitAfter(text, "\n")
	at := 0
	until := func(stop func(line string) bool) string {
		from := at
		for at < len(lines) && !stop(strings.TrimRight(lines[at], "\n")) {
			at++
		}
		return strings.Join(lines[from:at], "")
	}
	for {
		comment := until(func(line string) bool { return line != "" && line[0] != '#' })
		if at == len(lines) {
			return comment, nil
		}
		words := strings.Fields(lines[at])
		at++
		c := &Case{Command: words[0], Args: words[1:], Line: at}
		input := until(func(line string) bool { return line == separator })
		if at == len(lines) {
			return "", fmt.Errorf("%d: the case has no line %s", c.Line, separator)
		}
		at++
		c.Input = strings.TrimSuffix(input, "\n")
		if strings.HasPrefix(c.Input, `"`) {
			if s, err := strconv.Unquote(c.Input); err == nil {
				c.Input = s
			}
		}
		c.want = strings.TrimRight(until(func(line string) bool { return line == "" }), " \n")
		each(comment, c, input)
	}
}
