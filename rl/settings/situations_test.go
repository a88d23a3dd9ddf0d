package settings

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what happens now into testdata/situations.txt")

const situations = "testdata/situations.txt"

// TestSituations does what each situation of the file says and compares what happens.
func TestSituations(t *testing.T) {
	raw, err := os.ReadFile(situations)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(raw), "\n=== ")
	out := strings.TrimRight(head, "\n") + "\n"
	for _, s := range strings.Split(rest, "\n=== ") {
		title, body, _ := strings.Cut(s, "\n")
		input, want, _ := strings.Cut(body+"\n", "--->\n")
		got := happens(t, title, input)
		if want = strings.TrimRight(want, "\n"); got != want && !*update {
			t.Errorf("=== %s\n%s---> is\n%s\nand should be\n%s", title, input, got, want)
		}
		out += "\n=== " + title + "\n" + input + "--->\n" + got + "\n"
	}
	if *update {
		if err := os.WriteFile(situations, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// elsewhere knows two names that the example does not have.
func elsewhere(name string) string {
	return map[string]string{
		"step_size": "it is a setting of another command", "tune.rate": "it is one as well",
		"model": "it is no setting but the flag --model", "temperature": "nobody asks",
	}[name]
}

// happens does what the first word of a title says with the input:
// to the example, or to what it began with.
func happens(t *testing.T, title, input string) string {
	c, was := example(), example()
	if text, ok := strings.CutPrefix(input, "bytes "); ok {
		var err error
		if input, err = strconv.Unquote(strings.TrimSpace(text)); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
	}
	verb, _, _ := strings.Cut(title, ":")
	words := strings.Fields(verb)
	var err error
	switch words[0] {
	case "read":
		err = Read(words[1], []byte(input), c, elsewhere)
	case "set":
		for line := range strings.Lines(input) {
			if err = Set(c, strings.TrimSuffix(line, "\n"), elsewhere); err != nil {
				break
			}
		}
	case "merge":
		err = Merge(json.RawMessage(input), c)
	case "same":
		err = Same(json.RawMessage(input), c)
	default:
		t.Fatalf("%s: nothing is called %s", title, words[0])
	}
	if err != nil {
		if words[0] != "set" && !reflect.DeepEqual(c, was) {
			t.Errorf("%s: after an error the configuration is changed", title)
		}
		return "error: " + err.Error()
	}
	all := changes(nil, reflect.ValueOf(*was), reflect.ValueOf(*c), field{})
	if c.Steps != was.Steps || c.Keep != was.Keep { // which a resumed run may change, and changes does not tell
		all = append(all, "steps "+strconv.Itoa(c.Steps)+", keep "+strconv.Itoa(int(c.Keep)))
	}
	if len(all) == 0 {
		return "as it was"
	}
	return strings.Join(all, "\n")
}
