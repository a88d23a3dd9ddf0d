package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/rl/fit"
	"spell/rl/runner"
	selfplay "spell/rl/spell"
)

// A planned run is what plan prints. What a machine does not tell is zero.
type planned struct {
	Parameters  int            `json:"parameters"`
	Precision   string         `json:"precision"`
	Int8        bool           `json:"int8"`
	Kernels     string         `json:"kernels"`
	Prompt      int            `json:"prompt"`
	Answers     int            `json:"answers"`
	Answer      int            `json:"answer"`
	Groups      int            `json:"groups"`
	PassTokens  int            `json:"pass_tokens"`
	BatchTokens int            `json:"batch_tokens"`
	CacheTokens int            `json:"cache_tokens"`
	Arenas      []plannedArena `json:"arenas"`
	Peaks       map[string]int `json:"peak_bytes"` // of the first step, by stage
	Total       int            `json:"total_bytes"`
	Memory      int64          `json:"memory_bytes"`
	Available   int64          `json:"memory_available_bytes"`
	Refusal     string         `json:"refusal,omitempty"` // why it does not fit
	Rates       plannedRates   `json:"rates"`
	Phases      []plannedPhase `json:"phases"`
}

type plannedArena struct {
	Owner string `json:"for"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Per   string `json:"grows_with"`
	Bytes int    `json:"bytes"`
	Exact bool   `json:"exact"` // else at most
}

// plannedRates are as measured, in 10⁹ operations or bytes a second.
type plannedRates struct {
	Peak       float64 `json:"peak_gflops"`
	Product    float64 `json:"product_gflops"`
	GradX      float64 `json:"product_grad_x_gflops"`
	GradW      float64 `json:"product_grad_w_gflops"`
	Attend     float64 `json:"attention_gflops"`
	AttendGrad float64 `json:"attention_grad_gflops"`
	Read       float64 `json:"read_gb_per_s"`
	Update     float64 `json:"update_gb_per_s"`
}

type plannedPhase struct {
	Name      string  `json:"name"`
	Tokens    int     `json:"tokens"`
	Products  float64 `json:"product_flops"`
	Attention float64 `json:"attention_flops"`
	Seconds   float64 `json:"seconds"`
}

// planFlags are what the user said.
type planFlags struct {
	train                 trainFlags
	prompt, group, answer int
	batch, groups         int
	memory                float64
	asJSON                bool
}

func planCommand(e *engine) *cobra.Command {
	var p planFlags
	cmd := &cobra.Command{
		Use:   "plan [--model DIR]",
		Short: "Say what memory and time a run of train would take, without running it",
		Long: "plan runs the program on a backend without memory and prints every arena that train would map, the work\n" +
			"of a step and, at rates measured now, about how long it takes. A model's config.json is enough. A run that does not fit\n" +
			"is refused with the largest sizes that would. --prompt, --group and --answer plan for other lengths, with as little room\n" +
			"beside as they need.",
		Example: "  spell plan --model path/to/model\n  spell plan --model config.json --prompt 8192 --memory 64",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.plan(cmd, p) },
	}
	f := cmd.Flags()
	p.train.describe(cmd)
	f.StringVar(&p.train.config, "config", "", "YAML or JSON file laid over the settings, as for train")
	f.StringArrayVar(&p.train.set, "set", nil, "one setting, as for train")
	f.IntVar(&p.prompt, "prompt", 0, "tokens of a prompt; as configured where not given")
	f.IntVar(&p.group, "group", 0, "answers to a question; as configured where not given")
	f.IntVar(&p.answer, "answer", 0, "tokens of an answer; as configured where not given")
	f.IntVar(&p.batch, "batch", 0, "tokens of answers that train together; as configured where not given, but no more than a group has")
	f.IntVar(&p.groups, "groups", 0, "questions of a step; as configured where not given")
	f.Float64Var(&p.memory, "memory", 0, "plan for a machine with so many GiB free; 0: this one")
	f.BoolVar(&p.asJSON, "json", false, "print one JSON object")
	return cmd
}

// settings are those of train with the flags over them.
func (p *planFlags) settings(cmd *cobra.Command, e *engine) (selfplay.Config, error) {
	m := p.train.method()
	if err := p.train.configure(cmd, m, p.train.given(m, e)); err != nil {
		return m.Config, err
	}
	c := m.Config
	if p.train.docs != "" { // which has no tests
		c.HeldOut = 0
	}
	for _, f := range []struct {
		name string
		n    int
	}{{"prompt", p.prompt}, {"group", p.group}, {"answer", p.answer}, {"batch", p.batch}, {"groups", p.groups}} {
		if f.n < 0 || cmd.Flags().Changed(f.name) && f.n == 0 {
			return c, fmt.Errorf("--%s is %d; it must be positive", f.name, f.n)
		}
	}
	if p.prompt > 0 || p.group > 0 || p.answer > 0 {
		room := c.BatchTokens
		c = c.Tight(p.prompt, p.group, p.answer)
		c.BatchTokens = max(c.BatchTokens, min(room, c.Answers*c.MaxAnswer))
	}
	if p.batch > 0 {
		c.BatchTokens = p.batch
	}
	if p.groups > 0 {
		c.Questions = p.groups
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("the sizes cannot be run: %w", err)
	}
	return c, nil
}

func (e *engine) plan(cmd *cobra.Command, p planFlags) error {
	c, err := p.settings(cmd, e)
	if err != nil {
		return err
	}
	if !(p.memory >= 0 && p.memory <= 1<<30) {
		return fmt.Errorf("--memory is %g; it must be a number of GiB", p.memory)
	}
	m, err := runner.ShapeOf(p.train.model)
	if err != nil {
		return err
	}
	b, prec, err := e.open()
	if err != nil {
		return err
	}
	defer b.Close()
	if prec == model.Int8 {
		c.Int8, prec = true, model.F32
	}
	plan, err := selfplay.NewPlan(b, m, prec, c)
	if err != nil {
		return err
	}
	out := describePlan(b, plan)
	out.Memory, out.Available = machine()
	if p.memory > 0 {
		out.Available = int64(p.memory * (1 << 30))
	}
	refusal := plan.Fit(b, out.Available, false)
	if refusal != nil {
		out.Refusal = refusal.Error()
	}
	if err := out.time(e, b, plan); err != nil {
		return err
	}
	if p.asJSON {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		err = enc.Encode(out)
	} else {
		err = out.print(cmd.OutOrStdout())
	}
	return errors.Join(refusal, err)
}

// describePlan is the memory of a plan.
func describePlan(b kernels.Backend, p *selfplay.Plan) *planned {
	c := &p.Config
	out := &planned{Parameters: p.Model.Params(), Precision: p.Precision.Name, Int8: c.Int8, Kernels: b.Name(),
		Prompt: p.Prompt, Answers: c.Answers, Answer: c.MaxAnswer, Groups: p.Groups,
		PassTokens: c.PassTokens, BatchTokens: c.BatchTokens, CacheTokens: c.CacheTokens, Peaks: map[string]int{}, Total: p.Total}
	for _, it := range p.Items {
		typ := it.Type.String()
		if it.Owner == "program" {
			typ = ""
		}
		out.Arenas = append(out.Arenas, plannedArena{it.Owner, it.Name, typ, it.GrowsWith, it.Bytes, it.Mapped})
	}
	for s := range selfplay.Stages {
		out.Peaks[s.String()] = p.Bytes(s)
	}
	return out
}

// time measures the machine and what a step takes there.
func (out *planned) time(e *engine, b kernels.Backend, p *selfplay.Plan) error {
	workers := e.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	r, err := tally.Measure(b, p.Measured(), workers)
	if err != nil {
		return err
	}
	out.Rates = plannedRates{r.Peak, r.Flops[tally.Product], r.Flops[tally.ProductGradX], r.Flops[tally.ProductGradW],
		r.Flops[tally.Attend], r.Flops[tally.AttendGrad], r.Read, r.Update}
	if err := p.Time(r); err != nil {
		return err
	}
	for _, s := range p.Steps {
		f := &s.Work.Flops
		attention := f[tally.Attend] + f[tally.AttendGrad]
		out.Phases = append(out.Phases, plannedPhase{s.Name, s.Tokens, s.Work.Total() - attention, attention, s.Work.Seconds})
	}
	return nil
}

// print writes the plan as tables.
func (out *planned) print(to io.Writer) error {
	how := out.Precision
	if out.Int8 {
		how += ", generating in int8"
	}
	fmt.Fprintf(to, "%d parameters, %s, %s; prompts of %d tokens, %d answers of %d; pass_tokens %d, batch_tokens %d, cache_tokens %d\n\n",
		out.Parameters, out.Kernels, how, out.Prompt, out.Answers, out.Answer, out.PassTokens, out.BatchTokens, out.CacheTokens)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "for\tmemory\ttype\tgrows with\t")
	for _, a := range out.Arenas {
		most := ""
		if !a.Exact {
			most = "at most "
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Owner, a.Name, a.Type, a.Per, most+fit.Size(a.Bytes))
	}
	w.Flush()
	fmt.Fprintln(to, "\npeak of the first step")
	for s := range selfplay.Stages {
		fmt.Fprintf(w, "  %v\t%s\n", s, fit.Size(out.Peaks[s.String()]))
	}
	fmt.Fprintf(w, "all later steps\t%s\n", fit.Size(out.Total))
	if out.Available > 0 {
		fmt.Fprintf(w, "available\t%s\n", fit.Size(int(out.Available)))
	}
	w.Flush()
	fmt.Fprintf(to, "\na step of %d such groups, questions and votes aside\n", out.Groups)
	fmt.Fprintln(w, "  phase\ttokens\tTFLOP of products\tof attention\tabout")
	for _, p := range out.Phases {
		fmt.Fprintf(w, "  %s\t%d\t%.3g\t%.3g\t%s\n", p.Name, p.Tokens, p.Products/1e12, p.Attention/1e12, about(p.Seconds))
	}
	w.Flush()
	r := &out.Rates
	_, err := fmt.Fprintf(to, "at rates measured now: products %.0f GFLOP/s, their gradients %.0f and %.0f, attention %.0f and backward %.0f (multiply-adds on registers %.0f); memory reads %.1f GB/s, updates %.1f\n",
		r.Product, r.GradX, r.GradW, r.Attend, r.AttendGrad, r.Peak, r.Read, r.Update)
	return err
}

// about is a time in about two digits.
func about(seconds float64) string {
	for _, unit := range []struct {
		name  string
		least float64
	}{{"h", 2 * 3600}, {"min", 2 * 60}, {"s", 2}} {
		if seconds >= unit.least {
			return fmt.Sprintf("%.0f %s", seconds/(unit.least/2), unit.name)
		}
	}
	return fmt.Sprintf("%.0f ms", 1e3*seconds)
}

// machine tells the memory there is; tests pretend another.
var machine = memory
