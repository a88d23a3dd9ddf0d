package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"spell/bench/tool"
	"spell/rl/eval"
	"spell/rl/journal"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/rl/spell"
)

// TestRows: every row differs from SPELL in the settings it names and in no other, and can be run.
func TestRows(t *testing.T) {
	plain := spell.Small()
	seen := map[string]bool{}
	for _, r := range rows {
		c, err := r.config(false, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		changed := settings.Changes(&plain, &c)
		if len(changed) < len(r.set) || len(changed) == 0 && r.name != baseline {
			t.Errorf("%s changes %v", r.name, changed)
		}
		text := fmt.Sprint(changed)
		if seen[text] {
			t.Errorf("%s is another row, too", r.name)
		}
		seen[text] = true
	}
	if _, err := named("spell,none"); err == nil || !strings.Contains(err.Error(), `"none" is none of spell, static-`) {
		t.Error(err)
	}
}

// TestFlags: what cannot be run is refused before anything is.
func TestFlags(t *testing.T) {
	for args, say := range map[string]string{"-rows x": "x", "-seeds 0": "seeds", "-set steps=x": "steps",
		"-set held_out=0": "held-out", "-set answers=1": "answers", "more": "more", "-hours -1": "hours",
		"-set judgements=9": "judgements"} {
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v", args, err)
		}
	}
	o, err := parseFlags(strings.Fields("-rows g4,spell -seeds 3,1 -set steps=9"), io.Discard)
	if err != nil || len(o.rows) != 2 || o.rows[0].name != "g4" || !slices.Equal(o.seeds, []int{3, 1}) {
		t.Errorf("%+v, %v", o, err)
	}
}

// A fake stands for spell train: it writes what a run leaves.
type fake struct {
	t    *testing.T
	mu   sync.Mutex
	ran  []string
	fail map[string]error
}

func (f *fake) train(_ context.Context, dir string, seed uint64, set []string) (string, error) {
	name := fmt.Sprintf("%d %v", seed, set)
	f.mu.Lock()
	f.ran = append(f.ran, name)
	f.mu.Unlock()
	if err := f.fail[name]; err != nil {
		return "", err
	}
	lines := []string{
		`{"step":0,"held_out":[{"docs":6,"prompt_tokens":90,"all":{"n":4,"right":2},"valid":{"n":4,"right":2},` +
			`"outcomes":"1100"},{"docs":3,"prompt_tokens":40,"all":{"n":2,"right":2},"valid":{"n":2,"right":2}}]}`,
		`{"step":0,"for":"static","asked":{"drawn":3},"kept":2,"truth":{"known":2,"right":1}}`}
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`{"step":%d,"truth":{"parsed":10,"right":%d},"update":{"parts":[`+
			`{"name":"responder","sequences":8}]}}`, i+1, i))
	}
	after := []string{"1111", "1110"}[len(set)%2]
	lines = append(lines, fmt.Sprintf(`{"step":10,"held_out":[{"docs":6,"prompt_tokens":90,"all":{"n":4,"right":%d},`+
		`"valid":{"n":4,"right":3},"outcomes":%q},{"docs":3,"prompt_tokens":40,"all":{"n":2,"right":%d},`+
		`"valid":{"n":2,"right":2}}]}`, strings.Count(after, "1"), after, seed%2))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		f.t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o666); err != nil {
			f.t.Fatal(err)
		}
	}
	write(runner.MetricsFile, strings.Join(lines, "\n"))
	write(runner.ClockFile, `{"step":1,"seconds":2.5,"tokens":1000000}`+"\n"+`{"step":2,"seconds":1.5,"tokens":500000}`)
	return "", nil
}

// newPlan is a plan of two rows and three seeds, made by a fake.
func newPlan(t *testing.T, f *fake) *plan {
	o, err := parseFlags(strings.Fields("-rows spell,g4,no-memory -seeds 1,2 -set steps=10"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.dir, o.out, o.atOnce = t.TempDir(), filepath.Join(t.TempDir(), "results.jsonl"), 1
	return &plan{options: &o, base: "abc", commit: "c0", train: f.train, say: func(string, ...any) {}}
}

// TestPlan: every run is made once, with the settings of all and of its row; what has no line is made by the next
// call, and what has one is not.
func TestPlan(t *testing.T) {
	const broken = "2 [steps=10 memory_length=0]"
	f := &fake{t: t, fail: map[string]error{broken: errors.New("no memory")}}
	p := newPlan(t, f)
	err := p.run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "no-memory, seed 2: no memory") {
		t.Errorf("the error is %v", err)
	}
	want := []string{"1 [steps=10]", "1 [steps=10 answers=4 votes=4]", "1 [steps=10 memory_length=0]", "2 [steps=10]",
		"2 [steps=10 answers=4 votes=4]", broken}
	if !slices.Equal(f.ran, want) {
		t.Errorf("made %q, want %q", f.ran, want)
	}
	f.ran, f.fail = nil, nil
	// A command that was killed while it wrote leaves part of a line.
	torn, err := os.OpenFile(p.out, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = torn.WriteString(`{"row":"sp`)
		err = errors.Join(err, torn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.run(context.Background()); err != nil || !slices.Equal(f.ran, []string{broken}) {
		t.Errorf("made %q, then %v", f.ran, err)
	}
	if err := p.run(context.Background()); err == nil || !strings.Contains(err.Error(), "line 6") {
		t.Errorf("behind a line that was cut off: %v", err)
	}
	list, err := os.ReadFile(p.out)
	if err == nil {
		err = os.WriteFile(p.out, bytes.Replace(list, []byte("{\"row\":\"sp\n"), nil, 1), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.ran = nil
	if err := p.run(context.Background()); err != nil || len(f.ran) > 0 {
		t.Errorf("made again: %q, %v", f.ran, err)
	}
	if left, _ := os.ReadDir(p.dir); len(left) > 0 {
		t.Errorf("%d folders are left", len(left))
	}
	p.base = "def"
	if err := p.run(context.Background()); err != nil || len(f.ran) != 6 {
		t.Errorf("of another base %q, %v", f.ran, err)
	}
	f.ran, p.atOnce, p.base = nil, 3, "at once"
	if err := p.run(context.Background()); err != nil || len(f.ran) != 6 {
		t.Errorf("three at once: %q, %v", f.ran, err)
	}
	f.ran = nil
	if err := p.run(context.Background()); err != nil || len(f.ran) > 0 {
		t.Errorf("made again: %q, %v", f.ran, err)
	}
	f.ran, p.hours, p.base = nil, 1e-12, "ghi"
	if err := p.run(context.Background()); err != nil || len(f.ran) > 0 {
		t.Errorf("after the hours %q, %v", f.ran, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.hours = 0
	if err := p.run(ctx); !errors.Is(err, context.Canceled) || len(f.ran) > 0 {
		t.Errorf("interrupted: %q, %v", f.ran, err)
	}
}

// TestRead: a line has what the run's metrics and clock say.
func TestRead(t *testing.T) {
	f := &fake{t: t}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := f.train(context.Background(), dir, 1, nil); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := read(dir, &r); err != nil {
		t.Fatal(err)
	}
	want := result{Steps: 10, Trained: map[string]int{"responder": 80}, Tokens: 1500000, Seconds: 4,
		True: [2]eval.Count{{N: 20, Right: 1}, {N: 20, Right: 17}},
		Tests: []test{
			{Docs: 3, Tokens: 40, Before: outcome{All: eval.Count{N: 2, Right: 2}, Valid: eval.Count{N: 2, Right: 2}, Outcomes: ""},
				After: outcome{All: eval.Count{N: 2, Right: 1}, Valid: eval.Count{N: 2, Right: 2}, Outcomes: ""}},
			{Docs: 6, Tokens: 90, Before: outcome{All: eval.Count{N: 4, Right: 2}, Valid: eval.Count{N: 4, Right: 2}, Outcomes: "1100"},
				After: outcome{All: eval.Count{N: 4, Right: 4}, Valid: eval.Count{N: 4, Right: 3}, Outcomes: "1111"}}}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("read  %+v\nwant %+v", r, want)
	}
	for _, file := range []string{runner.ClockFile, runner.MetricsFile} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("{\"step\":1}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := read(dir, &result{}); err == nil {
			t.Errorf("a run without %s is read", file)
		}
	}
}

// TestTable: the table has a line per row with results, gains in points, the difference by seed and the totals.
func TestTable(t *testing.T) {
	p := newPlan(t, &fake{t: t})
	if err := p.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.print(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("the table is\n%s", &out)
	}
	for i, wants := range [][]string{{"gain, 3 documents", "gain, 6 documents", "readable, beyond the first"}, nil,
		{"SPELL", "| 2 |", "−75.0 [−100.0, −50.0]", "+25.0 [+0.0, +75.0] | +25.0 [+0.0, +75.0] |", "—", "5 → 85 %", "| 80 |", "| 1.5 |", "| 4 |"},
		{"G 4", "+25.0 [", "+0.0 [+0.0, +0.0]"}, {"no history", "+50.0 [", "+25.0 ["}} {
		for _, want := range wants {
			if !strings.Contains(strings.Join(strings.Fields(lines[i]), " "), want) {
				t.Errorf("line %d lacks %q:\n%s", i, want, lines[i])
			}
		}
	}
	other := result{key: key{Row: baseline, Seed: 1, Base: "other"}, Tests: []test{{Docs: 1}}}
	if err := journal.New(filepath.Dir(p.out)).Append(filepath.Base(p.out), other); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := p.print(&out); err != nil || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("of another base, %v\n%s", err, &out)
	}
	if list, err := tool.Results[result](p.out); err != nil || len(list) != 7 {
		t.Errorf("%d results, %v", len(list), err)
	}
}

// TestReadable: the gain among readable answers is the mean over lengths and seeds of the difference of the rates, and
// is not told where a run says no outcomes.
func TestReadable(t *testing.T) {
	of := func(before, after string) test {
		return test{Before: outcome{Outcomes: before}, After: outcome{Outcomes: after}}
	}
	many := func(s string) string { return strings.Repeat(s, 100) }
	short := of("0000", "1111")
	for name, c := range map[string]struct {
		runs []result
		want string
	}{
		"no spread":        {[]result{{Tests: []test{short, of("10-1", "10-1")}}}, "+0.0 [+0.0, +0.0]"},
		"two lengths":      {[]result{{Tests: []test{short, of("-0", "-1"), of("11", "--")}}}, "+0.0 [−"},
		"seeds":            {[]result{{Tests: []test{short, of("00", "11")}}, {Tests: []test{short, of("0-", "00")}}}, "+50.0 [+0.0, +100.0]"},
		"by question":      {[]result{{Tests: []test{short, of(many("0-10"), many("0110"))}}}, "+16.7 [+1"},
		"no outcomes":      {[]result{{Tests: []test{short, of("", "")}}}, "—"},
		"a run of another": {[]result{{Tests: []test{short, of("01", "01")}}, {Tests: []test{short, of("0", "1")}}}, "—"},
	} {
		if got := readable(c.runs, beyond(len(c.runs[0].Tests))); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestGain: means and intervals are over seeds and questions, a question the same one for all seeds.
func TestGain(t *testing.T) {
	many := func(n int, of func(i int) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = of(i)
		}
		return v
	}
	half := func(i int) float64 { return float64(i % 2) }
	seed := func(v float64) []float64 { return many(400, func(int) float64 { return v }) }
	for name, c := range map[string]struct {
		gain
		mean, width float64 // of the interval, about
	}{
		"no spread":             {gain{{seed(0.5), seed(0.5), seed(0.5)}}, 0.5, 0},
		"questions":             {gain{{many(400, half), many(400, half), many(400, half)}}, 0.5, 4 * 0.5 / 20},
		"seeds":                 {gain{{seed(0), seed(1), seed(0), seed(1)}}, 0.5, 4 * 0.5 / 2},
		"a value for each seed": {gain{{{0}, {1}, {0}, {1}}}, 0.5, 4 * 0.5 / 2},
	} {
		g := c.over([]int{0})
		mean, in := g.Mean, g.Interval
		near := math.Abs(mean-c.mean) < 1e-12 && math.Abs(in[1]-in[0]-c.width) <= 0.15*c.width
		if !near || in[0] > mean || in[1] < mean {
			t.Errorf("%s: %g in %v, want %g in an interval of %g", name, mean, in, c.mean, c.width)
		}
	}
	both := gain{{{1}, {1}}, {{0, 1}, {0, 0}}}
	if g := both.over([]int{0, 1}); g.Mean != 0.625 {
		t.Errorf("over both lengths %+v", g)
	}
	if d := both.minus(gain{{{0}, {1}}, {{0.5}, {0, 1}}}); !reflect.DeepEqual(d, gain{{{1}, {0}}, {{0}, {0, -1}}}) {
		t.Errorf("the difference is %v", d)
	}
}
