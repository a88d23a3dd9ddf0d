package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/rollout"
	"spell/rl/ask"
	"spell/rl/budget"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// askFlags are what the user said.
type askFlags struct {
	modelFlags
	docs, questions, task string
	prompts, template     string
	noThink, asJSON       bool
	maxInput, maxTokens   int
	samples, topK         int
	temperature, topP     float64
	seed                  uint64
	kind                  task.Task
}

// askTasks returns the tasks whose questions need no more than a sentence, as an error lists them.
func askTasks() (names []string) {
	for _, t := range task.All() {
		if !t.NeedsLetter() {
			names = append(names, t.String())
		}
	}
	return names
}

func askCommand(e *engine) *cobra.Command {
	var a askFlags
	tasks := strings.Join(askTasks(), " or ")
	cmd := &cobra.Command{
		Use:   "ask --docs PATH [--model DIR] (\"question\" | --questions FILE)",
		Short: "Ask a model about documents, and see which passage the answer is from",
		Long: "ask puts documents and a question into the prompt that train has for answers, and prints the\n" +
			"answer, its log-probability, and the passage that got the most attention where the reply first\n" +
			"states it, with its share of the attention to documents, the mean over heads and layers. If no\n" +
			"answer can be read, the whole reply is printed, and the passage is that of all its tokens.\n\n" +
			"PATH is a folder of text files, one such file, a corpus of spell corpus, or - for standard input.\n" +
			"Of documents beyond --max-input, the pieces whose words are nearest to the question's are read.\n" +
			"FILE has a question a line; those about equal documents share one reading of them. A question\n" +
			"or a FILE that is - is read from standard input.\n\n" +
			"With --samples, the answer is the one that most replies agree with. --json prints a line for each\n" +
			"question, with the whole reply and the passage's place in characters. embedded:text, which answers\n" +
			"without --model, is small and answers short questions about what a document states.",
		Example: "  spell ask --model path/to/model --docs my-documents \"When was the bridge closed?\"\n" +
			"  spell ask --model mine/step-000010 --docs report.md --questions questions.txt --json\n" +
			"  cat letter.txt | spell ask --model path/to/model --docs - --task numeric \"What does it cost?\"",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("ask takes one question, and %q is more: quote a question that has spaces, or give "+
					"several with --questions; %s", args[1], helpOf(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.check(cmd, args); err != nil {
				return err
			}
			return e.ask(cmd, &a, args)
		},
	}
	a.describe(cmd, baseFor("documents"))
	f := cmd.Flags()
	f.StringVar(&a.docs, "docs", "", "folder of documents, a file, or a corpus of spell corpus; -: standard input")
	f.StringVar(&a.questions, "questions", "", "file with a question a line; -: standard input")
	f.StringVar(&a.task, "task", askTasks()[0], "kind of answer: "+tasks)
	f.StringVar(&a.prompts, "prompts", "", "prompt set: full, compact, reading, or a folder of one's own\n"+
		"(default: that of an embedded base for what was trained from it, else full)")
	f.StringVar(&a.template, "template", "", "which of several chat templates of the model renders")
	f.BoolVar(&a.noThink, "no-thinking", false, "set enable_thinking of the chat template to false")
	f.IntVar(&a.maxInput, "max-input", 16384, "longest prompt, tokens; less where the context is shorter, and 512\n"+
		"with the prompts reading")
	f.IntVar(&a.maxTokens, "max-tokens", 512, "longest reply, tokens")
	f.IntVar(&a.samples, "samples", 1, "replies to each question; most of them decide")
	f.Float64Var(&a.temperature, "temperature", 0, "sampling temperature; 0 takes the most likely token\n"+
		"(default: 0, or 0.7 with several --samples)")
	f.Float64Var(&a.topP, "top-p", 0.95, "sample from the smallest set of tokens of this probability")
	f.IntVar(&a.topK, "top-k", 0, "sample from this many most likely tokens; 0: all")
	f.Uint64Var(&a.seed, "seed", 1, "random seed")
	f.BoolVar(&a.asJSON, "json", false, "print a JSON object a line for each question")
	cmd.MarkFlagRequired("docs")
	return cmd
}

// check refuses flags that cannot be meant.
func (a *askFlags) check(cmd *cobra.Command, args []string) (err error) {
	if err := a.modelFlags.check(cmd); err != nil {
		return err
	}
	if a.dir == "" {
		a.dir = baseFor(a.docs)
	}
	if (len(args) == 1) == cmd.Flags().Changed("questions") {
		return fmt.Errorf("give one question, in quotes, or --questions FILE; %s", helpOf(cmd))
	}
	inputs := 0
	for _, s := range append([]string{a.docs, a.questions}, args...) {
		if s == "-" {
			inputs++
		}
	}
	if a.kind, err = task.Parse(a.task); err != nil || a.kind.NeedsLetter() {
		return fmt.Errorf("--task %q: use %s", a.task, strings.Join(askTasks(), " or "))
	}
	switch {
	case inputs > 1:
		return errors.New("documents and questions cannot both be read from standard input; name a file for one")
	case a.maxInput < 1:
		return fmt.Errorf("--max-input %d: it must be positive", a.maxInput)
	case a.maxTokens < 1:
		return fmt.Errorf("--max-tokens %d: it must be positive", a.maxTokens)
	case a.samples < 1 || a.samples > 1<<12:
		return fmt.Errorf("--samples %d: it must lie between 1 and %d", a.samples, 1<<12)
	}
	if a.samples > 1 && given(cmd, "temperature") == 0 {
		a.temperature = 0.7
	}
	return checkSampling(a.temperature, a.topP, a.topK)
}

func (e *engine) ask(cmd *cobra.Command, a *askFlags, args []string) error {
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := a.config()
	if err != nil {
		return err
	}
	defer a.free()
	if err := a.sizes(cmd, m); err != nil {
		return err
	}
	console := runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet)
	defer console.Done()
	reader, prompts, err := a.prepare(cmd, m, args, console)
	if err != nil {
		return err
	}
	how := ask.Asking{Samples: a.samples, MaxTokens: a.maxTokens,
		Sampling: rollout.Sampling{Temperature: float32(a.temperature), TopP: float32(a.topP), TopK: a.topK}}
	o := rollout.Options{Slots: ask.Slots(prompts, how), Rows: max(512, 2*a.samples), Seed: a.seed}
	if err := fitsAsking(b, m, p, o); err != nil {
		return err
	}
	w, err := a.load(cmd.Context(), b, p)
	if err != nil {
		return err
	}
	defer w.Free()
	e.note(w.Notes)
	if note := reader.Note(prompts); note != "" {
		e.note([]string{note})
	}
	o.Stop = runner.EndTokens(w.EOS, reader.Chat)
	eng, err := rollout.New(b, w, o)
	if err != nil {
		return err
	}
	defer eng.Free()
	read := 0
	for _, p := range prompts {
		read = max(read, p.Tokens())
	}
	eng.OnProgress = func(done, total, tokens, _ int) {
		if tokens < read {
			console.Progress("reading the documents", tokens, read)
		} else {
			console.Progress("answering", done, total)
		}
	}
	heed(cmd.Context())
	answered := 0
	err = reader.Ask(cmd.Context(), eng, prompts, how, func(x *ask.Answer) error {
		console.Done()
		answered++
		return a.print(cmd.OutOrStdout(), x, len(prompts) > 1)
	})
	if err != nil && cmd.Context().Err() != nil {
		return &unanswered{answered, len(prompts)}
	}
	return err
}

// sizes lowers the lengths that the user did not give to what the model's context holds.
func (a *askFlags) sizes(cmd *cobra.Command, m *source) error {
	if given(cmd, "max-tokens") == 0 {
		a.maxTokens = min(a.maxTokens, max(1, m.Context/4))
	}
	if given(cmd, "max-input") == 0 {
		a.maxInput = min(a.maxInput, max(1, m.Context-a.maxTokens))
	}
	if a.maxInput+a.maxTokens > m.Context {
		return fmt.Errorf("prompts of %d tokens and replies of %d exceed the model's context of %d; lower --max-input "+
			"or --max-tokens, or stretch the context with --yarn", a.maxInput, a.maxTokens, m.Context)
	}
	return nil
}

// readsWell is how many tokens the embedded base for documents answers about best, and what is trained from it.
const readsWell = 256

// prepare reads documents and questions and makes the prompts.
func (a *askFlags) prepare(cmd *cobra.Command, m *source, args []string, console *runner.Console) (*ask.Reader,
	[]*ask.Prompt, error) {

	text, err := runner.OpenText(a.at.text, m.Vocab)
	if err == nil && text == nil {
		err = runner.NoTokenizer(a.dir, "questions are text; add one")
	}
	if err == nil {
		text, err = text.Choose(a.template)
	}
	if err != nil {
		return nil, nil, err
	}
	if a.noThink {
		text.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	prompts, err := a.promptSet(text)
	if err != nil {
		return nil, nil, err
	}
	questions, err := a.readQuestions(cmd, args)
	if err != nil {
		return nil, nil, err
	}
	docs, err := readDocuments(cmd, a.docs, func(done, total int) { console.Progress("reading "+a.docs, done, total) })
	if err != nil {
		return nil, nil, err
	}
	if a.prompts == "reading" {
		docs = a.asTrained(cmd, docs, questions)
	}
	r, err := ask.NewReader(cmd.Context(), docs, text, prompts, a.kind, a.maxInput)
	if err != nil {
		return nil, nil, err
	}
	list := make([]*ask.Prompt, len(questions))
	for i, q := range questions {
		if list[i], err = r.Prompt(q); err != nil {
			return nil, nil, err
		}
		console.Progress("choosing passages", i+1, len(questions))
	}
	return r, list, cmd.Context().Err()
}

// asTrained returns documents as the embedded base for documents learned to read them, makes questions such as it was
// asked, and lowers the length of prompts that the user did not give to what it answers about best.
func (a *askFlags) asTrained(cmd *cobra.Command, docs []corpus.Document, questions []string) []corpus.Document {
	if given(cmd, "max-input") == 0 {
		a.maxInput = min(a.maxInput, readsWell)
	}
	for i, q := range questions {
		questions[i] = reading.Typed(q)
	}
	return reading.Prepared(&corpus.Corpus{Clusters: []corpus.Cluster{{Docs: docs}}}).Clusters[0].Docs
}

// promptSet loads the prompts: those that were named or that suit the model.
func (a *askFlags) promptSet(text *chat.Dialog) (*role.Prompts, error) {
	if a.prompts == "" {
		var err error
		if a.prompts, err = promptsOf(text.Tok); err != nil {
			return nil, err
		}
	}
	p, err := role.Load(a.prompts)
	if err != nil {
		return nil, fmt.Errorf("--prompts: %w", err)
	}
	p.Thinking, err = text.Thinks()
	return p, err
}

// readQuestions returns the questions: the argument or the lines of a file that are not blank.
func (a *askFlags) readQuestions(cmd *cobra.Command, args []string) ([]string, error) {
	if len(args) == 1 && args[0] != "-" {
		q := strings.TrimSpace(args[0])
		if q == "" {
			return nil, fmt.Errorf("the question is empty; %s", helpOf(cmd))
		}
		q, err := checkText("the question", q)
		return []string{q}, err
	}
	file := textFlags{flag: "questions", file: a.questions}
	if len(args) == 1 {
		file.file = args[0]
	}
	text, err := file.read(cmd)
	if err != nil {
		return nil, err
	}
	if len(args) == 1 { // of any number of lines
		text = strings.Join(strings.Fields(text), " ")
	}
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	if list == nil {
		if file.file == "-" {
			file.file = "standard input"
		}
		return nil, fmt.Errorf("%s holds no question; write one a line", file.file)
	}
	return list, nil
}

// print writes an answer.
func (a *askFlags) print(out io.Writer, x *ask.Answer, several bool) error {
	if a.asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(x)
	}
	var b strings.Builder
	if several {
		fmt.Fprintf(&b, "%s\n", x.Question)
	}
	if x.Answer != nil {
		fmt.Fprintf(&b, "%s\n", *x.Answer)
	} else {
		fmt.Fprintf(&b, "no answer can be read in the reply: %s\n", strings.TrimSpace(x.Reply))
	}
	said, of := x.AnswerLogProb, "of the answer"
	if said == nil {
		said, of = x.LogProb, "of the reply"
	}
	value := math.Inf(-1)
	if said != nil {
		value = *said
	}
	fmt.Fprintf(&b, "  log-probability %.4f %s", value, of)
	if x.Samples > 1 {
		fmt.Fprintf(&b, "; %d of %d replies agree", x.Votes, x.Samples)
	}
	fmt.Fprintln(&b)
	if q := x.Passage; q != nil {
		fmt.Fprintf(&b, "  %s, characters %d to %d, %.1f %% of the attention to documents:\n    %s\n", q.Document,
			q.Start, q.End, 100*q.Share, strings.Join(strings.Fields(q.Text), " "))
	}
	if several {
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// fitsAsking refuses what takes more memory than there is, with what would fit.
func fitsAsking(b kernels.Backend, m *source, p model.Precision, o rollout.Options) error {
	need := func(p model.Precision) (budget.Memory, error) { return askingNeeds(b, m, p, o) }
	return refuse(b, func() (budget.Memory, error) { return need(p) },
		func(fits func(budget.Memory, error) bool) (ways []string) {
			ways = smallerWay(p, func(smaller model.Precision) bool { return fits(need(smaller)) })
			like := o
			most := budget.Largest(1, o.Slots/256-1, func(n int) bool {
				like.Slots = 256 * n
				return fits(askingNeeds(b, m, p, like))
			})
			if most > 0 {
				ways = append(ways, fmt.Sprintf("a sum of --max-input and --samples times --max-tokens of %d",
					256*most))
			}
			return ways
		})
}

// askingNeeds returns what an engine of these sizes takes on b that also tells where attention goes.
func askingNeeds(b kernels.Backend, m *source, p model.Precision, o rollout.Options) (budget.Memory, error) {
	d, err := newDryModel(m, p)
	if err != nil {
		return budget.Memory{}, err
	}
	eng, err := rollout.New(d.tally, d.weights, o)
	if err != nil {
		return budget.Memory{}, err
	}
	short := rollout.Request{Hold: true,
		Branches: []rollout.Branch{{N: 1, MaxTokens: 1, Sampling: rollout.Sampling{TopP: 1}}}}
	short.Prompt.Add(-1, make([]int32, 1), false)
	ctx := context.Background()
	err = eng.Serve(ctx, func() error {
		return eng.Submit(short, func(rollout.Result) error {
			_, err := eng.Attention(ctx, 0, 0, 1, make([]int32, 1), 1)
			return err
		})
	})
	if err != nil {
		return budget.Memory{}, err
	}
	return d.held(b, eng.Sizes()), nil
}

// unanswered is the error of questions that were interrupted.
type unanswered struct{ done, total int }

func (u *unanswered) Error() string {
	return fmt.Sprintf("interrupted: %d of %d questions are answered", u.done, u.total)
}

// ExitCode is that of a command that was interrupted.
func (*unanswered) ExitCode() int { return exitInterrupted }
