package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/eval"
	"spell/rl/eval/bench"
	"spell/rl/eval/judge"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
)

// judgeKey is the variable of the environment with the key of a judge's endpoint.
const judgeKey = "SPELL_JUDGE_KEY"

// The judges that are no address.
const (
	noJudge   = "none"
	selfJudge = "self"
)

// evalFlags are what the user said.
type evalFlags struct {
	modelFlags
	bench, data, out, prompts, template string
	noThink, strict, blind, asJSON      bool
	n, maxInput, maxTokens, topK        int
	limit, length                       int
	temperature, topP                   float64
	seed                                uint64
	judge, judgeModel                   string
	judgeTimeout                        float64
	judgeRetries                        int

	benchmarks []*bench.Benchmark
}

func evalCommand(e *engine) *cobra.Command {
	v := evalFlags{}
	var names strings.Builder
	for _, b := range bench.All() {
		fmt.Fprintf(&names, "  %-17s %s\n", b.Name, b.About)
	}
	cmd := &cobra.Command{
		Use:   "eval --model DIR --bench NAME[,NAME…] --data PATH [--judge none|self|URL]",
		Short: "Measure a model on benchmarks of long documents",
		Long: "eval asks a model the questions of benchmarks:\n\n" + names.String() + "\n" +
			"world and those whose names begin with ruler are generated, at --length tokens. The others are read\n" +
			"from --data, a file or a folder, as published: JSON, JSON lines, CSV, TSV or Parquet, each also\n" +
			"as .gz; what a record is of follows from its fields, and one that is damaged is counted. all stands\n" +
			"for those that are read, and gives the average of the paper's four columns.\n\n" +
			"A prompt that is longer than --max-input loses the middle of its documents. An answer is right by\n" +
			"the rule that self-play uses or, but for multiple choice, by a judge: the model itself, or a model\n" +
			"behind an OpenAI-compatible endpoint, whose key is the variable " + judgeKey + ". Without an address\n" +
			"no network is used. What a judge said is kept in OUT.judge.\n\n" +
			"Printed are the mean over n answers (avg@n), its 95 % interval over questions, and unbiased pass@k.\n" +
			"--out gets a line per finished question; the same command goes on with a run that was interrupted.",
		Example: "  spell eval --model path/to/model --bench musique --data musique_ans_v1.0_dev.jsonl\n" +
			"  spell eval --model path/to/model --bench all --data benchmarks --judge http://localhost:8000/v1 \\\n" +
			"    --judge-model gpt-oss-120b\n" +
			"  spell eval --model path/to/model --bench ruler-needle,ruler-tracking --length 32768 --limit 50",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := v.check(cmd); err != nil {
				return err
			}
			return e.eval(cmd, &v)
		},
	}
	v.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&v.bench, "bench", "", "names of benchmarks, separated by commas")
	f.StringVar(&v.data, "data", "", "file or folder with the benchmarks' data as it was published")
	f.StringVar(&v.out, "out", "", "results file; empty: spell-eval-BENCH.jsonl")
	f.IntVar(&v.n, "n", 8, "answers to each question")
	f.IntVar(&v.maxInput, "max-input", 16384, "longest prompt, tokens; of longer ones the middle is cut out")
	f.IntVar(&v.maxTokens, "max-tokens", 4096, "longest answer, tokens")
	f.IntVar(&v.limit, "limit", 0, "questions of each benchmark, drawn by the seed; 0: all, or 100 generated ones")
	f.IntVar(&v.length, "length", 4096, "tokens of the prompts that are generated")
	f.Float64Var(&v.temperature, "temperature", 0.7, "sampling temperature; 0 takes the most likely token")
	f.Float64Var(&v.topP, "top-p", 0.95, "sample from the smallest set of tokens of this probability")
	f.IntVar(&v.topK, "top-k", 0, "sample from this many most likely tokens; 0: all")
	f.Uint64Var(&v.seed, "seed", 42, "random seed")
	f.StringVar(&v.prompts, "prompts", "full", "prompt set: full, compact, or a folder of one's own")
	f.StringVar(&v.template, "template", "", "which of several chat templates of the model renders")
	f.BoolVar(&v.noThink, "no-thinking", false, "set enable_thinking of the chat template to false")
	f.BoolVar(&v.strict, "strict", false, "numbers must agree in sign and scale")
	f.BoolVar(&v.blind, "closed-book", false, "ask without the documents")
	f.StringVar(&v.judge, "judge", noJudge, "who judges what the rule finds wrong: none, self or an address")
	f.StringVar(&v.judgeModel, "judge-model", "", "name of the model behind the judge's address")
	f.Float64Var(&v.judgeTimeout, "judge-timeout", 120, "seconds that a request to the judge may take")
	f.IntVar(&v.judgeRetries, "judge-retries", 5, "further requests after one that failed, with growing pauses")
	f.BoolVar(&v.asJSON, "json", false, "print the summary as JSON, with settings and files")
	cmd.MarkFlagRequired("bench")
	return cmd
}

// remote reports whether the judge has an address.
func (v *evalFlags) remote() bool { return v.judge != noJudge && v.judge != selfJudge }

// check refuses flags that cannot be meant.
func (v *evalFlags) check(cmd *cobra.Command) (err error) {
	if err := v.modelFlags.check(cmd); err != nil {
		return err
	}
	if v.benchmarks, err = bench.Parse(v.bench); err != nil {
		return fmt.Errorf("--bench: %w", err)
	}
	generated := v.benchmarks[0].Generated()
	least := func(name string, value, least int) {
		if err == nil && value < least {
			err = fmt.Errorf("--%s %d: it must be at least %d", name, value, least)
		}
	}
	least("n", v.n, 1)
	least("max-input", v.maxInput, 1)
	least("max-tokens", v.maxTokens, 1)
	least("limit", v.limit, 0)
	least("length", v.length, 1)
	least("top-k", v.topK, 0)
	least("judge-retries", v.judgeRetries, 0)
	switch {
	case err != nil:
		return err
	case v.n > 1<<12:
		return fmt.Errorf("--n %d: it must be at most %d", v.n, 1<<12)
	case generated && v.data != "":
		return fmt.Errorf("%s is generated; leave out --data", v.benchmarks[0].Name)
	case generated && v.blind:
		return fmt.Errorf("%s asks for what only its documents say; leave out --closed-book", v.benchmarks[0].Name)
	case !generated && v.data == "":
		return errors.New("--data is missing: name the file or folder with the benchmark's data as it was published")
	case !generated && cmd.Flags().Changed("length"):
		return errors.New("--length is about benchmarks that are generated; cut documents with --max-input")
	case !(v.judgeTimeout > 0 && v.judgeTimeout < 1e6):
		return fmt.Errorf("--judge-timeout %v: it must be a number of seconds above 0", v.judgeTimeout)
	case v.remote() && v.judgeModel == "":
		return errors.New("--judge-model is missing: name the model that the judge's endpoint is to answer with")
	case !v.remote() && v.judgeModel != "":
		return errors.New("--judge-model is about a judge with an address; give one with --judge")
	}
	if err := checkSampling(v.temperature, v.topP, v.topK); err != nil {
		return err
	}
	if v.remote() {
		return (&judge.Endpoint{URL: v.judge}).Check()
	}
	return nil
}

// An evaluation is what is asked of which model.
type evaluation struct {
	*evalFlags
	policy    eval.Policy
	data      *bench.Data // nil if the questions are generated
	questions []*bench.Question
	settings  eval.Settings
	results   *eval.Results
}

func (e *engine) eval(cmd *cobra.Command, v *evalFlags) error {
	b, p, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := v.config()
	if err != nil {
		return err
	}
	defer v.free()
	if err := v.sizes(cmd, m); err != nil {
		return err
	}
	x := &evaluation{evalFlags: v}
	defer x.close()
	if err := x.prepare(cmd.Context(), m, p); err != nil {
		return err
	}
	if v.out == "" {
		v.out = "spell-eval-" + strings.ReplaceAll(v.bench, ",", "+") + ".jsonl"
	}
	if x.results, err = eval.OpenResults(v.out, x.settings, len(x.questions)); err != nil {
		return err
	}
	defer x.results.Close()
	if len(x.results.Lines) < len(x.questions) {
		if err := e.answer(cmd, x, b, m, p); err != nil {
			return err
		}
	}
	return x.print(cmd)
}

// close closes the data.
func (x *evaluation) close() {
	if x.data != nil {
		x.data.Close()
	}
}

// sizes lowers the lengths that the user did not give to what the model's context holds.
func (v *evalFlags) sizes(cmd *cobra.Command, m *source) error {
	if given(cmd, "max-tokens") == 0 {
		v.maxTokens = min(v.maxTokens, max(1, m.Context/4))
	}
	if given(cmd, "max-input") == 0 {
		if v.benchmarks[0].Generated() {
			v.maxInput = v.length
		} else {
			v.maxInput = min(v.maxInput, max(1, m.Context-v.maxTokens))
		}
	}
	if v.maxInput+v.maxTokens > m.Context {
		return fmt.Errorf("prompts of %d tokens and answers of %d exceed the model's context of %d; lower "+
			"--max-input, --length or --max-tokens, or stretch the context with --yarn",
			v.maxInput, v.maxTokens, m.Context)
	}
	return nil
}

// prepare reads or makes the questions and settles what the results follow from.
func (x *evaluation) prepare(ctx context.Context, m *source, p model.Precision) error {
	text, err := runner.OpenText(x.at.text, m.Vocab)
	if err == nil && text == nil {
		err = runner.NoTokenizer(x.dir, "questions are text; add one")
	}
	if err == nil {
		text, err = text.Choose(x.template)
	}
	if err != nil {
		return err
	}
	if x.noThink {
		text.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	x.policy.Chat = text
	if x.policy.Prompts, err = role.Load(x.prompts); err != nil {
		return fmt.Errorf("--prompts: %w", err)
	}
	if x.policy.Prompts.Thinking, err = text.Thinks(); err != nil {
		return err
	}
	if err := x.ask(ctx); err != nil {
		return err
	}
	identity, err := runner.Identity(x.at.dir, x.at.adapter)
	if err != nil {
		return err
	}
	sum, err := bench.Sum(ctx, x.questions)
	if err != nil {
		return err
	}
	var names []string
	for _, b := range x.benchmarks {
		names = append(names, b.Name)
	}
	x.settings = eval.Settings{Format: eval.Format, Benchmarks: names, Questions: sum, N: x.n,
		Limit: x.limit, Model: identity, YaRN: x.yarn, Precision: p.Name, Template: x.template, NoThinking: x.noThink,
		Prompts: x.policy.Prompts.Hash(), MaxInput: x.maxInput, MaxTokens: x.maxTokens, Temp: x.temperature,
		TopP: x.topP, TopK: x.topK, Seed: x.seed, Strict: x.strict, Blind: x.blind, Judge: x.judge,
		JudgeModel: x.judgeModel}
	if x.data == nil {
		x.settings.Length = x.length
	}
	return nil
}

// ask reads or makes the questions.
func (x *evaluation) ask(ctx context.Context) (err error) {
	if x.benchmarks[0].Generated() {
		const usual = 100
		n := x.limit
		if n == 0 {
			n = usual
		}
		x.questions, err = bench.Generate(x.benchmarks, x.seed, n, x.length, func(q *bench.Question) (int, error) {
			p, err := x.policy.Prompt(q, math.MaxInt)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return 0, err
			}
			return p.Tokens(), nil
		})
		return err
	}
	if x.data, err = bench.Read(ctx, x.benchmarks, x.evalFlags.data); err != nil {
		return err
	}
	x.questions = x.data.Questions
	if x.blind {
		x.questions, x.data.NoDocs = append(x.questions, x.data.NoDocs...), nil
		for _, q := range x.questions {
			q.Blind()
		}
	}
	if x.questions = bench.Draw(x.questions, x.seed, x.limit); len(x.questions) > 0 {
		return nil
	}
	mend := ""
	if len(x.data.NoDocs) > 0 {
		mend = "; give the data with the documents, or ask without any by --closed-book"
	}
	return fmt.Errorf("no question of --data %s can be asked: %s%s", x.evalFlags.data,
		strings.Join(x.data.Left(), "; "), mend)
}

// answer has the model answer the questions that are not finished.
func (e *engine) answer(cmd *cobra.Command, x *evaluation, b kernels.Backend, m *source, p model.Precision) error {
	if err := fitsGenerating(b, m, p, x.longest()); err != nil {
		return err
	}
	var grader eval.Grader
	if x.remote() {
		endpoint, err := x.endpoint()
		if err != nil {
			return err
		}
		defer endpoint.Cache.Close()
		grader = endpoint
	}
	w, err := x.load(cmd.Context(), b, p)
	if err != nil {
		return err
	}
	defer w.Free()
	e.note(w.Notes)
	o := options(x.longest())
	o.Stop, o.Seed = runner.EndTokens(w.EOS, x.policy.Chat), x.seed
	eng, err := rollout.New(b, w, o)
	if err != nil {
		return err
	}
	defer eng.Free()
	console := runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet)
	defer console.Done()
	heed(cmd.Context())
	run := &eval.Run{Policy: x.policy, Engine: eng, Grader: grader, Asking: x.asking(),
		OnProgress: func(done, total int) { console.Progress("answering questions", done, total) }}
	err = run.Ask(cmd.Context(), x.questions, len(x.results.Lines), x.results.Add)
	if err != nil && cmd.Context().Err() != nil {
		return &paused{len(x.results.Lines), len(x.questions), x.out}
	}
	return err
}

// asking is how the questions are asked.
func (x *evaluation) asking() eval.Asking {
	return eval.Asking{N: x.n, MaxInput: x.maxInput, MaxTokens: x.maxTokens, Self: x.judge == selfJudge,
		Sampling: rollout.Sampling{Temperature: float32(x.temperature), TopP: float32(x.topP), TopK: x.topK},
		Rules:    task.Rules{Strict: x.strict}}
}

// longest is a request like that of the longest question, with room for several short ones.
func (x *evaluation) longest() rollout.Request {
	const parts, room = 2, 1 << 14
	var f forest.Forest
	f.Add(-1, make([]int32, max(x.maxInput+parts*kernels.KeyBlock, room-x.n*x.maxTokens)), false)
	answers := rollout.Branch{N: x.n, MaxTokens: x.maxTokens, Sampling: x.asking().Sampling}
	return rollout.Request{Prompt: f, Branches: []rollout.Branch{answers}}
}

// endpoint is the judge behind an address.
func (x *evaluation) endpoint() (*judge.Endpoint, error) {
	prompts, err := role.Load("full")
	if err != nil {
		return nil, err
	}
	cache, err := judge.OpenCache(x.out + ".judge")
	if err != nil {
		return nil, err
	}
	return &judge.Endpoint{URL: x.judge, Model: x.judgeModel, Key: os.Getenv(judgeKey), Prompts: prompts, Cache: cache,
		Timeout: time.Duration(x.judgeTimeout * float64(time.Second)), Retries: x.judgeRetries}, nil
}

// print prints what the results come to.
func (x *evaluation) print(cmd *cobra.Command) error {
	sum := eval.Summarize(x.settings, x.results.Lines)
	if x.data != nil {
		sum.Data, sum.Left = x.data.Files, x.data.Left()
	}
	if x.asJSON {
		return printJSON(cmd.OutOrStdout(), sum)
	}
	for _, line := range append(sum.Left, sum.Lines()...) {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	return nil
}

// A paused evaluation was interrupted.
type paused struct {
	done, total int
	out         string
}

func (p *paused) Error() string {
	return fmt.Sprintf("interrupted: %d of %d questions are finished, in %s; go on with the same command",
		p.done, p.total, p.out)
}

// ExitCode is that of a command that was interrupted.
func (*paused) ExitCode() int { return exitInterrupted }
