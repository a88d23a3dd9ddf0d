// Package sft is supervised fine-tuning: a model learns the answers of a file of prompts and answers.
// The loss is the mean negative log-likelihood of the answers' tokens, each with the token that ends it;
// prompts are read, not learned.
//
// Everything that an update does follows from its number, the seed and the file, so a run that was cut
// short goes on from a checkpoint to the same bytes.
package sft

import (
	"fmt"

	"spell/model/forest"
	"spell/model/train"
	"spell/rl"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/tokenizer/chat"
)

// Config is everything a run depends on beside the model and the file.
type Config struct {
	Epochs int `json:"epochs" group:"the run" min:"1" max:"1073741824" doc:"times that every line is learned from"`
	Steps  int `json:"steps" resume:"free" min:"0" max:"1073741824" doc:"updates at most; 0: as many as the epochs have. On a resume another number makes the run longer or shorter, and the updates that are left take the learning rate from the schedule of that length"`
	Batch  int `json:"batch" min:"1" max:"1073741824" doc:"lines of an update, at least; lines with the same prompt are in one as far as it holds them, and share the prompt"`

	runner.Base
	runner.Adapters

	Warmup float64 `json:"warmup" group:"learning rate" min:"0" max:"1" doc:"share of the updates in which the learning rate rises from 0"`
	Decay  string  `json:"decay" oneof:"cosine linear none" doc:"how it falls after that: cosine, linear or none"`
	Floor  float64 `json:"floor" min:"0" max:"1" doc:"share of the learning rate that is left in the last update"`

	Long      string   `json:"long" group:"lines" oneof:"refuse skip cut" doc:"a line of more than max_tokens: refuse the file, skip the line, or cut its end off"`
	MaxTokens int      `json:"max_tokens" min:"0" max:"1073741824" doc:"tokens of a line, prompt and answer; 0: as many as the model's context and pass_tokens allow"`
	Thinking  bool     `json:"thinking" doc:"let the chat template ask for thoughts before the reply; false sets enable_thinking to false, as Qwen3 knows it"`
	Template  string   `json:"template" doc:"which of several chat templates of the model renders; empty: the one named default"`
	Date      string   `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD"`
	Marks     []string `json:"marks" doc:"what in an answer is the token of that name, if the tokenizer has it; all else that looks like a special token is text"`

	HeldOut float64 `json:"held_out" group:"measuring" min:"0" max:"0.5" doc:"share of the lines that are not learned but measure the loss; lines with the same prompt are held out together; none of very few; 0: none"`
	Measure int     `json:"measure" min:"1" max:"1073741824" doc:"updates between measurements of the held-out loss, which is measured before and after in any case"`
}

// Default suits models of some hundred million parameters and more.
func Default() Config {
	return Config{
		Base: runner.Base{
			Seed: 1, PassTokens: 8192, Checkpoint: 100, Keep: 2,
			Optim: train.Optim{LR: 1e-5, EmbedScale: 1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, ClipNorm: 1},
		},
		Adapters: runner.DefaultAdapters(),
		Epochs:   3, Batch: 16, HeldOut: 0.05, Measure: 100,
		Long: "refuse", Thinking: true, Date: "2024-07-26", Marks: []string{"<think>", "</think>"},
		Warmup: 0.03, Decay: "cosine", Floor: 0.1,
	}
}

// limits returns what a training pass has memory for.
func (c *Config) limits() forest.Limits {
	return forest.Limits{Shared: c.PassTokens, Batch: c.PassTokens}
}

// Validate refuses what no run can be made of, naming the field.
func (c *Config) Validate() error {
	if err := settings.Validate(c); err != nil {
		return err
	}
	switch {
	case c.Optim.LR == 0:
		return rl.ErrNoRate
	case c.MaxTokens == 1:
		return fmt.Errorf("max_tokens is 1; an answer and its end are 2 tokens at least")
	case c.MaxTokens > c.PassTokens:
		return fmt.Errorf("max_tokens is %d and pass_tokens %d; a line goes through the model in one pass: raise "+
			"pass_tokens", c.MaxTokens, c.PassTokens)
	}
	if _, err := rl.Dialog(&chat.Dialog{}, c.Date, "", c.Thinking); err != nil {
		return err
	}
	if err := c.LoRA.Validate(); err != nil {
		return err
	}
	return c.Optim.Validate()
}

// schedule returns the course of the learning rate over so many updates.
func (c *Config) schedule(updates int) train.Schedule {
	return train.Schedule{Steps: updates, Warmup: train.WarmupSteps(c.Warmup, updates), Decay: train.Decay(c.Decay),
		Floor: c.Floor}
}
