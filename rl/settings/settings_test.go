package settings

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// written is what Write makes of a configuration.
func written(t *testing.T, c any) string {
	t.Helper()
	var text strings.Builder
	if err := Write(&text, c, "A heading.\n\nAnd more."); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// configurations differ from each other in everything that Write must tell.
func configurations() []*play {
	odd, least := example(), &play{Temperature: 1, LossMean: "groups", Stages: []stage{{Steps: 1}}}
	odd.Prompts, odd.Date, odd.Thinking, odd.Seed = "a: \"b\"\n\t\x7f # c é\u2028\U0001F600", "", false, math.MaxUint64
	odd.Marks = []string{"", " ", "no", "~", "1e3", "- a", "#", "*", "&", "!", "%", "@", "`", "{", "]", ",", "<<",
		"=", "a #b", "a:", "0x1", "\u0085"}
	odd.Optim = optim{LR: 1.0 / 3, Beta1: 1e-5, Eps: math.SmallestNonzeroFloat64, WeightDecay: -math.MaxFloat64}
	odd.RoleWeights = [3]float64{1e15, 123456789, 1e21}
	third := stage{Name: "third", Steps: 1, DocWeight: math.MaxFloat32, Mixture: &mixture{Words: true}}
	odd.Stages = append(odd.Stages, third)
	odd.Stages[0].DocWeight = 0.1
	odd.Stages[1].Mixture = nil
	return []*play{example(), odd, least}
}

// TestWriteRead: what Write writes, Read lays over any configuration so that it is the one written.
func TestWriteRead(t *testing.T) {
	for i, c := range configurations() {
		text := written(t, c)
		for j, over := range configurations() {
			if err := Read("", []byte(text), over); err != nil {
				t.Fatalf("%d over %d: %v in\n%s", i, j, err, text)
			}
			all := changes(nil, reflect.ValueOf(*c), reflect.ValueOf(*over), field{})
			if len(all) > 0 || over.Steps != c.Steps || over.Keep != c.Keep {
				t.Errorf("%d over %d: %s in\n%s", i, j, all, text)
			}
		}
		saved, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if over := example(); Merge(saved, over) != nil || Same(c, over) != nil {
			t.Errorf("%d saved as %s is %+v: %v", i, saved, over, Same(c, over))
		}
	}
}

// TestWrittenFile: every field is in the file with what it means, in lines of 100 columns.
func TestWrittenFile(t *testing.T) {
	text := written(t, example())
	plain := strings.Join(strings.Fields(strings.ReplaceAll(text, "#", "")), " ")
	for _, f := range nested(nil, reflect.TypeFor[play](), "") {
		if !strings.Contains(text, f.leaf()+":") || !strings.Contains(plain, f.tag.Get("doc")) {
			t.Errorf("%s is not in\n%s", f.name, text)
		}
	}
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(line) > pageWidth+1 || strings.HasSuffix(line, " \n") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.HasPrefix(text, "# A heading.\n# And more.\nseed: 1                         # of everything") ||
		!strings.Contains(text, "\n\n# --- sampling ---\ntemperature: 0.7 ") || strings.Contains(text, "Skipped") {
		t.Error(text)
	}
	c := example()
	c.Optim.LR = math.NaN()
	if err := Write(&strings.Builder{}, c, ""); err == nil || err.Error() != "optim.lr is NaN, which no file can hold" {
		t.Errorf("not a number: %v", err)
	}
}

// TestOtherReaders: PyYAML, which reads YAML 1.1, takes the written values for what they are.
func TestOtherReaders(t *testing.T) {
	if exec.Command("python3", "-c", "import yaml").Run() != nil {
		t.Skip("python3 has no PyYAML here")
	}
	for i, c := range configurations() {
		const program = "import sys, json, yaml; " +
			"json.dump(yaml.safe_load(sys.stdin.buffer.read().decode()), sys.stdout)"
		cmd := exec.Command("python3", "-c", program)
		cmd.Stdin = strings.NewReader(written(t, c))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		over := example()
		if err := Read("", out, over); err != nil || Same(c, over) != nil {
			t.Errorf("%d: %v, %v from %s", i, err, Same(c, over), out)
		}
	}
}

// TestValidate: each kind of limit, met and not.
func TestValidate(t *testing.T) {
	for say, change := range map[string]func(*play){
		"": func(c *play) {},
		"steps is 16777217; it must lie between 0 and 16777216": func(c *play) { c.Steps = 1<<24 + 1 },
		"top_k is -1; it must be at least 0":                    func(c *play) { c.TopK = -1 },
		"temperature is 0; it must be above 0 and at most 100":  func(c *play) { c.Temperature = 0 },
		"optim.beta1 is 1; it must be at least 0 and below 1":   func(c *play) { c.Optim.Beta1 = 1 },
		"optim.lr is NaN; it must lie between 0 and 10":         func(c *play) { c.Optim.LR = math.NaN() },
		"optim.lr is +Inf; it must lie between 0 and 10":        func(c *play) { c.Optim.LR = math.Inf(1) },
		"role_weights.2 is -0.5; it must be at least 0":         func(c *play) { c.RoleWeights[2] = -0.5 },
		`loss_mean is ""; use tokens or groups`:                 func(c *play) { c.LossMean = "" },
		"stages.1.steps is 0; it must be at least 1":            func(c *play) { c.Stages[1].Steps = 0 },
	} {
		c := example()
		change(c)
		if got := fmt.Sprint(Validate(c)); got != say && !(say == "" && got == "<nil>") {
			t.Errorf("%s, not %s", got, say)
		}
	}
}

// TestNothingShared: what is read into one configuration is not seen
// in another that it was copied from.
func TestNothingShared(t *testing.T) {
	a := example()
	b := *a
	if err := Read("", []byte("stages: [{steps: 1}, {mixture: {Loose: 1}}]\nmarks: [x, y]"), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, example()) {
		t.Errorf("the first became %+v", a)
	}
}

// TestHostile: files made to hurt end in a sentence, and soon.
func TestHostile(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, 1<<17/len(s)) }
	for name, text := range map[string]string{
		"too long": strings.Repeat(" ", maxFile+1), "brackets": many("["), "braces": many("{"), "JSON": "[" + many("["), "objects": many(`{"a":`),
		"dashes": many("- "), "colons": many("a: "), "keys": many("? "), "anchors": many("&a "), "types": many("! "),
		"quotes": many(`"`), "bars": many("|\n"), "fields": many("a: 1\n"), "elements": "tasks:\n" + many("- a\n"),
		"nested": "a: " + many("{a: "), "JSON elements": `{"steps": [` + many("1,") + "1]}", "JSON fields": "{" + many(`"seed":1,`) + `"a":1}`,
		"steps": nestedBlocks(1000), "a name": many("a") + ": 1", "a value": "steps: " + many("1"), "words": "tasks: " + many("a"), "a word": "moments: " + many("a"),
	} {
		c := example()
		err := Read("c", []byte(text), c)
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nestedBlocks has blocks n deep, each indented by one.
func nestedBlocks(n int) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return s.String()
}

// FuzzRead: no file panics, an error is one line and changes
// nothing, and what was read is written and read again.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"steps: 1\n", `{"optim": {"lr": 1e-4}}`, "tasks: [numeric]",
		"stages:\n- steps: 3\n  mixture: {Loose: 1}\n", "marks: ['a', |\n x\n]", "optim.lr: .inf",
		"prompts: >\n a\n b", "a: *b", "? a", "- - -", "\xef\xbb\xbf{}", "{\"a\": [1, {\"b\": null}]",
		"marks: [\"\\u2028\\e\", ~]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := example()
		if err := Read("", data, c); err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") || !reflect.DeepEqual(c, example()) {
				t.Errorf("%q gives %v and %+v", data, err, c)
			}
			return
		}
		over := example()
		if err := Read("", []byte(written(t, c)), over); err != nil || Same(c, over) != nil {
			t.Errorf("%q is not read back: %v, %v", data, err, Same(c, over))
		}
	})
}

// TestEmbedded: the fields of an embedded struct are those of the
// struct that embeds it, in every use.
func TestEmbedded(t *testing.T) {
	type Inner struct {
		Seed int `json:"seed" doc:"a seed" resume:"free"`
	}
	type Base struct {
		Inner
		LR float64 `json:"lr" doc:"a rate" max:"1"`
	}
	type config struct {
		Base
		Name string `json:"name" doc:"a name"`
	}
	c := config{Base{Inner{3}, 0.5}, "x"}
	if err := Read("f", []byte("seed: 4\nlr: 0.25\n"), &c); err != nil || c.Seed != 4 || c.LR != 0.25 {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := Set(&c, "lr=0.125"); err != nil || c.LR != 0.125 {
		t.Errorf("%+v, %v", c, err)
	}
	if err := Set(&c, "lr=2"); err == nil {
		t.Error("a value over the limit of an embedded field is taken")
	}
	var file strings.Builder
	if err := Write(&file, c, "heading"); err != nil {
		t.Fatal(err)
	}
	again := config{}
	if err := Read("f", []byte(file.String()), &again); err != nil || again != c {
		t.Errorf("written as\n%s\nread as %+v, %v", file.String(), again, err)
	}
	other := c
	other.Seed = 9
	if err := Same(c, other); err != nil {
		t.Errorf("a field that may change: %v", err)
	}
	other.LR = 1
	if err := Same(c, other); err == nil || !strings.Contains(err.Error(), "lr") {
		t.Errorf("a field that may not change: %v", err)
	}
}

// TestHeadings: a heading stands above the fields it begins with, and once if those before are under it.
func TestHeadings(t *testing.T) {
	type Base struct {
		Seed int `json:"seed" group:"the run"`
		LR   int `json:"lr" group:"learning"`
	}
	type outer struct {
		Steps int `json:"steps" group:"the run"`
		Base
		Batch int `json:"batch"`
		Keep  int `json:"keep" group:"the run"`
	}
	for _, c := range []struct {
		config any
		want   string
	}{
		{Base{}, "# --- the run ---\nseed: 0\n\n# --- learning ---\nlr: 0\n"},
		{outer{}, "# --- the run ---\nsteps: 0\nseed: 0\n\n# --- learning ---\nlr: 0\nbatch: 0\n" +
			"\n# --- the run ---\nkeep: 0\n"},
	} {
		var text strings.Builder
		if err := Write(&text, c.config, ""); err != nil || text.String() != c.want {
			t.Errorf("%+v is written as\n%s", c.config, text.String())
		}
	}
}

// TestHas: fields by their dotted names, through blocks and lists.
func TestHas(t *testing.T) {
	for name, want := range map[string]bool{
		"steps": true, "optim": true, "optim.lr": true, "stages": true, "stages.0": true, "stages.0.steps": true,
		"": false, "lr": false, "optim.momentum": false, "Skipped": false, "unexported": false, "learning_rate": false,
	} {
		if Has(example(), name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
