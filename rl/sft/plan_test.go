package sft

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func config() Config {
	c := Default()
	c.Epochs, c.Batch, c.HeldOut, c.PassTokens, c.Measure = 2, 3, 0, 256, 2
	return c
}

// prepared is a file as a model of the given context learns it.
func prepared(t *testing.T, c Config, template string, context int, lines ...string) (*data, error) {
	t.Helper()
	d := dialog(t, template)
	e, err := newEncoder(c, d, []int32{id(t, d, end)})
	if err != nil {
		t.Fatal(err)
	}
	return prepare(t.Context(), c, file(t, lines...), e, d.Tok.VocabSize(), context, sizesOf(&c, context))
}

func pair(prompt, answer string) string {
	return fmt.Sprintf(`{"prompt": %q, "answer": %q}`, prompt, answer)
}

// TestPrepare: lines with one prompt are branches of one shared segment, as many as an update has lines.
func TestPrepare(t *testing.T) {
	c := config()
	var lines []string
	for i := range 7 {
		lines = append(lines, pair("who runs the mill ?", fmt.Sprint(" baker ", i)),
			pair(fmt.Sprint("which ", i), " that one"))
	}
	lines = append(lines, `{"messages": [{"role": "user", "content": "who runs the mill ?"}, `+
		`{"role": "assistant", "content": "she"}, {"role": "user", "content": "no"}, `+
		`{"role": "assistant", "content": "yes"}]}`)
	for i := range 2 {
		lines = append(lines, pair("", fmt.Sprint("red green", i)))
	}
	d, err := prepared(t, c, chatml, 0, lines...)
	if err != nil {
		t.Fatal(err)
	}
	var branches []int
	for _, u := range d.train {
		if err := u.forest.Validate(400, 0); err != nil {
			t.Fatal(err)
		}
		branches = append(branches, u.lines)
		scored := 0
		for _, s := range u.forest {
			if s.Scored != (s.Parent >= 0 && s.Tokens[len(s.Tokens)-1] == id(t, dialog(t, ""), end)) {
				t.Errorf("a segment of loss %v behind %d is %v", s.Scored, s.Parent, s.Tokens)
			}
			if s.Scored {
				scored += len(s.Tokens)
			}
		}
		if roots := len(u.forest.Trees()); scored != u.learned || roots != 1 {
			t.Errorf("%d tokens are scored in %d trees, %d counted", scored, roots, u.learned)
		}
	}
	if want := []int{3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 2}; !slices.Equal(branches, want) || d.prompts != 9 {
		t.Errorf("units of %v lines, %d prompts; want %v", branches, d.prompts, want)
	}
	// Plain text without a prompt: the first token of all is not scored.
	d, err = prepared(t, c, "", 0, pair("", "red green"), pair("", "green"), pair("who", "she"))
	if err != nil {
		t.Fatal(err)
	}
	_, tokens, learned := count(d.train)
	if u := d.train[0]; u.lines != 2 || len(u.forest.Trees()) != 2 ||
		learned != tokens-2-len(d.train[1].forest[0].Tokens) {
		t.Errorf("%d of %d tokens are learned, %+v", learned, tokens, u)
	}
	// The tokens of a unit fit a pass.
	c.Batch, c.PassTokens = 100, 40
	if d, err = prepared(t, c, chatml, 0, lines...); err != nil {
		t.Fatal(err)
	}
	for _, u := range d.train {
		if u.forest.Tokens() > 40 {
			t.Errorf("a unit of %d tokens", u.forest.Tokens())
		}
	}
}

// TestHeldOut: whole prompts are held out, the same for a seed, and none of very few, which is
// said.
func TestHeldOut(t *testing.T) {
	c := config()
	var lines []string
	for i := range 40 {
		lines = append(lines, pair(fmt.Sprint("which ", i/2), fmt.Sprint(" that one ", i)))
	}
	prompts := func(units []unit) (all []string) {
		for _, u := range units {
			if u.lines != 2 {
				t.Errorf("a unit of %d lines", u.lines)
			}
			all = append(all, fmt.Sprint(u.forest[0].Tokens))
		}
		return all
	}
	seen := map[string]bool{}
	for seed := range uint64(4) {
		c.Seed, c.HeldOut = seed, 0.2
		d, err := prepared(t, c, "", 0, lines...)
		if err != nil {
			t.Fatal(err)
		}
		again, err := prepared(t, c, "", 0, lines...)
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Errorf("the division is not one of the seed, %v", err)
		}
		held := prompts(d.heldOut)
		if all := slices.Concat(held, prompts(d.train)); len(held) != 4 || len(all) != 20 ||
			len(slices.Compact(slices.Sorted(slices.Values(all)))) != 20 {
			t.Errorf("%d of %d prompts are held out", len(held), len(all))
		}
		seen[fmt.Sprint(held)] = true
	}
	if len(seen) < 3 {
		t.Errorf("four seeds hold out %d different choices", len(seen))
	}
	c.HeldOut = 0.001
	if d, err := prepared(t, c, "", 0, lines...); err != nil || len(d.heldOut) != 1 {
		t.Errorf("a small share: %v, %v", d, err)
	}
	c.HeldOut = 0.05
	if d, err := prepared(t, c, "", 0, lines[:4]...); err != nil || len(d.heldOut) != 0 || len(d.train) != 2 ||
		!strings.Contains(d.summary(&File{}, c.HeldOut), "too few to hold any out") {
		t.Errorf("two prompts: %v, %v", d, err)
	}
}

// TestLong: a line beyond the room is refused by name, left out or cut, as the configuration says.
func TestLong(t *testing.T) {
	lines := []string{pair("who ?", " she"), pair("who ?", strings.Repeat(" red", 30)),
		pair(strings.Repeat("red ", 60), " no")}
	for _, tt := range []struct {
		pass, most, context int
		say                 string
	}{{20, 0, 0, "raise pass_tokens, shorten"}, {64, 20, 512, "raise max_tokens, shorten"},
		{64, 0, 20, "room for 20: shorten"}} {
		c := config()
		c.PassTokens, c.MaxTokens = tt.pass, tt.most
		_, err := prepared(t, c, "", tt.context, lines...)
		for _, s := range []string{"data.jsonl, line 2: ", "have 34 tokens", tt.say} {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%+v: error %v, want %q in it", tt, err, s)
			}
		}
		c.Long = "skip"
		d, err := prepared(t, c, "", tt.context, lines...)
		if err != nil || !slices.Equal(d.skipped, []int{2, 3}) || d.cut != 0 || len(d.train) != 1 ||
			d.train[0].lines != 1 {
			t.Errorf("%+v: skipped %+v, %v", tt, d, err)
		}
		if _, err := prepared(t, c, "", tt.context, lines[1:]...); err == nil ||
			!strings.Contains(err.Error(), "no line of at most 20 tokens") {
			t.Errorf("%+v: with nothing left: %v", tt, err)
		}
		c.Long = "cut"
		d, err = prepared(t, c, "", tt.context, lines...)
		if err != nil || !slices.Equal(d.skipped, []int{3}) || d.cut != 1 ||
			len(d.train) != 2 && len(d.train[0].forest) != 3 {
			t.Fatalf("%+v: cut %+v, %v", tt, d, err)
		}
		lines, tokens, learned := count(d.train)
		if stem := len(d.train[0].forest[0].Tokens); lines != 2 || learned != tokens-stem*len(d.train) ||
			tokens > 20+5+stem {
			t.Errorf("%+v: %d lines, %d of %d tokens", tt, lines, learned, tokens)
		}
	}
}

// TestPlan: in every epoch each unit comes once, in another order, and updates have the lines they
// should.
func TestPlan(t *testing.T) {
	c := config()
	c.Epochs, c.Batch = 3, 4
	units := make([]unit, 25)
	for i := range units {
		units[i].lines = 1 + i%3
	}
	made := func() []batch {
		t.Helper()
		all, err := plan(t.Context(), c, units)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := made()
	if !reflect.DeepEqual(all, made()) {
		t.Error("the plan is not one of the seed")
	}
	order := make([][]int, 4)
	for i, b := range all {
		lines := 0
		for _, u := range b.units {
			lines += units[u].lines
		}
		last := i+1 == len(all) || all[i+1].epoch > b.epoch
		if lines-units[b.units[len(b.units)-1]].lines >= 4 || lines < 4 && !last {
			t.Errorf("update %d has %d lines", i, lines)
		}
		order[b.epoch] = append(order[b.epoch], b.units...)
	}
	for epoch := 1; epoch <= 3; epoch++ {
		if slices.Equal(order[epoch], order[epoch%3+1]) || len(order[epoch]) != 25 {
			t.Errorf("epoch %d: %v", epoch, order[epoch])
		}
		if sorted := slices.Sorted(slices.Values(order[epoch])); sorted[0] != 0 || len(slices.Compact(sorted)) != 25 {
			t.Errorf("epoch %d: %v", epoch, sorted)
		}
	}
	c.Steps = 5
	if short := made(); !reflect.DeepEqual(short, all[:5]) {
		t.Errorf("five updates are %v", short)
	}
	c.Epochs = 2000 // of which only what is used is planned
	if n := testing.AllocsPerRun(1, func() { made() }); n > 100 {
		t.Errorf("five updates of 2000 epochs take %v allocations", n)
	}
	c.Seed++
	if other := made(); reflect.DeepEqual(other, all[:5]) {
		t.Error("another seed has the same order")
	}
}

// TestPlanIsBounded: more updates than a run can have are refused before they are planned, and a
// context that ended ends what reads, encodes and plans a file.
func TestPlanIsBounded(t *testing.T) {
	units := make([]unit, 6)
	for i := range units {
		units[i].lines = 1
	}
	for name, tt := range map[string]struct {
		epochs, steps, batch int
		updates              int // 0: refused
	}{
		"few":                      {3, 0, 2, 9},
		"an epoch too large":       {1 << 30, 0, 2, 0},
		"one each":                 {1<<24 + 1, 0, 6, 0},
		"a little too many":        {1 << 23, 0, 2, 0},
		"cut to few":               {1 << 30, 100, 2, 100},
		"cut to too many":          {1 << 30, 1<<24 + 1, 2, 0},
		"a limit that is not felt": {3, 1 << 30, 2, 9},
	} {
		c := config()
		c.Epochs, c.Steps, c.Batch = tt.epochs, tt.steps, tt.batch
		all, err := plan(t.Context(), c, units)
		if refused := err != nil; refused != (tt.updates == 0) || len(all) != tt.updates ||
			refused && !strings.Contains(err.Error(), "lower epochs") {
			t.Errorf("%s: %d updates, %v", name, len(all), err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f, d := file(t, pair("a", "b"), pair("c", "d")), dialog(t, "")
	e, err := newEncoder(config(), d, []int32{0})
	if err != nil {
		t.Fatal(err)
	}
	_, planned := plan(ended, config(), units)
	_, encoded := prepare(ended, config(), f, e, d.Tok.VocabSize(), 0, sizes{64, 64})
	_, read := Read(ended, f.Path)
	for what, err := range map[string]error{"planning": planned, "encoding": encoded, "reading": read} {
		if err != context.Canceled {
			t.Errorf("%s ends with %v", what, err)
		}
	}
}
