package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/ask"
	"spell/rl/corpus/world"
	"spell/rl/task"
)

// worldFolder writes the documents of a generated cluster to files.
func worldFolder(t *testing.T, c *world.Cluster) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range c.Docs {
		write(t, filepath.Join(dir, d.Name+".txt"), d.Text+"\n")
	}
	return dir
}

// TestAsk: the base for the generated world answers questions about files of it, and names the file that says so,
// whatever the number of workers, and also where it reads only a part of the files.
func TestAsk(t *testing.T) {
	items, err := world.Evaluation(t.Context(), 5, world.EvaluationOptions{Questions: 32, PerCluster: 8,
		Weights: world.Weights{world.OneHop: 1}, Cluster: world.Options{Docs: 10, Pool: world.HeldOut, Chains: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		note bool
	}{
		{"all documents", nil, false},
		{"parts", []string{"--max-input", "120"}, true},
		{"several replies in bf16", []string{"--samples", "3", "--precision", "bf16"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, right, from := 0, 0, 0
			for k, it := range items {
				var questions string
				for _, q := range it.Questions {
					questions += q.Text + "\n\n"
				}
				file := write(t, filepath.Join(t.TempDir(), "questions.txt"), questions)
				args := append([]string{"ask", "--model", "embedded:world", "--docs", worldFolder(t, it.Cluster),
					"--questions", file, "--json"}, c.args...)
				o := spell(t, "", args...)
				if o.code != 0 || strings.Contains(o.stderr, "nearest to each question") != c.note ||
					strings.Count(o.stderr, "\n") > 1 {
					t.Fatalf("exit code %d, %q", o.code, o.stderr)
				}
				again := spell(t, questions, append(args, "--workers", "1", "--questions", "-")...)
				if k == 0 && again != o {
					t.Errorf("with one worker and questions from standard input it says\n%+v\nnot\n%+v", again, o)
				}
				for i, line := range strings.Split(strings.TrimSpace(o.out), "\n") {
					a, q := decode[ask.Answer](t, line), it.Questions[i]
					if n++; a.Question != q.Text || a.Finish != "stop" || a.LogProb == nil {
						t.Errorf("%s", line)
					}
					if a.Answer == nil || !q.Task.Match(task.Rules{}, *a.Answer, q.Answer) {
						continue
					}
					right++
					text := it.Cluster.Docs[q.Docs[0]].Text
					p, name := a.Passage, it.Cluster.Docs[q.Docs[0]].Name+".txt"
					if p.Document == name && p.Text == text[p.Start:p.End] && strings.Contains(p.Text, q.Answer) {
						from++
					}
				}
			}
			if right < n*8/10 || from < right*9/10 {
				t.Errorf("%d of %d answers are right, %d of these from the passage", right, n, from)
			}
		})
	}
}

const kirby = "region Kirby Tolland . mayor Kirby Jordell . size Kirby 4 ."

// TestAskPrints: what is printed for people, from each kind of input.
func TestAskPrints(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "kirby.txt"), "\ufeff  "+kirby+"\r\n")
	other := t.TempDir()
	write(t, filepath.Join(other, "a", "mordyne.md"), "seat Mordyne Kirby . product Mordyne lantern .")
	write(t, filepath.Join(other, "kirby.txt"), kirby)
	write(t, filepath.Join(other, "photo.png"), "\x89PNG\x00")
	const question = "what is the region of Kirby ?"
	passage := "characters 0 to 59, "
	for _, c := range []struct {
		stdin string
		args  []string
		want  []string
	}{
		{"", []string{"--docs", file, question}, []string{"Tolland\n  log-probability ", " of the answer\n",
			"  kirby.txt, " + passage + "100.0 % of the attention to documents:\n    " + kirby + "\n"}},
		{kirby, []string{"--docs", "-", question}, []string{"Tolland\n", "standard input, " + passage}},
		{question + "\n", []string{"--docs", file, "-"}, []string{"Tolland\n"}},
		{"", []string{"--docs", other, question}, []string{"Tolland\n", "  kirby.txt, " + passage}},
		{"", []string{"--docs", other, "what is the product of Mordyne ?"}, []string{"lantern\n", "  a/mordyne.md, "}},
		{"", []string{"--docs", other, "--samples", "5", question}, []string{"Tolland\n", " of 5 replies agree\n"}},
		{"", []string{"--docs", other, "--task", "numeric", "what is the size of Kirby ?"}, []string{"4\n"}},
		{question + "\nwhat is the mayor of Kirby ?\n", []string{"--docs", other, "--questions", "-"},
			[]string{question + "\nTolland\n", "\n\nwhat is the mayor of Kirby ?\nJordell\n"}},
		{"", []string{"--docs", file, "--max-tokens", "2", question},
			[]string{"no answer can be read in the reply: region Kirby\n", " of the reply\n", "kirby.txt"}},
	} {
		out := succeed(t, c.stdin, append([]string{"ask", "--model", "embedded:world"}, c.args...)...)
		for _, s := range c.want {
			if !strings.Contains(out, s) {
				t.Errorf("%v: no %q in\n%s", c.args, s, out)
			}
		}
	}
}

// TestAskErrors gives command lines that cannot be carried out.
func TestAskErrors(t *testing.T) {
	f, bare := newFixture(t), newFixture(t)
	if err := os.Remove(bare.tokenizer); err != nil {
		t.Fatal(err)
	}
	nan := newFixture(t)
	raw := read(t, nan.weights)
	copy(raw[len(raw)-8:], "\x00\x00\xc0\x7f")
	write(t, nan.weights, string(raw))
	docs, empty := t.TempDir(), t.TempDir()
	write(t, filepath.Join(docs, "ferry.txt"), prose)
	blank := write(t, filepath.Join(empty, "blank"), " \n\n")
	binary := write(t, filepath.Join(t.TempDir(), "a.pdf"), "%PDF-1.4\x00\x01\x02")
	for _, c := range []struct {
		line string // {} stands for the question
		want []string
	}{
		{"ask {}", []string{"--docs is missing", "see spell help ask"}},
		{"ask --docs " + docs, []string{"one question, in quotes", "--questions FILE"}},
		{"ask --docs " + docs + " --questions x {}", []string{"one question, in quotes"}},
		{"ask --docs " + docs + " When does", []string{`"does"`, "quote a question"}},
		{"ask --docs - -", []string{"cannot both be read from standard input"}},
		{"ask --docs - --questions -", []string{"cannot both be read from standard input"}},
		{"ask --docs " + empty + " {}", []string{empty, "has no text"}},
		{"ask --docs " + t.TempDir() + " {}", []string{"is empty: put .txt"}},
		{"ask --docs " + docs + "/none {}", []string{docs + "/none", "does not exist"}},
		{"ask --docs " + blank + " {}", []string{blank + " has no text"}},
		{"ask --docs " + binary + " {}", []string{binary + " is not text", "spell corpus"}},
		{"ask --docs " + docs + " --questions " + blank, []string{blank + " holds no question"}},
		{"ask --docs " + docs + " --questions " + docs, []string{docs + " is a folder; name a file"}},
		{"ask --docs " + docs + " --questions " + docs + "/none", []string{docs + "/none"}},
		{"ask --docs " + docs + " --task multiple_choice {}",
			[]string{`--task "multiple_choice"`, "general_qa or numeric"}},
		{"ask --docs " + docs + " --task essay {}", []string{`--task "essay"`, "general_qa or numeric"}},
		{"ask --docs " + docs + " --prompts none {}", []string{"--prompts", "none"}},
		{"ask --docs " + docs + " --samples 0 {}", []string{"--samples 0"}},
		{"ask --docs " + docs + " --max-input 0 {}", []string{"--max-input 0"}},
		{"ask --docs " + docs + " --max-tokens 0 {}", []string{"--max-tokens 0"}},
		{"ask --docs " + docs + " --temperature -1 {}", []string{"--temperature -1"}},
		{"ask --docs " + docs + " --yarn 0.5 {}", []string{"--yarn"}},
		{"ask --docs " + docs + " --model embedded:world --max-input 5000 {}",
			[]string{"exceed the model's context of 4096", "--max-input"}},
		{"ask --docs " + docs + " --model " + bare.dir + " {}", []string{bare.dir, "tokenizer.json"}},
		{"ask --docs " + docs + " --model " + nan.dir + " --prompts compact {}", []string{nan.weights, "NaN"}},
		{"ask --docs " + docs + " --model " + f.dir + " {}", []string{"tokens without documents", "--max-input"}},
		{"ask --docs " + docs + " --model " + f.dir + "/none {}", []string{"--model " + f.dir + "/none"}},
	} {
		t.Run(strings.ReplaceAll(c.line, "/", "|"), func(t *testing.T) {
			args := strings.Fields(c.line)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "{}", "When does it leave?")
			}
			spell(t, "", args...).fails(t, c.want...)
		})
	}
	spell(t, "", "ask", "--docs", docs, " ").fails(t, "the question is empty")
	spell(t, "", "ask", "--docs", docs, "\xff").fails(t, "the question is not UTF-8")
	spell(t, "", "ask", "--docs", "-", "Who?").fails(t, "standard input has no text")
	spell(t, "", "ask", "--docs", docs, "-").fails(t, "standard input has no text")
}

// TestAskMemory: what takes more memory than there is, attention included, is refused with what would fit.
func TestAskMemory(t *testing.T) {
	was := machine
	defer func() { machine = was }()
	docs := write(t, filepath.Join(t.TempDir(), "kirby.txt"), kirby)
	args := []string{"ask", "--model", "embedded:world", "--docs", docs, "--samples", "4096",
		"what is the region of Kirby ?"}
	machine = func() (int64, int64) { return 1 << 30, 1 << 30 }
	spell(t, "", args...).fails(t, "the run needs", "it would fit with", "--max-input", "--samples")
	machine = func() (int64, int64) { return 1 << 20, 1 << 20 }
	spell(t, "", args...).fails(t, "use a smaller model or a machine with more")
}
