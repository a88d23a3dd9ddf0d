package rl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"spell/kernels"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/grpo"
	"spell/rl/runner"
	"spell/tokenizer/chat"
)

// Config is the part of the settings that every game has: sampling, rounds and the update. A game's
// configuration embeds it.
type Config struct {
	runner.Base

	Steps    int    `json:"steps" resume:"free" doc:"updates; the paper's plots run to about 70"`
	Thinking bool   `json:"thinking" doc:"let the chat template ask for thoughts before the reply; false sets enable_thinking to false, as Qwen3 knows it"`
	Date     string `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD: the same in every step and on every resume"`

	Temperature float64 `json:"temperature" doc:"of all roles; paper 0.7"`
	TopP        float64 `json:"top_p" doc:"of all roles; paper 0.95"`
	TopK        int     `json:"top_k" doc:"0: off, as in the paper"`
	Int8        bool    `json:"int8" doc:"generate with an int8 copy of the weights, and correct the loss for the difference; --precision int8 sets it. Paper: no"`
	MaxPrompt   int     `json:"max_prompt" doc:"tokens of a prompt; clusters are cut to fit; paper 16,384"`
	MaxRounds   int     `json:"max_rounds" doc:"draws in a step at most; then it trains on what it has; paper 10"`

	LossMean string  `json:"loss_mean" doc:"over the tokens of the batch (tokens) or of each group (groups, Eq. 12)"`
	Entropy  float64 `json:"entropy" doc:"entropy bonus; paper 0"`
	SkipCut  bool    `json:"skip_cut" doc:"leave outputs that were cut off at their limit out of the loss; paper: no"`

	BatchTokens int `json:"batch_tokens" resume:"free" doc:"tokens of outputs that train together, behind their prompts; bounds memory"`
	CacheTokens int `json:"cache_tokens" resume:"free" doc:"tokens of the key-value cache; bounds memory"`
}

// Limits returns what a training pass has memory for.
func (c *Config) Limits() forest.Limits {
	return forest.Limits{Shared: c.PassTokens, Batch: c.BatchTokens}
}

// Sampling returns how all outputs are sampled.
func (c *Config) Sampling() rollout.Sampling {
	return rollout.Sampling{Temperature: float32(c.Temperature), TopP: float32(c.TopP), TopK: c.TopK}
}

// Rows returns how many rows a pass of generation has.
func (c *Config) Rows() int { return min(c.PassTokens, 1024) }

// LeastCache returns the tokens of a cache that holds the longest prompt and any one of the given
// groups of outputs, each a number of outputs and their tokens.
func (c *Config) LeastCache(groups ...[2]int) int {
	page := func(n int) int { return (n + kernels.KeyBlock - 1) / kernels.KeyBlock * kernels.KeyBlock }
	outputs := 0
	for _, g := range groups {
		outputs = max(outputs, g[0]*page(g[1]))
	}
	return page(c.MaxPrompt) + kernels.KeyBlock + outputs
}

// maxSteps is how many steps the keys of a game's requests may have bits for.
const maxSteps = 1 << 24

// CheckCount returns an error that names a setting if it is below the least it may be or above 2³⁰.
func CheckCount(name string, value, least int) error {
	const most = 1 << 30
	if value < least || value > most {
		return fmt.Errorf("%s is %d; it must lie between %d and %d", name, value, least, most)
	}
	return nil
}

// Validate refuses what no game can be played with, naming the field.
func (c *Config) Validate() error {
	if err := cmp.Or(
		CheckCount("steps", c.Steps, 0), CheckCount("max_rounds", c.MaxRounds, 1),
		CheckCount("max_prompt", c.MaxPrompt, 16), CheckCount("pass_tokens", c.PassTokens, 64),
		CheckCount("batch_tokens", c.BatchTokens, 64), CheckCount("cache_tokens", c.CacheTokens, 64),
		CheckCount("checkpoint", c.Checkpoint, 1), CheckCount("keep", c.Keep, 1), CheckCount("top_k", c.TopK, 0),
	); err != nil {
		return err
	}
	switch {
	case c.Steps > maxSteps:
		return fmt.Errorf("steps is %d; it must be at most %d", c.Steps, maxSteps)
	case c.PassTokens < c.MaxPrompt:
		return fmt.Errorf("pass_tokens is %d; a prompt has up to max_prompt %d tokens", c.PassTokens, c.MaxPrompt)
	case !(float32(c.Temperature) >= 1e-4 && c.Temperature <= 100): // as the engine takes it; 0 would be no self-play
		return fmt.Errorf("temperature is %g; it must lie between 0.0001 and 100", c.Temperature)
	case !(float32(c.TopP) > 0 && c.TopP <= 1):
		return fmt.Errorf("top_p is %g; it must lie in (0, 1], and above 0 also as float32", c.TopP)
	case c.LossMean != "tokens" && c.LossMean != "groups":
		return fmt.Errorf("loss_mean is %q; use tokens or groups", c.LossMean)
	}
	if _, err := time.Parse(time.DateOnly, c.Date); err != nil {
		return fmt.Errorf("date is %q; write YYYY-MM-DD", c.Date)
	}
	return c.Optim.Validate()
}

// Dialog returns the model's text side with what the configuration says to its chat template.
func (c *Config) Dialog(text *chat.Dialog) (*chat.Dialog, error) {
	return Dialog(text, c.Date, c.Thinking)
}

// Dialog returns a model's text side whose chat template takes date, YYYY-MM-DD, for today and is
// told whether to ask for thoughts.
func Dialog(text *chat.Dialog, date string, thinking bool) (*chat.Dialog, error) {
	d := *text
	var err error
	if d.Now, err = time.Parse(time.DateOnly, date); err != nil {
		return nil, fmt.Errorf("date is %q; write YYYY-MM-DD", date)
	}
	if !thinking {
		d.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	return &d, nil
}

// norm returns over what token losses are averaged.
func (c *Config) norm() grpo.Norm {
	if c.LossMean == "groups" {
		return grpo.GroupTokenMean
	}
	return grpo.GlobalTokenMean
}
