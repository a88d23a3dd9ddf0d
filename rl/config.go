package rl

import (
	"encoding/json"
	"fmt"
	"time"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/curriculum"
	"spell/rl/grpo"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/settings"
	"spell/rl/task"
	"spell/tokenizer/chat"
)

// Config is everything a run of self-play depends on beside the model and the documents. Counts
// are of questions, answers and tokens of the whole run; nothing is per device or per batch of
// some inner loop. Default has the paper's values, Small those that suit a model of a million
// parameters. Section numbers are those of the paper, arXiv 2509.23863. The doc tags are what
// settings.Describe prints.
type Config struct {
	Seed  uint64      `json:"seed" doc:"of everything random in the run"`
	Steps int         `json:"steps" doc:"updates; the paper's plots run to about 70"`
	Tasks []task.Task `json:"tasks" doc:"kinds of questions, equally often"`

	Prompts   string `json:"prompts" doc:"prompt set: full, compact, or a folder of one's own"`
	Thinking  bool   `json:"thinking" doc:"let the chat template ask for thoughts before the reply; false sets enable_thinking to false, as Qwen3 knows it"`
	Date      string `json:"date" doc:"what a chat template takes for today, YYYY-MM-DD: the same in every step and on every resume"`
	Docs      int    `json:"docs" doc:"m, documents new to the questioner in one call; paper 5"`
	NearDocs  bool   `json:"near_docs" doc:"draw the questioner's documents by the rare words they share, so that questions can join them; paper: at random"`
	DocChars  int    `json:"doc_chars" doc:"characters at which long files are cut into documents"`
	MaxDocs   int    `json:"max_docs" doc:"documents of a cluster, all of which the responder reads"`
	MaxPrompt int    `json:"max_prompt" doc:"tokens of a prompt; clusters are cut to fit; paper 16,384"`

	Temperature float64 `json:"temperature" doc:"of all roles; paper 0.7"`
	TopP        float64 `json:"top_p" doc:"of all roles; paper 0.95"`
	TopK        int     `json:"top_k" doc:"0: off, as in the paper"`
	Int8        bool    `json:"int8" doc:"generate with an int8 copy of the weights, and correct the loss for the difference; --precision int8 sets it. Paper: no"`
	MaxQuestion int     `json:"max_question" doc:"tokens of a questioner's output; paper 4,096"`
	MaxAnswer   int     `json:"max_answer" doc:"tokens of a responder's output; paper 4,096, reasoning models 20,480"`
	MaxVote     int     `json:"max_vote" doc:"tokens of a verifier's output; paper 4,096"`
	Answers     int     `json:"answers" doc:"G, answers to a question; paper 8"`
	Votes       int     `json:"votes" doc:"G, votes on an answer; paper 8. 0: rule rewards alone"`
	EarlyVotes  bool    `json:"early_votes" doc:"drop the votes still to come when the majority of all is decided; only where no votes train, and of their fates the metrics count vote_disagrees alone. Paper: no"`

	Questions      int     `json:"questions" doc:"N, questions that train the responder in a step; paper 128"`
	Draw           int     `json:"draw" doc:"questions drawn at a time until there are N; paper 480"`
	MaxRounds      int     `json:"max_rounds" doc:"draws in a step at most; then it trains on what it has; paper 10"`
	BadRatio       float64 `json:"bad_ratio" doc:"failed questions that train, for each good one; paper 1"`
	VerifierGroups int     `json:"verifier_groups" doc:"groups of votes that train in a step; paper 16 (N/G)"`
	VerifierAny    bool    `json:"verifier_any" doc:"train the groups there are when there are fewer; paper's code: none"`

	MemoryLength int  `json:"memory_length" doc:"L, remembered questions of a cluster and task; paper 3"`
	MemoryUnion  bool `json:"memory_union" doc:"remember all documents of a question (code) or the new ones (paper)"`
	MemorySolved bool `json:"memory_solved" doc:"remember questions that all answers got right (code), not in the paper"`

	Reward             reward.Config `json:"reward"`
	QuestionerBaseline string        `json:"questioner_baseline" doc:"batch (paper) or task (code)"`
	LossMean           string        `json:"loss_mean" doc:"over the tokens of the batch (tokens) or of each group (groups, Eq. 12)"`
	RoleWeights        [3]float64    `json:"role_weights" doc:"of questioner, responder, verifier in the loss; 0: the role is not trained; paper 1, 1, 1"`
	Entropy            float64       `json:"entropy" doc:"entropy bonus; paper 0"`

	Moments model.Moments `json:"moments" doc:"how the optimizer keeps its two moments: f32, 8 bytes a parameter, bf16, 4, or int8, 2"`

	Optim       train.Optim `json:"optim"`
	PassTokens  int         `json:"pass_tokens" doc:"tokens of prompts that go through the model together; bounds memory"`
	BatchTokens int         `json:"batch_tokens" doc:"tokens of outputs that train together, behind their prompts; bounds memory"`
	CacheTokens int         `json:"cache_tokens" doc:"tokens of the key-value cache; bounds memory"`
	Checkpoint  int         `json:"checkpoint" doc:"steps between checkpoints"`
	Keep        int         `json:"keep" doc:"checkpoints kept"`
}

// Default is the paper's configuration (§2.1, §4; appendix).
func Default() Config {
	return Config{
		Seed: 1, Steps: 70, Tasks: []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice},
		Prompts: "full", Thinking: true, Date: "2024-07-26", Docs: 5, DocChars: 4000, MaxDocs: 20, MaxPrompt: 16384,
		Temperature: 0.7, TopP: 0.95, MaxQuestion: 4096, MaxAnswer: 4096, MaxVote: 4096, Answers: 8, Votes: 8,
		Questions: 128, Draw: 480, MaxRounds: 10, BadRatio: 1, VerifierGroups: 16,
		MemoryLength: 3, Reward: reward.Default(), QuestionerBaseline: "batch", LossMean: "tokens", RoleWeights: [3]float64{1, 1, 1},
		Optim:      train.Optim{LR: 2e-6, EmbedScale: 1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, ClipNorm: 1},
		PassTokens: 32768, BatchTokens: 8192, CacheTokens: 131072, Checkpoint: 10, Keep: 2,
	}
}

// Small suits the embedded base: short outputs, small batches, a learning rate for a model of a
// million parameters.
func Small() Config {
	c := Default()
	c.Steps = 60
	c.Prompts, c.Docs, c.DocChars, c.MaxDocs, c.MaxPrompt = "compact", 5, 400, 32, 1024
	c.NearDocs, c.Temperature, c.TopP = true, 1, 1
	c.MaxQuestion, c.MaxAnswer, c.MaxVote = 80, 48, 4
	c.Questions, c.Draw, c.MaxRounds, c.VerifierGroups, c.VerifierAny = 24, 48, 2, 12, true
	c.Optim = train.Optim{LR: 1e-4, EmbedScale: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0, ClipNorm: 1}
	c.PassTokens, c.BatchTokens, c.CacheTokens = 4096, 4096, 65536
	return c
}

// Read overlays the JSON of a configuration file on c. A field that does not exist is an error.
func (c *Config) Read(data []byte) error { return settings.Read("", data, c) }

// room is what a training pass has memory for.
func (c *Config) room() forest.Limits {
	return forest.Limits{Shared: c.PassTokens, Batch: c.BatchTokens}
}

// longest is the longest output in tokens.
func (c *Config) longest() int { return max(c.MaxQuestion, c.MaxAnswer, c.MaxVote) }

// leastCache is the tokens of a cache that holds the longest prompt and its outputs.
func (c *Config) leastCache() int {
	page := func(n int) int { return (n + kernels.KeyBlock - 1) / kernels.KeyBlock * kernels.KeyBlock }
	return page(c.MaxPrompt) + kernels.KeyBlock + max(page(c.MaxQuestion), c.Answers*page(c.MaxAnswer), c.Votes*page(c.MaxVote))
}

// Tight is c with room for a prompt of that many tokens, with a group of outputs of up to answer tokens, and no more.
// 0 leaves prompt, answers or answer as they are.
func (c Config) Tight(prompt, answers, answer int) Config {
	if prompt > 0 {
		c.MaxPrompt = prompt
	}
	if answers > 0 {
		c.Answers, c.Votes = answers, min(c.Votes, answers)
	}
	if answer > 0 {
		c.MaxQuestion, c.MaxAnswer, c.MaxVote = min(c.MaxQuestion, answer), answer, min(c.MaxVote, answer)
	}
	c.PassTokens, c.BatchTokens, c.CacheTokens = max(c.MaxPrompt, 64), max(c.longest(), 64), c.leastCache()
	return c
}

// prompt is the tokens of the longest prompt that configuration and model allow beside the longest output.
func (c *Config) prompt(m model.Config) (int, error) {
	if m.Context <= c.longest() {
		return 0, fmt.Errorf("the model's context of %d tokens holds no prompt beside an output of up to %d; lower max_question %d, max_answer %d or max_vote %d",
			m.Context, c.longest(), c.MaxQuestion, c.MaxAnswer, c.MaxVote)
	}
	return min(c.MaxPrompt, m.Context-c.longest()), nil
}

// Validate refuses what no run can be made of, naming the field.
func (c *Config) Validate() error {
	const most = 1 << 30
	for _, f := range []struct {
		name string
		v    int
		min  int
	}{
		{"steps", c.Steps, 0}, {"docs", c.Docs, 1}, {"doc_chars", c.DocChars, 16}, {"max_docs", c.MaxDocs, 2}, {"max_prompt", c.MaxPrompt, 16},
		{"max_question", c.MaxQuestion, 1}, {"max_answer", c.MaxAnswer, 1}, {"max_vote", c.MaxVote, 1}, {"answers", c.Answers, 2},
		{"votes", c.Votes, 0}, {"questions", c.Questions, 1}, {"draw", c.Draw, 1}, {"max_rounds", c.MaxRounds, 1}, {"verifier_groups", c.VerifierGroups, 0},
		{"memory_length", c.MemoryLength, 0}, {"pass_tokens", c.PassTokens, 64}, {"batch_tokens", c.BatchTokens, 64}, {"cache_tokens", c.CacheTokens, 64},
		{"checkpoint", c.Checkpoint, 1}, {"keep", c.Keep, 1}, {"top_k", c.TopK, 0},
	} {
		if f.v < f.min || f.v > most {
			return fmt.Errorf("%s is %d; it must lie between %d and %d", f.name, f.v, f.min, most)
		}
	}
	longest, cache := c.longest(), c.leastCache()
	switch {
	case c.Steps > 1<<24: // this and the next two have so many bits of a request's key
		return fmt.Errorf("steps is %d; it must be at most %d", c.Steps, 1<<24)
	case c.MaxRounds > 256:
		return fmt.Errorf("max_rounds is %d; it must be at most 256", c.MaxRounds)
	case c.Draw > maxNumber/c.Answers:
		return fmt.Errorf("draw %d times answers %d must be at most %d", c.Draw, c.Answers, maxNumber)
	case c.PassTokens < c.MaxPrompt:
		return fmt.Errorf("pass_tokens is %d; a prompt has up to max_prompt %d tokens", c.PassTokens, c.MaxPrompt)
	case c.BatchTokens < longest:
		return fmt.Errorf("batch_tokens is %d; an output has up to %d tokens", c.BatchTokens, longest)
	case c.CacheTokens < cache:
		return fmt.Errorf("cache_tokens is %d; a prompt of max_prompt %d tokens and its outputs take up to %d", c.CacheTokens, c.MaxPrompt, cache)
	case max(c.Answers, c.Votes) > min(c.PassTokens, 1024):
		return fmt.Errorf("answers %d and votes %d must be at most 1024 and at most pass_tokens", c.Answers, c.Votes)
	case c.EarlyVotes && c.VerifierGroups > 0 && c.RoleWeights[role.Verifier] > 0:
		return fmt.Errorf("early_votes drops votes, and votes train: set verifier_groups or the verifier's role weight to 0, or early_votes to false")
	case !(c.Reward.Sigma > 0):
		return fmt.Errorf("the reward's sigma is %g; it must be positive", c.Reward.Sigma)
	case len(c.Tasks) == 0:
		return fmt.Errorf("tasks is empty; name at least one of %s", task.Names())
	case !(float32(c.Temperature) >= 1e-4 && c.Temperature <= 100): // as the engine takes it; 0 would be no self-play
		return fmt.Errorf("temperature is %g; it must lie between 0.0001 and 100", c.Temperature)
	case !(float32(c.TopP) > 0 && c.TopP <= 1):
		return fmt.Errorf("top_p is %g; it must lie in (0, 1], and above 0 also as float32", c.TopP)
	case !(c.BadRatio >= 0 && c.BadRatio <= 100):
		return fmt.Errorf("bad_ratio is %g; it must lie between 0 and 100", c.BadRatio)
	case c.QuestionerBaseline != "batch" && c.QuestionerBaseline != "task":
		return fmt.Errorf("questioner_baseline is %q; use batch or task", c.QuestionerBaseline)
	case c.LossMean != "tokens" && c.LossMean != "groups":
		return fmt.Errorf("loss_mean is %q; use tokens or groups", c.LossMean)
	}
	for _, w := range c.RoleWeights {
		if !(w >= 0 && w <= 1e6) {
			return fmt.Errorf("role_weights is %v; weights must not be negative", c.RoleWeights)
		}
	}
	return c.Optim.Validate()
}

// dialog is the model's text side with what the configuration says to its chat template.
func (c *Config) dialog(text *chat.Dialog) (*chat.Dialog, error) {
	d := *text
	var err error
	if d.Now, err = time.Parse(time.DateOnly, c.Date); err != nil {
		return nil, fmt.Errorf("date is %q; write YYYY-MM-DD", c.Date)
	}
	if !c.Thinking {
		d.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	return &d, nil
}

func (c *Config) memory() curriculum.MemoryConfig {
	return curriculum.MemoryConfig{Length: c.MemoryLength, Cumulative: c.MemoryUnion, AdmitSolved: c.MemorySolved}
}

func (c *Config) norm() grpo.Norm {
	if c.LossMean == "groups" {
		return grpo.GroupTokenMean
	}
	return grpo.GlobalTokenMean
}
