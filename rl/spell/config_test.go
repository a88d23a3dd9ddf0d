package spell

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus"
	"spell/rl/settings"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

func TestPresets(t *testing.T) {
	for name, c := range map[string]Config{"default": Default(), "small": Small()} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := settings.Read("", raw, &again); err != nil {
			t.Errorf("%s does not read back: %v", name, err)
		}
		if twice, _ := json.Marshal(again); string(twice) != string(raw) {
			t.Errorf("%s reads back as another:\n%s\n%s", name, raw, twice)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for say, change := range map[string]func(*Config){
		"answers is 1073741825; it must lie between 2 and 1073741824": func(c *Config) { c.Answers = 1<<30 + 1 },
		"draw 33554433 times answers 8":                               func(c *Config) { c.Draw = 1<<25 + 1 },
		"temperature is 0.00001":                                      func(c *Config) { c.Temperature = 1e-5 },
		"temperature is 1.0e-50":                                      func(c *Config) { c.Temperature = 1e-50 },
		"top_p is 1e-50":                                              func(c *Config) { c.TopP = 1e-50 },
		"steps is -1":                                                 func(c *Config) { c.Steps = -1 },
		"held_out is -1; it must lie between 0 and":                   func(c *Config) { c.HeldOut = -1 },
		"docs is 0":                                                   func(c *Config) { c.Docs = 0 },
		"answers is 1":                                                func(c *Config) { c.Answers = 1 },
		"tasks has numeric twice; name each once":                     func(c *Config) { c.Tasks = []task.Task{task.Numeric, task.GeneralQA, task.Numeric} },
		"tasks is empty":                                              func(c *Config) { c.Tasks = nil },
		"temperature is NaN":                                          func(c *Config) { c.Temperature = math.NaN() },
		"temperature is 0":                                            func(c *Config) { c.Temperature = 0 },
		"top_p is 1.5":                                                func(c *Config) { c.TopP = 1.5 },
		"bad_ratio is -1":                                             func(c *Config) { c.BadRatio = -1 },
		"steps is 16777217; it must lie between 0 and 16777216": func(c *Config) { c.Steps = 1<<24 + 1 },
		"max_rounds is 257":                 func(c *Config) { c.MaxRounds = 257 },
		"questioner_baseline":               func(c *Config) { c.QuestionerBaseline = "none" },
		"loss_mean":                         func(c *Config) { c.LossMean = "none" },
		"role_weights":                      func(c *Config) { c.RoleWeights[1] = math.Inf(1) },
		"optim.lr is -1":                    func(c *Config) { c.Optim.LR = -1 },
		"sigma is 0":                        func(c *Config) { c.Reward.Sigma = 0 },
		"pass_tokens is 1000":               func(c *Config) { c.PassTokens = 1000 },
		"batch_tokens is 70":                func(c *Config) { c.BatchTokens = 70 },
		"cache_tokens is 1500":              func(c *Config) { c.CacheTokens = 1500 },
		"optim.lr, the learning rate, is 0": func(c *Config) { c.Optim.LR = 0 },
		"role_weights are all 0":            func(c *Config) { c.RoleWeights = [3]float64{} },
		"static leaves the questioner out":  func(c *Config) { c.Static, c.RoleWeights = "base", [3]float64{1, 0, 0} },
		"static is \"some\"":                func(c *Config) { c.Static = "some" },
		"answers 2000 and votes":            func(c *Config) { c.Answers, c.CacheTokens = 2000, 1<<20 },
	} {
		c := Small()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v", say, err)
		}
	}
	for _, change := range []func(*Config){func(c *Config) { c.Temperature = 1e-4 },
		func(c *Config) { c.TopP = 1e-45 }, func(c *Config) { c.Draw = 1 << 25 },
		func(c *Config) { c.Optim.LR = 1e-300 }, func(c *Config) { c.RoleWeights = [3]float64{0, 0, 1e-9} }} {
		c := Small()
		if change(&c); c.Validate() != nil {
			t.Error(c.Validate())
		}
	}
	for text, say := range map[string]string{`{"learning_rate": 1}`: "learning_rate",
		"seed: 2\nanswers: 1": "line 2, column 10: answers is 1; it must lie between 2 and", "keep: 0": "line 1",
		"role_weights: [1, 1e7, 0]": "role_weights.1 is", "reward: {sigma: 0}": "reward.sigma is 0",
		`{"seed": 1} 2`: "more than one", `{"tasks": ["poems"]}`: "poems", `[`: "line 1"} {
		c := Small()
		if err := settings.Read("", []byte(text), &c); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s gives %v", text, err)
		}
	}
	c := small()
	c.Prompts = filepath.Join(t.TempDir(), "none")
	on := testModel(t, opentest.CPU(t, 1), model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	if _, err := begin(context.Background(), c, on, documents(3, 3), nil); err == nil ||
		!strings.Contains(err.Error(), "none") {
		t.Errorf("a prompt set that is not there gives %v", err)
	}
	c = small()
	alone := &corpus.Corpus{Clusters: []corpus.Cluster{{Name: "alone",
		Docs: []corpus.Document{{Name: "letter", Text: "r"}}}}}
	if _, err := begin(context.Background(), c, on, alone, nil); err == nil ||
		!strings.Contains(err.Error(), "no cluster has two documents") {
		t.Errorf("a document that cannot be cut, alone, gives %v", err)
	}
	c.Tasks = []task.Task{task.Numeric, task.Numeric}
	if _, err := begin(context.Background(), c, on, documents(3, 3), nil); err == nil ||
		!strings.Contains(err.Error(), "twice") {
		t.Errorf("a task named twice gives %v", err)
	}
}
