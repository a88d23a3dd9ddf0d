package settings

import (
	"fmt"
	"slices"
	"strings"
)

// The structs below have the shapes of the configurations of
// self-play, fine-tuning and pretraining.

// A task is written as a word.
type task uint8

var taskNames = []string{"general_qa", "numeric", "multiple_choice"}

func (t task) MarshalText() ([]byte, error) { return []byte(taskNames[t]), nil }

func (t *task) UnmarshalText(text []byte) error {
	i := slices.Index(taskNames, string(text))
	if i < 0 {
		return fmt.Errorf("unknown task %q; use %s", text, strings.Join(taskNames, ", "))
	}
	*t = task(i)
	return nil
}

// A precision is a word whose error names the field.
type precision uint8

func (p precision) MarshalText() ([]byte, error) { return []byte([]string{"f32", "int8"}[p]), nil }

func (p *precision) UnmarshalText(text []byte) error {
	for *p = range precision(2) {
		if own, _ := p.MarshalText(); string(own) == string(text) {
			return nil
		}
	}
	return fmt.Errorf("moments is %q; use f32 or int8", text)
}

type optim struct {
	LR          float64 `json:"lr" aka:"learning_rate alpha" doc:"learning rate of matrices, norms and biases" min:"0" max:"10"`
	Beta1       float64 `json:"beta1" doc:"decay of the first moment" min:"0" below:"1"`
	Eps         float64 `json:"eps" doc:"added to the root of the second moment"`
	WeightDecay float64 `json:"weight_decay" doc:"decoupled, on matrices and embedding only"`
}

type play struct {
	Seed        uint64     `json:"seed" doc:"of everything random in the run"`
	Steps       int        `json:"steps" doc:"updates" min:"0" max:"16777216" resume:"free"`
	Tasks       []task     `json:"tasks" doc:"kinds of questions, equally often"`
	Prompts     string     `json:"prompts" doc:"prompt set: full, compact, or a folder of one's own"`
	Date        string     `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD"`
	Thinking    bool       `json:"thinking" doc:"let the template ask for thoughts"`
	Temperature float64    `json:"temperature" group:"sampling" doc:"of all roles" above:"0" max:"100"`
	TopK        int32      `json:"top_k" doc:"0: off" min:"0"`
	LossMean    string     `json:"loss_mean" group:"learning" doc:"over the batch or each group" oneof:"tokens groups"`
	RoleWeights [3]float64 `json:"role_weights" doc:"of questioner, responder, verifier in the loss; 0: off" min:"0"`
	Moments     precision  `json:"moments" doc:"how the optimizer keeps its moments"`
	Optim       optim      `json:"optim"`
	Keep        uint8      `json:"keep,omitempty" doc:"checkpoints kept" resume:"free"`
	Marks       []string   `json:"marks" doc:"tokens by name"`
	Stages      []stage    `json:"stages" doc:"what is learned one after the other"`
	//lint:ignore U1000 it is here to be passed over
	unexported int
	Skipped    int `json:"-"`
}

type stage struct {
	Name      string   `json:"name"`
	Steps     int      `json:"steps" min:"1"`
	StopAt    float64  `json:"stop_at,omitempty"`
	DocWeight float32  `json:"doc_weight,omitempty"`
	Mixture   *mixture `json:"mixture,omitempty"`
}

type mixture struct {
	Cluster struct{ Docs, MaxDocs int }
	Loose   float64
	Words   bool
	Asked   [4]float64
}

// example is the configuration that the situations begin with.
func example() *play {
	m := &mixture{Loose: 0.3, Asked: [4]float64{1, 2, 3, 4}}
	m.Cluster.Docs = 1
	return &play{Seed: 1, Steps: 3, Tasks: []task{0, 1, 2}, Prompts: "full", Date: "2024-07-26", Thinking: true,
		Temperature: 0.7, LossMean: "tokens", RoleWeights: [3]float64{1, 1, 1},
		Optim: optim{LR: 2e-6, Beta1: 0.9, Eps: 1e-8},
		Keep:  2, Marks: []string{"<think>", "</think>"}, Stages: []stage{
			{Name: "drill", Steps: 9000, StopAt: 0.93},
			{Name: "world, wider", Steps: 2000, DocWeight: 0.03, Mixture: m}}}
}
