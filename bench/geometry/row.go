package main

import (
	"fmt"
	"io"

	"spell/bench/rounds"
	"spell/bench/shapes"
	"spell/model"
)

// A row is what is measured.
type row struct {
	Model     string `json:"model"`
	Layers    int    `json:"layers"`
	Phase     string `json:"phase"`             // score, lora or full
	Precision string `json:"precision"`         // of the weights; of lora, which stay
	Moments   string `json:"moments,omitempty"` // of full; empty: f32
	sizes
}

// sizes are those of a step; of scoring, the prompt's alone.
type sizes struct {
	Prompt    int  `json:"prompt"`              // tokens
	Questions int  `json:"questions,omitempty"` // of a step
	Answers   int  `json:"answers,omitempty"`   // to a question, and votes on each
	Answer    int  `json:"answer,omitempty"`    // tokens of a question and of an answer; votes have a quarter
	Recompute bool `json:"recompute,omitempty"` // activations on the way back
}

// A result is what a row came to.
type result struct {
	row
	Tokens   int     `json:"tokens"`            // through the model in the step
	Seconds  float64 `json:"seconds"`           // of the step
	Planned  float64 `json:"planned_mib"`       // the most memory, as spell says before
	Resident float64 `json:"resident_mib"`      // and as it was
	Refused  string  `json:"refused,omitempty"` // why the row was not run: it does not fit the machine
}

// ways are what is done with every model.
var ways = []row{
	{Phase: "score", Precision: "f32"},
	{Phase: "score", Precision: "bf16"},
	{Phase: "score", Precision: "int8"},
	{Phase: "lora", Precision: "f32"},
	{Phase: "lora", Precision: "bf16"},
	{Phase: "lora", Precision: "int8"},
	{Phase: "full", Precision: "f32"},
	{Phase: "full", Precision: "f32", Moments: "int8"},
	{Phase: "full", Precision: "bf16"},
	{Phase: "full", Precision: "bf16", Moments: "int8"},
}

// name tells a row from the others of its model: "full/f32/int8".
func (r *row) name() string {
	name := r.Phase + "/" + r.Precision
	if r.Moments != "" {
		name += "/" + r.Moments
	}
	return name
}

// A decoder is a shape by the name of its checkpoint.
type decoder struct {
	name  string
	shape model.Config
}

// models are those that can be measured, the default ones first.
var models = []decoder{
	{"qwen2.5-7b", shapes.Qwen7B}, {"qwen3-4b", shapes.Qwen4B}, {"llama-3.1-8b", shapes.Llama8B},
	{"qwen3-30b-a3b", shapes.Qwen30BA3B}, {"qwen2.5-0.5b", shapes.Qwen05B}, {"smollm-135m", shapes.Smol135M},
}

// table prints results.
func table(w io.Writer, list []result) {
	cells := [][]string{{"", "tokens", "seconds", "planned, GiB", "resident, GiB", "ratio"}}
	for _, r := range list {
		title := fmt.Sprintf("%s, %d layers, %s", r.Model, r.Layers, r.name())
		if r.Phase != "score" && !r.Recompute {
			title += ", keeping activations"
		}
		cells = append(cells, []string{title, fmt.Sprint(r.Tokens), fmt.Sprintf("%.1f", r.Seconds),
			fmt.Sprintf("%.2f", r.Planned/1024), fmt.Sprintf("%.2f", r.Resident/1024),
			fmt.Sprintf("%.3f", r.Resident/r.Planned)})
	}
	rounds.Table(w, cells)
}
