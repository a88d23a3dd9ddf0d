package main

import (
	"spell/kernels/tally"
	"spell/rl/budget"
	selfplay "spell/rl/spell"
)

// A planned run is what plan --json prints. A number that the machine does not tell is zero.
type planned struct {
	Parameters  int             `json:"parameters"`
	Precision   string          `json:"precision"`
	Int8        bool            `json:"int8"`
	Kernels     string          `json:"kernels"`
	Settings    selfplay.Config `json:"settings"`
	Prompt      int             `json:"prompt"`
	Answers     int             `json:"answers"`
	Answer      int             `json:"answer"`
	Groups      int             `json:"groups"`
	PassTokens  int             `json:"pass_tokens"`
	BatchTokens int             `json:"batch_tokens"`
	CacheTokens int             `json:"cache_tokens"`
	Steps       int             `json:"steps"`
	Seconds     float64         `json:"seconds"`       // of the run
	StepSeconds float64         `json:"step_seconds"`  // of a step
	TestSeconds float64         `json:"tests_seconds"` // of the tests before and after
	Arenas      []plannedArena  `json:"arenas"`
	Peaks       map[string]int  `json:"peak_bytes"` // of the first step, by stage
	Total       int             `json:"total_bytes"`
	Device      int64           `json:"device_bytes,omitempty"` // of those on a GPU
	Memory      int64           `json:"memory_bytes"`
	Available   int64           `json:"memory_available_bytes"`
	OnDevice    int64           `json:"device_available_bytes,omitempty"`
	Disk        int64           `json:"disk_bytes"`
	Checkpoint  int64           `json:"checkpoint_bytes"`
	Logs        int64           `json:"log_bytes"`
	Free        int64           `json:"disk_free_bytes"`
	Refusal     string          `json:"refusal,omitempty"` // why it does not fit
	Rates       plannedRates    `json:"rates"`
	Phases      []plannedPhase  `json:"phases"` // of a step
}

type plannedArena struct {
	Owner string `json:"for"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Per   string `json:"grows_with"`
	Bytes int    `json:"bytes"`
	Exact bool   `json:"exact"`    // else at most
	Turns bool   `json:"in_turns"` // in memory that owners use in turns: the largest of them counts
	There bool   `json:"on_device,omitempty"`
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

// newPlanned returns a plan as an object, without what it says of model and kernels.
func newPlanned(c selfplay.Config, p *budget.Plan, at budget.Machine, r tally.Rates, refused error) *planned {
	out := &planned{Int8: c.Int8, Settings: c,
		Prompt: c.MaxPrompt, Answers: c.Answers, Answer: c.MaxAnswer, Groups: c.Questions,
		PassTokens: c.PassTokens, BatchTokens: c.BatchTokens, CacheTokens: c.CacheTokens,
		Steps: c.Steps, Seconds: at.Times.Run(), StepSeconds: at.Times.Step(), TestSeconds: at.Times.Tests,
		Peaks: map[string]int{}, Total: p.Total(), Device: p.Needs().Device,
		Available: at.Memory.Host, OnDevice: at.Memory.Device,
		Disk: p.Disk.Total(), Checkpoint: p.Disk.Checkpoint, Logs: p.Disk.Logs, Free: at.Disk,
		Rates: plannedRates{r.Peak, r.Flops[tally.Product], r.Flops[tally.ProductGradX], r.Flops[tally.ProductGradW],
			r.Flops[tally.Attend], r.Flops[tally.AttendGrad], r.Read, r.Update}}
	if refused != nil {
		out.Refusal = refused.Error()
	}
	for _, it := range p.Items {
		out.Arenas = append(out.Arenas,
			plannedArena{it.Owner, it.Name, it.TypeName(), it.GrowsWith, it.Bytes, it.Mapped, it.Turns, it.Device})
	}
	for s := range budget.Stages {
		out.Peaks[s.String()] = p.Bytes(s)
	}
	for _, s := range at.Times.Phases {
		f := &s.Work.Flops
		attention := f[tally.Attend] + f[tally.AttendGrad]
		out.Phases = append(out.Phases,
			plannedPhase{s.Name, s.Tokens, s.Work.Total() - attention, attention, s.Work.Seconds})
	}
	return out
}
