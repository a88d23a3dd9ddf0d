package rl_test

import (
	"math"
	"strings"
	"testing"

	"spell/rl"
)

// TestConfigErrors: what no game can be played with is refused with the name of the field.
func TestConfigErrors(t *testing.T) {
	for _, c := range []rl.Config{relayConfig(), rl.DefaultConfig()} {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	for say, change := range map[string]func(c *rl.Config){
		"steps is -1; it must lie between 0 and 16777216":       func(c *rl.Config) { c.Steps = -1 },
		"steps is 16777217; it must lie between 0 and 16777216": func(c *rl.Config) { c.Steps = 1<<24 + 1 },
		"max_prompt is 15":                            func(c *rl.Config) { c.MaxPrompt = 15 },
		"max_rounds is 0":                             func(c *rl.Config) { c.MaxRounds = 0 },
		"pass_tokens is 63; it must be at least 64":   func(c *rl.Config) { c.PassTokens = 63 },
		"pass_tokens is 99; a prompt has up to":       func(c *rl.Config) { c.PassTokens = 99 },
		"batch_tokens is 1":                           func(c *rl.Config) { c.BatchTokens = 1 },
		"cache_tokens is 1":                           func(c *rl.Config) { c.CacheTokens = 1 },
		"checkpoint is 0":                             func(c *rl.Config) { c.Checkpoint = 0 },
		"keep is 0":                                   func(c *rl.Config) { c.Keep = 0 },
		"top_k is -1":                                 func(c *rl.Config) { c.TopK = -1 },
		"top_k is 1073741825; it must lie between 0 ": func(c *rl.Config) { c.TopK = 1<<30 + 1 },
		"temperature is NaN":                          func(c *rl.Config) { c.Temperature = math.NaN() },
		"temperature is 101":                          func(c *rl.Config) { c.Temperature = 101 },
		"top_p is 0":                                  func(c *rl.Config) { c.TopP = 0 },
		"loss_mean is \"steps\"":                      func(c *rl.Config) { c.LossMean = "steps" },
		"date is \"today\"":                           func(c *rl.Config) { c.Date = "today" },
		"optim.lr, the learning rate, is 0: nothing":  func(c *rl.Config) { c.Optim.LR = 0 },
		"optim.lr is 11":                              func(c *rl.Config) { c.Optim.LR = 11 },
	} {
		c := relayConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), say) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q in it", err, say)
		}
	}
}

// TestLeastCache: the least cache holds a prompt of the longest and the largest of the groups, each
// output in pages of its own.
func TestLeastCache(t *testing.T) {
	c := relayConfig()
	if one, both := c.LeastCache([2]int{4, 65}), c.LeastCache([2]int{1, 100}, [2]int{4, 65},
		[2]int{8, 8}); one != both || one != 128+64+4*128 {
		t.Errorf("a group takes %d tokens, among smaller ones %d", one, both)
	}
}

// TestMostPrompt: a prompt is as long as the setting allows, or as the context beside the output.
func TestMostPrompt(t *testing.T) {
	c := relayConfig() // of prompts of up to 100 tokens
	for _, s := range []struct{ context, output, want int }{
		{1000, 10, 100}, {110, 10, 100}, {109, 10, 99}, {11, 10, 1}, {10, 10, 0}, {5, 10, -5},
	} {
		if got := c.MostPrompt(s.context, s.output); got != s.want {
			t.Errorf("beside %d of %d tokens a prompt has up to %d, want %d", s.output, s.context, got, s.want)
		}
	}
}
