package rl

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spell/kernels"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
	"spell/rl/grpo"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/tokenizer/chat"
)

// Config is the part of the settings that every game has: sampling, rounds and the update. A game's
// configuration embeds it.
type Config struct {
	Steps int `json:"steps" group:"the run" resume:"free" min:"0" max:"16777216" doc:"updates; SPELL's plots run to about 70. On a resume another number only makes the run longer or shorter"`

	Floor float64 `json:"floor" min:"0" max:"1" doc:"share of the learning rate that is left in the last step; it falls by as much in each, on a resume with another number of steps as if that had been set before. SPELL 1"`

	runner.Base
	runner.Adapters

	BatchTokens int `json:"batch_tokens" resume:"free" min:"64" max:"1073741824" doc:"tokens of outputs that train together, behind their prompts; bounds memory"`
	CacheTokens int `json:"cache_tokens" resume:"free" min:"64" max:"1073741824" doc:"tokens of the key-value cache; bounds memory"`

	Temperature float64 `json:"temperature" group:"sampling" min:"0.0001" max:"100" doc:"of all outputs; SPELL 0.7"`
	TopP        float64 `json:"top_p" above:"0" max:"1" doc:"of all outputs; SPELL 0.95"`
	TopK        int     `json:"top_k" min:"0" max:"1073741824" doc:"of all outputs; 0: off, as in SPELL"`
	Thinking    bool    `json:"thinking" doc:"let the chat template ask for thoughts before the reply; false sets enable_thinking to false, as Qwen3 knows it"`
	Template    string  `json:"template" doc:"which of several chat templates of the model renders; empty: the one named default"`
	Date        string  `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD: the same in every step and on every resume"`
	MaxPrompt   int     `json:"max_prompt" min:"16" max:"1073741824" doc:"tokens of a prompt at most; SPELL 16,384"`
	Int8        bool    `json:"int8" doc:"generate with an int8 copy of the weights, and correct the loss for the difference; --precision int8 sets it. SPELL: no"`

	LossMean string  `json:"loss_mean" group:"loss" oneof:"tokens groups roles samples constant" doc:"over the tokens of the batch (tokens), of each group (groups, SPELL's equation 12), of each group and then of each role, whose losses are added (roles, its equations 10 and 12), of each sample (samples, as GRPO and GSPO), or of samples of the longest length there can be (constant, Dr. GRPO)"`
	Centred  bool    `json:"centred" doc:"advantages are rewards less their mean, not divided by their standard deviation, as in Dr. GRPO; SPELL: no"`
	Updates  int     `json:"updates" min:"1" max:"1024" aka:"mini_batches ppo_mini_batches" doc:"updates of a step, each of an equal share of its groups; after the first the loss is off-policy. SPELL 1"`
	Epochs   int     `json:"ppo_epochs" min:"1" max:"1024" aka:"num_iterations" doc:"times that a step's samples train; SPELL 1"`
	Ratio    string  `json:"ratio" oneof:"token sequence" doc:"off-policy, whether the ratio of probabilities that is clipped is a token's or a whole sample's (GSPO, with bounds such as 3e-4 and 4e-4)"`
	ClipLow  float64 `json:"clip_low" min:"0" max:"1" aka:"cliprange clip_ratio clip_ratio_low epsilon" doc:"the ratio is at least 1 less this where the advantage is negative; SPELL's code 0.2"`
	ClipHigh float64 `json:"clip_high" min:"0" max:"1e6" aka:"clip_ratio_high epsilon_high" doc:"and at most 1 and this where it is positive; SPELL's code 0.2, DAPO 0.28"`
	DualClip float64 `json:"dual_clip" min:"0" max:"1e6" doc:"and at most this where it is negative; above 1, or 0: no bound. SPELL's code 3"`
	Sampler  string  `json:"sampler_correction" oneof:"none truncate mask" doc:"what becomes of a token that int8 weights sampled: it counts times the ratio r of its probabilities, at most sampler_cap c (truncate, TIS), or not at all outside of 1/c to c (mask, MIS)"`
	Cap      float64 `json:"sampler_cap" min:"1" max:"1e6" aka:"tis_imp_ratio_cap" doc:"c of sampler_correction"`
	Entropy  float64 `json:"entropy" doc:"weight of the entropy bonus; SPELL 0"`
	KL       float64 `json:"kl" min:"0" max:"1e6" aka:"kl_coef beta kl_beta kl_loss_coef" doc:"weight of the divergence from the model that the run began with (the k3 estimate), or, with adapters, from the one without them; without adapters it takes a copy of the weights. SPELL 0"`
	SkipCut  bool    `json:"skip_cut" doc:"leave outputs that were cut off at their limit out of the loss; SPELL: no"`

	PartNorms bool `json:"part_norms" resume:"free" doc:"measure the norm of each role's gradient by itself, for metrics.jsonl; takes the time of an update more in every step, and changes nothing else"`

	MaxRounds int `json:"max_rounds" group:"a step" min:"1" max:"1073741824" doc:"rounds of play in a step at most; then it trains on what it has; SPELL 10"`
}

// DefaultConfig returns the values of SPELL (arXiv 2509.23863, §4 and appendix), with which a game
// begins.
func DefaultConfig() Config {
	return Config{
		Base: runner.Base{
			Seed: 1, PassTokens: 32768, Checkpoint: 10, Keep: 2,
			Optim: train.Optim{LR: 2e-6, EmbedScale: 1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01,
				ClipNorm: 1},
		},
		Adapters: runner.DefaultAdapters(),
		Steps:    70, Floor: 1, Thinking: true, Date: "2024-07-26", Temperature: 0.7, TopP: 0.95,
		MaxPrompt: 16384, MaxRounds: 10, BatchTokens: 8192, CacheTokens: 131072,
		LossMean: "tokens", Updates: 1, Epochs: 1, Ratio: "token", ClipLow: 0.2, ClipHigh: 0.2, DualClip: 3,
		Sampler: "truncate", Cap: 2,
	}
}

// livePrompts is how many prompts a training pass has memory for, however short. Of a prompt the last token
// alone predicts anything that is scored.
const livePrompts = 256

// Limits returns what a training pass has memory for.
func (c *Config) Limits() forest.Limits {
	return forest.Limits{Shared: c.PassTokens, Batch: c.BatchTokens, Live: livePrompts}
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

// MostPrompt returns the tokens of the longest prompt that the settings and a model that reads context
// tokens allow beside an output of up to so many. Below 1, none does.
func (c *Config) MostPrompt(context, output int) int { return min(c.MaxPrompt, context-output) }

// ErrNoRate is the error of settings with which nothing can be learned.
var ErrNoRate = errors.New("optim.lr, the learning rate, is 0: nothing would be trained; raise it above 0")

// Validate refuses what no game can be played with, naming the field.
func (c *Config) Validate() error {
	if err := settings.Validate(c); err != nil {
		return err
	}
	switch {
	case c.PassTokens < 64:
		return fmt.Errorf("pass_tokens is %d; it must be at least 64", c.PassTokens)
	case c.PassTokens < c.MaxPrompt:
		return fmt.Errorf("pass_tokens is %d; a prompt has up to max_prompt %d tokens", c.PassTokens, c.MaxPrompt)
	case float32(c.TopP) == 0: // as the engine takes it
		return fmt.Errorf("top_p is %g; it must be above 0 also as float32", c.TopP)
	case c.Optim.LR == 0:
		return ErrNoRate
	case c.DualClip > 0 && c.DualClip <= 1:
		return fmt.Errorf("dual_clip is %g; it must be above 1, or 0 for no bound", c.DualClip)
	case c.Int8 && c.LoRA.Rank > 0:
		return errors.New("int8 (--precision int8) generates with a copy of weights that are trained, and with " +
			"lora.rank they are not: set lora.base to int8 (--base int8), which serves both")
	}
	if err := c.LoRA.Validate(); err != nil {
		return err
	}
	if _, err := c.Dialog(&chat.Dialog{}); err != nil {
		return err
	}
	return c.Optim.Validate()
}

// Dialog returns the model's text side with what the configuration says to its chat template.
func (c *Config) Dialog(text *chat.Dialog) (*chat.Dialog, error) {
	return Dialog(text, c.Date, c.Template, c.Thinking)
}

// Dialog returns a model's text side whose chat template, the one of a name or the default if the
// name is empty, takes date, YYYY-MM-DD, for today and is told whether to ask for thoughts.
func Dialog(text *chat.Dialog, date, template string, thinking bool) (*chat.Dialog, error) {
	d, err := text.Choose(template)
	if err != nil {
		return nil, err
	}
	if d.Now, err = time.Parse(time.DateOnly, date); err != nil {
		return nil, fmt.Errorf("date is %q; write YYYY-MM-DD", date)
	}
	if !thinking {
		d.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	return d, nil
}

// norm returns over what token losses are averaged.
func (c *Config) norm() grpo.Norm {
	return map[string]grpo.Norm{"tokens": grpo.GlobalTokenMean, "groups": grpo.GroupTokenMean,
		"roles": grpo.PartTokenMean, "samples": grpo.SequenceTokenMean, "constant": grpo.ConstantMean}[c.LossMean]
}

// policy returns the loss.
func (c *Config) policy() grpo.Policy {
	return grpo.Policy{ClipLow: c.ClipLow, ClipHigh: c.ClipHigh, DualClip: c.DualClip, Sequence: c.Ratio == "sequence",
		Correction: map[string]grpo.Correction{"none": grpo.NoCorrection, "truncate": grpo.Truncated,
			"mask": grpo.Masked}[c.Sampler], Cap: c.Cap, KL: c.KL, Entropy: c.Entropy}
}
