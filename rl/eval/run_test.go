package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/eval/bench"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// An actor is an engine that says what its function says to each prompt. It serves the newest request
// first, so that questions end in another order than they are asked in.
type actor struct {
	tok   *tokenizer.Tokenizer
	reply func(prompt string, k int) string
	queue []func() error
	asked int
}

func (s *actor) Serve(ctx context.Context, begin func() error) error {
	if err := begin(); err != nil {
		return err
	}
	for len(s.queue) > 0 {
		if err := ctx.Err(); err != nil {
			s.queue = nil
			return err
		}
		next := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		if err := next(); err != nil {
			s.queue = nil
			return err
		}
	}
	return nil
}

func (s *actor) Submit(r rollout.Request, done func(rollout.Result) error) error {
	s.asked++
	s.queue = append(s.queue, func() error {
		b := r.Branches[0]
		res := rollout.Result{Forest: slices.Clone(r.Prompt)}
		prompt := s.prompt(r.Prompt, b.Segment)
		for k := range b.N {
			at := res.Forest.Add(b.Segment, s.tok.Encode(s.reply(prompt, k)), true)
			res.Answers = append(res.Answers, rollout.Answer{Segment: at, Finish: rollout.Stop})
		}
		return done(res)
	})
	return nil
}

func (s *actor) prompt(f forest.Forest, segment int) (text string) {
	for _, at := range f.Path(segment) {
		text += s.tok.Decode(f[at].Tokens)
	}
	return text
}

// newRun returns a run of an engine that says what reply says.
func newRun(t *testing.T, set string, reply func(prompt string, k int) string) (*Run, *actor) {
	t.Helper()
	prompts, err := role.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := policy(t, nil)
	p.Prompts = prompts
	e := &actor{tok: p.Chat.Tok, reply: reply}
	return &Run{Policy: p, Engine: e, Asking: Asking{N: 2, MaxInput: 1 << 20, MaxTokens: 64}}, e
}

// some returns questions of a set.
func some(t *testing.T, kind string, n int) (qs []*bench.Question) {
	t.Helper()
	of, err := task.Parse(kind)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		q := &bench.Question{Set: "musique", ID: fmt.Sprint(i), Task: of, Docs: []string{fmt.Sprintf("Number %d.", i)},
			Question: task.Question{Text: fmt.Sprintf("Who is %d?", i), Answer: "Tolan"},
			Answers:  []string{"Tolan", "Reed"}}
		if of.NeedsLetter() {
			q.Options, q.Answers = []string{"w", "x", "y", "z"}, []string{"B"}
		}
		qs = append(qs, q)
	}
	return qs
}

// A fixed grader says what its function says of a prediction.
type fixed struct {
	mu    sync.Mutex
	asked []string
	say   func(prediction string) (Verdict, error)
}

func (g *fixed) Grade(_ context.Context, _ *bench.Question, prediction string) (Verdict, error) {
	g.mu.Lock()
	g.asked = append(g.asked, prediction)
	g.mu.Unlock()
	return g.say(prediction)
}

// linesOf asks the questions.
func linesOf(t *testing.T, run *Run, qs []*bench.Question) (lines []*Line, err error) {
	t.Helper()
	err = run.Ask(t.Context(), qs, 0, func(l *Line) error {
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// TestRules: an answer is right by the rule or by the judge, the latter is asked only of what the rule
// does not find right, each answer once, and never of options.
func TestRules(t *testing.T) {
	says := func(text string) func(string, int) string {
		return func(string, int) string { return "So. The correct answer is (" + text + ")" }
	}
	for _, tt := range []struct {
		name, kind   string
		reply        func(string, int) string
		verdict      Verdict
		rule, right  bool
		asked        int
		self, judged bool
	}{
		{"the rule", "general_qa", says("Tolan"), No, true, true, 0, false, true},
		{"an alias", "general_qa", says("Reed"), No, true, true, 0, false, true},
		{"the judge", "general_qa", says("T."), Yes, false, true, 1, false, true},
		{"neither", "general_qa", says("T."), No, false, false, 1, false, true},
		{"unreadable verdict", "general_qa", says("T."), Invalid, false, false, 1, false, true},
		{"no judge", "general_qa", says("T."), "", false, false, 0, false, false},
		{"no answer", "general_qa", func(string, int) string { return "Tolan" }, Yes, false, false, 0, false, true},
		{"a letter", "multiple_choice", says("B"), Yes, true, true, 0, false, true},
		{"a wrong letter", "multiple_choice", says("C"), Yes, false, false, 0, false, true},
		{"itself", "general_qa", func(prompt string, k int) string {
			if strings.Contains(prompt, "Answer 1: T") && strings.Contains(prompt, "Answer 2: Tolan or Reed") {
				return "The same. [[YES]]"
			}
			return says("T.")(prompt, k)
		}, "", false, true, 0, true, false},
		{"itself, of a letter", "multiple_choice", says("C"), "", false, false, 0, true, false},
	} {
		run, _ := newRun(t, "full", tt.reply)
		run.Self = tt.self
		g := &fixed{say: func(string) (Verdict, error) { return tt.verdict, nil }}
		if tt.judged {
			run.Grader = g
		}
		lines, err := linesOf(t, run, some(t, tt.kind, 1))
		if err != nil || len(lines) != 1 || len(lines[0].Answers) != 2 {
			t.Fatalf("%s: %v, %v", tt.name, lines, err)
		}
		for _, a := range lines[0].Answers {
			if a.Rule != tt.rule || a.Right != tt.right || len(g.asked) != tt.asked {
				t.Errorf("%s: %+v, the judge was asked of %q", tt.name, a, g.asked)
			}
		}
	}
}

// TestOrder: lines come in the order of the questions whatever the order in which they end, also from
// the middle on, with the same contents.
func TestOrder(t *testing.T) {
	qs := some(t, "general_qa", 2*window+5)
	ask := func(from int) (lines []string) {
		run, _ := newRun(t, "full", func(prompt string, k int) string {
			return fmt.Sprintf("The correct answer is (%d of %d)", k, len(prompt))
		})
		done := 0
		run.OnProgress = func(n, total int) {
			if n < done || total != len(qs) {
				t.Errorf("progress from %d to %d of %d", done, n, total)
			}
			done = n
		}
		run.Grader = &fixed{say: func(string) (Verdict, error) { return No, nil }}
		err := run.Ask(t.Context(), qs, from, func(l *Line) error {
			lines = append(lines, fmt.Sprintf("%s %v", l.ID, *l.Answers[1].Prediction))
			return nil
		})
		if err != nil || done != len(qs) {
			t.Fatal(done, err)
		}
		return lines
	}
	all := ask(0)
	for i, line := range all {
		if !strings.HasPrefix(line, fmt.Sprintf("%d ", i)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	for _, from := range []int{1, window, len(qs) - 1} {
		if rest := ask(from); !slices.Equal(rest, all[from:]) {
			t.Errorf("from %d on the lines are %q", from, rest)
		}
	}
}

// TestChangedData: a file that changes while its questions are asked ends the run with one error, and what
// was answered by then stays.
func TestChangedData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "musique.jsonl")
	write := func(word string) {
		var text strings.Builder
		for i := range window + 6 {
			fmt.Fprintf(&text, `{"id": "%d", "question": "Who?", "answer": "Tolan", "paragraphs": [{"title": "T", `+
				`"paragraph_text": "%s %d."}]}`+"\n", i, word, i)
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("Number")
	asked, err := bench.Parse("musique")
	if err != nil {
		t.Fatal(err)
	}
	d, err := bench.Read(t.Context(), asked, path)
	if err != nil || len(d.Questions) != window+6 {
		t.Fatal(d, err)
	}
	defer d.Close()
	run, _ := newRun(t, "full", func(prompt string, _ int) string {
		if !strings.Contains(prompt, "Number ") {
			t.Errorf("asked is %s", prompt)
		}
		write("Letter")
		return "The correct answer is (Tolan)"
	})
	lines, err := linesOf(t, run, d.Questions)
	want := fmt.Sprintf("%s, line %d has changed since the run began", path, window+1)
	if err == nil || strings.Count(err.Error(), want) != 1 || len(lines) != window {
		t.Errorf("after %d lines: %v, want %s", len(lines), err, want)
	}
}

// TestAskErrors: what fails ends the run with its error, and lines come no more.
func TestAskErrors(t *testing.T) {
	stop := errors.New("stop")
	qs := some(t, "general_qa", 5)
	for name, tt := range map[string]struct {
		set   func(*Run)
		done  func(*Line) error
		wants error
	}{
		"the judge": {func(r *Run) { r.Grader = &fixed{say: func(string) (Verdict, error) { return "", stop }} }, nil, stop},
		"the file":  {func(*Run) {}, func(*Line) error { return stop }, stop},
	} {
		run, _ := newRun(t, "full", func(string, int) string { return "The correct answer is (T)" })
		tt.set(run)
		err := run.Ask(t.Context(), qs, 0, func(l *Line) error {
			if tt.done != nil {
				return tt.done(l)
			}
			t.Errorf("%s: a line comes", name)
			return nil
		})
		if !errors.Is(err, tt.wants) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	run, _ := newRun(t, "full", func(string, int) string {
		cancel(stop)
		return "The correct answer is (T)"
	})
	if err := run.Ask(ctx, qs, 0, func(*Line) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("an interrupted run ends with %v", err)
	}
}

// TestPrompt: a prompt that is too long has exactly as many tokens as it may, its first half and its
// last half as they were, and question and instruction whole.
func TestPrompt(t *testing.T) {
	texts := slices.Values([]string{" the answer is question : yes no"})
	tok, err := tokenizer.Train(texts, tokenizer.TrainOptions{VocabSize: 280, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range role.Sets() {
		prompts, err := role.Load(set)
		if err != nil {
			t.Fatal(err)
		}
		p := Policy{Chat: &chat.Dialog{Tok: tok}, Prompts: prompts}
		q := some(t, "general_qa", 1)[0]
		q.Docs = nil
		for i := range 400 {
			q.Docs = append(q.Docs, fmt.Sprintf("Document %d says é %d.", i, i*i))
		}
		whole, err := p.Prompt(q, 1<<20)
		if err != nil || whole.Cut() || whole.Whole != whole.Tokens() {
			t.Fatal(whole, err)
		}
		all := slices.Concat(whole.Runs...)
		for _, most := range []int{whole.Whole, whole.Whole - 1, 3000, 2999, 1200} {
			got, err := p.Prompt(q, most)
			if err != nil || got.Tokens() != most || got.Whole != whole.Whole || got.Cut() != (most < whole.Whole) {
				t.Fatalf("%s, %d: %d tokens, %v", set, most, got.Tokens(), err)
			}
			ids := slices.Concat(got.Runs...)
			head, tail := ids[:most/2], ids[most/2:]
			if !slices.Equal(head, all[:len(head)]) || !slices.Equal(tail, all[len(all)-len(tail):]) {
				t.Errorf("%s, %d: the halves are not those of the whole prompt", set, most)
			}
			if text := tok.Decode(ids); !strings.Contains(text, q.Text) {
				t.Errorf("%s, %d: the question is gone", set, most)
			}
		}
		none, err := p.Prompt(&bench.Question{Task: q.Task, Question: q.Question, Docs: []string{""}}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		// The question is longer than half of what is left: documents give way, the question does not.
		tight, err := p.Prompt(q, none.Tokens()+7)
		if err != nil {
			t.Fatal(err)
		}
		text, end := tok.Decode(slices.Concat(tight.Runs...)), tok.Decode(none.Runs[1])
		if tight.Tokens() != none.Tokens()+7 || !strings.HasSuffix(text, end) {
			t.Errorf("%s: a tight prompt of %d tokens ends otherwise: %s", set, tight.Tokens(), text)
		}
		if _, err := p.Prompt(q, none.Tokens()-1); !errors.Is(err, errTooLong) {
			t.Errorf("%s: a question that does not fit gives %v", set, err)
		}
	}
}

// TestTooLong: a question that does not fit is not asked and counts as wrong.
func TestTooLong(t *testing.T) {
	run, e := newRun(t, "full", func(string, int) string { return "The correct answer is (Tolan)" })
	run.MaxInput = 10
	lines, err := linesOf(t, run, some(t, "general_qa", 1))
	if err != nil || e.asked != 0 || len(lines) != 1 || !strings.Contains(lines[0].TooLong, "--max-input is 10") {
		t.Fatal(lines, err)
	}
	if s := Summarize(Settings{N: 2}, lines); s.Sets[0].Accuracy != 0 || s.Sets[0].TooLong != 1 {
		t.Errorf("%+v", s.Sets)
	}
}

// TestResults: a run that is cut off anywhere goes on to the same bytes, and a file of other settings, or
// of something else, is refused and stays.
func TestResults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.jsonl")
	s := Settings{Format: Format, Benchmarks: []string{"musique"}, N: 2, Seed: 1, Model: "m", Judge: "none"}
	lines := make([]*Line, 3)
	for i := range lines {
		prediction := "<a> & \"b\"\n"
		lines[i] = &Line{Set: "musique", ID: fmt.Sprint(i), Reference: []string{"é"},
			Answers: []Answer{{Text: "x", Prediction: &prediction, Right: i == 1}}}
	}
	run := func(s Settings) error {
		r, err := OpenResults(path, s, len(lines))
		if err != nil {
			return err
		}
		for _, l := range lines[len(r.Lines):] {
			if err := r.Add(l); err != nil {
				return err
			}
		}
		return r.Close()
	}
	if err := run(s); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil || strings.Count(string(want), "\n") != 4 {
		t.Fatalf("%s, %v", want, err)
	}
	write := func(raw string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(raw), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for cut := 0; cut <= len(want); cut += 7 {
		write(string(want[:cut]))
		if err := run(s); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got, _ := os.ReadFile(path); string(got) != string(want) {
			t.Fatalf("cut at %d the file becomes\n%s\nwant\n%s", cut, got, want)
		}
	}
	first, err := OpenResults(path, s, len(lines))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(s); err == nil || !strings.Contains(err.Error(), path+" is in use by another run") {
		t.Errorf("a second run at the same time says %v", err)
	}
	if err := errors.Join(first.Close(), run(s)); err != nil {
		t.Error(err)
	}
	other := s
	for _, tt := range []struct {
		change func()
		say    string
	}{
		{func() { other.Seed = 2 }, "of seed 1, and now it is 2; give the settings"},
		{func() { other.Model = "n" }, "of another model"},
		{func() { other.Limit = 5 }, "of limit unset, and now it is 5"},
		{func() { other.Questions = "n" }, "of other questions"},
		{func() { other.Prompts = "n" }, "of other prompt texts"},
		{func() { other.Benchmarks = []string{"frames"} }, `of bench ["musique"], and now it is ["frames"]`},
	} {
		other = s
		tt.change()
		err := run(other)
		if err == nil || !strings.Contains(err.Error(), tt.say) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %s", err, tt.say)
		}
	}
	if got, _ := os.ReadFile(path); string(got) != string(want) {
		t.Error("a refused file has changed")
	}
	for raw, say := range map[string]string{
		"a text":                        "is no results file",
		"{\"a\": 1}\n":                  "is no results file",
		"{\"spell_eval\": 0}\n":         "is no results file",
		string(want) + string(want[:1]): "", // the beginning of another line
		string(want) + "{}\n":           "line 5 is no line",
		string(want) + string(want[strings.Index(string(want), "\n")+1:]): "has 6 lines, and there are 3 questions",
	} {
		write(raw)
		err := run(s)
		if (err == nil) != (say == "") || err != nil && !strings.Contains(err.Error(), say) {
			t.Errorf("%.60q: %v, want %s", raw, err, say)
		}
		if got, _ := os.ReadFile(path); err != nil && string(got) != raw {
			t.Errorf("%.60q was changed", raw)
		}
	}
}

// TestSummarize: avg@n, pass@k, columns and their average, which is of four columns and not of six sets.
func TestSummarize(t *testing.T) {
	line := func(set string, right ...bool) *Line {
		l := &Line{Set: set, ID: "x"}
		for _, r := range right {
			l.Answers = append(l.Answers, Answer{Right: r, Rule: r, Finish: rollout.Stop})
		}
		return l
	}
	lines := []*Line{
		line("docmath", true, true, true, true), line("docmath", false, false, false, false),
		line("frames", true, false, false, false),
		line("hotpotqa", true, true, true, true), line("2wikimultihopqa", false, false, false, false),
		line("musique", false, false, true, true),
		line("longbench-v2", true, true, true, true), line("longbench-v2", true, true, true, true),
		line("longbench-v2", false, true, true, true),
	}
	s := Summarize(Settings{N: 4, Seed: 1}, lines)
	want := map[string]float64{"docmath": 0.5, "frames": 0.25, "hotpotqa": 1, "2wikimultihopqa": 0, "musique": 0.5,
		"longbench-v2": 11.0 / 12, "DocMath": 0.5, "FRAMES": 0.25, "LongBench multi-hop": 0.5, "LongBench-v2": 11.0 / 12,
		"average": (0.5 + 0.25 + 0.5 + 11.0/12) / 4}
	near := func(a, b float64) bool { return a-b < 1e-12 && b-a < 1e-12 }
	all := append(slices.Concat(s.Sets, s.Columns), *s.Average)
	if len(all) != len(want) {
		t.Errorf("%d scores", len(all))
	}
	for _, c := range all {
		if !near(c.Accuracy, want[c.Name]) || c.Interval[0] > c.Accuracy || c.Interval[1] < c.Accuracy {
			t.Errorf("%s: %v in %v, want %v", c.Name, c.Accuracy, c.Interval, want[c.Name])
		}
	}
	frames := s.Sets[slices.IndexFunc(s.Sets, func(c Score) bool { return c.Name == "frames" })]
	p := frames.Pass
	if fmt.Sprint(s.K) != "[1 2 4]" || !near(p[0], 0.25) || !near(p[1], 0.5) || p[2] != 1 {
		t.Errorf("pass@%v of frames is %v", s.K, frames.Pass)
	}
	text := strings.Join(s.Lines(), "\n")
	if !strings.Contains(text, "average") || !strings.Contains(text, "pass@4 100.0") {
		t.Error(text)
	}
	// A column that lacks a set is none, and so there is no average.
	some := Summarize(Settings{N: 4}, lines[:5])
	if some.Average != nil || len(some.Columns) != 0 || len(some.Sets) != 4 {
		t.Errorf("%+v", some)
	}
	if three := Summarize(Settings{N: 4}, lines[3:6]); three.Average != nil || len(three.Columns) != 1 {
		t.Errorf("%+v", three.Columns)
	}
}
