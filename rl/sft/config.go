// Package sft is supervised fine-tuning: a model learns the answers of a file of prompts and answers. The loss is the
// mean negative log-likelihood of the answers' tokens, each with the token that ends it; prompts are read, not learned.
//
// Everything that an update does follows from its number, the seed and the file, so a run that was cut short goes on
// from a checkpoint to the same bytes.
package sft

import (
	"fmt"
	"math"
	"time"

	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/settings"
)

// Config is everything a run depends on beside the model and the file. The doc tags are what settings.Describe prints.
type Config struct {
	Seed    uint64  `json:"seed" doc:"of the order of the lines and of the choice of those held out"`
	Epochs  int     `json:"epochs" doc:"times that every line is learned from"`
	Steps   int     `json:"steps" doc:"updates at most; 0: as many as the epochs have"`
	Batch   int     `json:"batch" doc:"lines of an update, at least; lines with the same prompt are in one as far as it holds them, and share the prompt"`
	HeldOut float64 `json:"held_out" doc:"share of the lines that are not learned but measure the loss; lines with the same prompt are held out together; 0: none"`
	Measure int     `json:"measure" doc:"updates between measurements of the held-out loss, which is measured before and after in any case"`

	Long      string   `json:"long" doc:"a line of more than max_tokens: refuse the file, skip the line, or cut its end off"`
	MaxTokens int      `json:"max_tokens" doc:"tokens of a line, prompt and answer; 0: as many as the model's context and pass_tokens allow"`
	Thinking  bool     `json:"thinking" doc:"let the chat template ask for thoughts before the reply; false sets enable_thinking to false, as Qwen3 knows it"`
	Date      string   `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD"`
	Marks     []string `json:"marks" doc:"what in an answer is the token of that name, if the tokenizer has it; all else that looks like a special token is text"`

	Moments model.Moments `json:"moments" doc:"how the optimizer keeps its two moments: f32, 8 bytes a parameter, bf16, 4, or int8, 2"`

	Optim  train.Optim `json:"optim"`
	Warmup float64     `json:"warmup" doc:"share of the updates in which the learning rate rises from 0"`
	Decay  string      `json:"decay" doc:"how it falls after that: cosine, linear or none"`
	Floor  float64     `json:"floor" doc:"share of the learning rate that is left in the last update"`

	PassTokens int `json:"pass_tokens" doc:"tokens of prompts, and of answers behind them, that go through the model together; bounds memory"`
	Checkpoint int `json:"checkpoint" doc:"updates between checkpoints"`
	Keep       int `json:"keep" doc:"checkpoints kept"`
}

// Default suits models of some hundred million parameters and more.
func Default() Config {
	return Config{
		Seed: 1, Epochs: 3, Batch: 16, HeldOut: 0.05, Measure: 100,
		Long: "refuse", Thinking: true, Date: "2024-07-26", Marks: []string{"<think>", "</think>"},
		Optim:  train.Optim{LR: 1e-5, EmbedScale: 1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, ClipNorm: 1},
		Warmup: 0.03, Decay: "cosine", Floor: 0.1,
		PassTokens: 8192, Checkpoint: 100, Keep: 2,
	}
}

// Read overlays the JSON of a configuration file on c. A field that does not exist is an error.
func (c *Config) Read(data []byte) error { return settings.Read("", data, c) }

// room is what a training pass has memory for.
func (c *Config) room() forest.Limits {
	return forest.Limits{Shared: c.PassTokens, Batch: c.PassTokens}
}

// Validate refuses what no run can be made of, naming the field.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name   string
		v, min int
	}{
		{"epochs", c.Epochs, 1}, {"steps", c.Steps, 0}, {"batch", c.Batch, 1}, {"measure", c.Measure, 1}, {"max_tokens", c.MaxTokens, 0},
		{"pass_tokens", c.PassTokens, 16}, {"checkpoint", c.Checkpoint, 1}, {"keep", c.Keep, 1},
	} {
		if f.v < f.min || f.v > 1<<30 {
			return fmt.Errorf("%s is %d; it must lie between %d and %d", f.name, f.v, f.min, 1<<30)
		}
	}
	for _, f := range []struct {
		name string
		v    float64
	}{{"held_out", c.HeldOut}, {"warmup", c.Warmup}, {"floor", c.Floor}} {
		if !(f.v >= 0 && f.v <= 1) {
			return fmt.Errorf("%s is %g; it is a share, between 0 and 1", f.name, f.v)
		}
	}
	switch {
	case c.MaxTokens == 1:
		return fmt.Errorf("max_tokens is 1; an answer and its end are 2 tokens at least")
	case c.MaxTokens > c.PassTokens:
		return fmt.Errorf("max_tokens is %d and pass_tokens %d; a line goes through the model in one pass: raise pass_tokens", c.MaxTokens, c.PassTokens)
	case c.Long != "refuse" && c.Long != "skip" && c.Long != "cut":
		return fmt.Errorf("long is %q; use refuse, skip or cut", c.Long)
	case c.Decay != "cosine" && c.Decay != "linear" && c.Decay != "none":
		return fmt.Errorf("decay is %q; use cosine, linear or none", c.Decay)
	}
	if _, err := c.date(); err != nil {
		return err
	}
	return c.Optim.Validate()
}

func (c *Config) date() (time.Time, error) {
	t, err := time.Parse(time.DateOnly, c.Date)
	if err != nil {
		return t, fmt.Errorf("date is %q; write YYYY-MM-DD", c.Date)
	}
	return t, nil
}

// schedule is the factor on the learning rate in update n, from 0, of total: up to 1 in equal steps, and down to the
// floor, which the last update has.
func (c *Config) schedule(n, total int) float64 {
	rise := int(math.Ceil(c.Warmup * float64(total)))
	if n < rise {
		return float64(n+1) / float64(rise)
	}
	x := float64(n-rise) / float64(max(1, total-1-rise))
	switch c.Decay {
	case "cosine":
		return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*x))/2
	case "linear":
		return c.Floor + (1-c.Floor)*(1-x)
	}
	return 1
}
