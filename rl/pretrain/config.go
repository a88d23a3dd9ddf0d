// Package pretrain makes base models: from a folder of text by next-token training, or, as the
// embedded base was made, from the generated world by a staged recipe: recall drill first, then
// documents with role-formatted examples at short contexts only. The same recipe can be run on
// questions about the documents of a folder.
package pretrain

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/corpus/reading"
	"spell/rl/corpus/world"
	"spell/rl/runner"
	"spell/rl/settings"
)

// Config is everything a pretraining run depends on beside its texts.
type Config struct {
	runner.Base

	Vocab   int        `json:"vocab" group:"model" min:"258" max:"1073741824" doc:"tokens of the tokenizer that is trained first"`
	Hidden  int        `json:"hidden" doc:"width; the other sizes likewise as in config.json"`
	FF      int        `json:"ff" doc:"width of the feed-forward layer"`
	Layers  int        `json:"layers" doc:"blocks"`
	Heads   int        `json:"heads" doc:"of queries"`
	KV      int        `json:"kv_heads" doc:"of keys and values"`
	Dim     int        `json:"head_dim" doc:"width of a head"`
	Context int        `json:"context" doc:"most tokens that the model is said to read"`
	Theta   float64    `json:"rope_theta" doc:"base of the rotary positions"`
	Family  string     `json:"family" doc:"llama, mistral, qwen2 or qwen3; mixtures of experts, as of qwen3_moe, are not made here"`
	Init    model.Init `json:"init"`

	Measure int      `json:"measure" group:"learning" min:"1" max:"1073741824" doc:"steps between tests of what self-play needs of its base, on the generated world or on the documents"`
	HeldOut []string `json:"held_out,omitempty" doc:"files of --docs that are only tested on, and folders of such: patterns as of a shell"`
	Stages  []Stage  `json:"stages" doc:"what is learned one after the other; one that a file gives is laid over the one in its place"`
}

// A Stage is a number of steps on one kind of data.
type Stage struct {
	Name   string  `json:"name"`
	Data   string  `json:"data" oneof:"drill copy world reading text"`
	Steps  int     `json:"steps" min:"1"`                          // at most
	LR     float64 `json:"lr" aka:"learning_rate" min:"0" max:"1"` // peak learning rate
	Warmup int     `json:"warmup" min:"0"`                         // steps of linear rise
	Flat   float64 `json:"flat" min:"0" max:"1"`                   // share of the steps at the peak, before it falls
	Final  float64 `json:"final" min:"0" max:"1"`                  // share of the peak at the end
	Embed  float64 `json:"embed" min:"0"`                          // factor on the embedding's rate
	Decay  float64 `json:"decay" min:"0"`                          // weight decay
	Tokens int     `json:"tokens" min:"0" max:"16777216"`          // of a step, but for a drill
	Slack  int     `json:"slack" min:"0"`                          // most positions left open between texts

	// The drill: sequences of a step, pairs and queries in each, and the share of right recalls over
	// the last 50 steps at which the stage ends early. A stage on the world may have some beside.
	Batch   int     `json:"batch,omitempty" min:"0" max:"16777216"`
	Pairs   int     `json:"pairs,omitempty" min:"0" max:"16777216"`
	Queries int     `json:"queries,omitempty" min:"0" max:"16777216"`
	Words   int     `json:"words,omitempty" min:"0" max:"16777216"` // of the vocabulary, its commonest; 0: of the world
	StopAt  float64 `json:"stop_at,omitempty"`

	// The copying drill, beside Batch, Words and StopAt: tokens of a text.
	Text int `json:"text,omitempty" min:"0" max:"1048576"`

	// The world, and questions about the documents of --docs: the mixture, and the weight of document tokens and
	// of free tokens of replies (those of a reply that nothing determines) in the loss.
	Mixture    *world.TrainingOptions   `json:"mixture,omitempty"`
	Reading    *reading.TrainingOptions `json:"reading,omitempty"`
	DocWeight  float32                  `json:"doc_weight,omitempty"`
	FreeWeight float32                  `json:"free_weight,omitempty"`
}

// World is the recipe of the embedded base. The drill comes first, in just this form: with fewer
// pairs, or with queries among the pairs, small shortcuts are learned instead of binding.
func World() Config {
	mix := world.DefaultTraining()
	mix.Documents, mix.Verifier, mix.Grounding, mix.Arithmetic, mix.Letters = 0.66, 0.16, 0.02, 0.1, 0.06
	mix.Responder, mix.Questioner, mix.Digest = 0.55, 0.3, 0.15
	mix.OtherPool, mix.Loose = 0.25, 0.3
	narrow, wide := mix, mix
	wide.Responder, wide.Questioner, wide.Digest, wide.Loose = 0.45, 0.45, 0.1, 0.5
	narrow.Cluster.Docs, narrow.Cluster.MaxDocs = 1, 4
	wide.Cluster.Docs, wide.Cluster.MaxDocs = 2, 5
	drill := Stage{Name: "drill", Data: "drill", Steps: 9000, LR: 3e-3, Warmup: 100, Flat: 1, Final: 1, Embed: 0.3,
		Batch: 32, Pairs: 8, Queries: 16, StopAt: 0.93}
	docs := Stage{Name: "world", Data: "world", Steps: 2000, LR: 2e-3, Warmup: 20, Flat: 1, Final: 1, Embed: 0.3,
		Tokens: 4096, Slack: 200, Mixture: &narrow, DocWeight: 0.03, FreeWeight: 0.2, Batch: 4, Pairs: 8, Queries: 16}
	wider := docs
	wider.Name, wider.Steps, wider.Flat, wider.Final = "world, wider", 2000, 0.3, 0.05
	wider.Tokens, wider.Slack, wider.Mixture = 6144, 300, &wide
	// At last the base meets the phrasing that self-play will be tested with, as it met the names: in
	// documents that self-play never reads.
	words := wide
	words.OtherWords = true
	all := wider
	words.Asked[world.Count] = 40 // it lists whole documents, and is learned last
	all.Name, all.Steps, all.LR, all.Mixture = "world, all phrasings", 900, 1e-3, &words
	return Config{
		Base: runner.Base{
			Seed: 1, PassTokens: 8192, Checkpoint: 500, Keep: 2,
			Optim: train.Optim{LR: 1, Beta1: 0.9, Beta2: 0.98, Eps: 1e-8, ClipNorm: 1},
		},
		Vocab: 1280, Hidden: 128, FF: 352, Layers: 3, Heads: 4, KV: 4, Dim: 32, Context: 4096, Theta: 10000,
		Family:  "qwen2",
		Init:    model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.1},
		Measure: 500,
		Stages:  []Stage{drill, docs, wider, all},
	}
}

// Text is the recipe for a folder of text: a small decoder and next-token training.
func Text() Config {
	r := World()
	r.Vocab, r.Hidden, r.FF, r.Layers, r.Heads, r.KV, r.Context = 4096, 256, 704, 6, 8, 4, 1024
	r.Init = model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.3}
	r.Stages = []Stage{{Name: "text", Data: "text", Steps: 2000, LR: 1e-3, Warmup: 100, Flat: 0.2, Final: 0.1,
		Embed: 1, Decay: 0.05, Tokens: 8192}}
	return r
}

// Model is the configuration of the decoder the recipe makes, for a vocabulary of n tokens.
func (r *Config) Model(n int, eos int32) model.Config {
	c := model.Config{Vocab: n, Hidden: r.Hidden, FF: r.FF, Layers: r.Layers, Heads: r.Heads, KVHeads: r.KV,
		HeadDim: r.Dim, Tied: true, NormEps: 1e-6, Context: r.Context,
		Rope: model.Rope{Theta: r.Theta, Type: "default"}, BOS: -1, EOS: []int32{eos}}
	if f, err := model.FamilyNamed(r.Family); err == nil { // Validate has tried it
		f.Apply(&c)
	}
	return c
}

// limits returns what a training pass has memory for.
func (r *Config) limits() forest.Limits {
	return forest.Limits{Shared: r.PassTokens, Batch: r.PassTokens}
}

// Validate refuses what cannot be run, naming the field.
func (r *Config) Validate() error {
	if len(r.Stages) == 0 {
		return fmt.Errorf("stages is empty")
	}
	if err := settings.Validate(r); err != nil {
		return err
	}
	if r.PassTokens < leastPass {
		return fmt.Errorf("pass_tokens is %d; it must be at least %d", r.PassTokens, leastPass)
	}
	switch f, err := model.FamilyNamed(r.Family); {
	case err != nil:
		return fmt.Errorf("family: %w", err)
	case f.Defaults.Experts > 0:
		return fmt.Errorf("family: a %s has mixtures of experts, and no setting sizes them here; the same blocks "+
			"without them are qwen3", f.Name)
	}
	for _, pattern := range r.HeldOut {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("held_out: %q is no pattern of names of files; close its bracket", pattern)
		}
	}
	if err := r.Optim.Validate(); err != nil {
		return err
	}
	if err := r.staged(); err != nil {
		return err
	}
	for i := range r.Stages {
		s := &r.Stages[i]
		switch {
		case s.LR == 0:
			return fmt.Errorf("stage %q: lr, the learning rate, is 0: nothing would be trained; raise it above 0",
				s.Name)
		case s.Data == "copy" && (s.Batch < 1 || s.Words < 2 || s.Text < longestPart):
			return fmt.Errorf("stage %q: batch must be at least 1, words at least 2 and text at least %d", s.Name,
				longestPart)
		case s.Data != "copy" && (s.Data == "drill" || s.Batch != 0) && min(s.Batch, s.Pairs, s.Queries) < 1:
			return fmt.Errorf("stage %q: batch, pairs and queries must be at least 1", s.Name)
		case s.Data != "drill" && s.Data != "copy" && s.Tokens < 2: // the first of a text is not predicted
			return fmt.Errorf("stage %q: tokens is %d; it must be at least 2", s.Name, s.Tokens)
		case s.Data == "world" && s.Mixture == nil:
			return fmt.Errorf("stage %q: mixture is missing", s.Name)
		case s.Data == "reading" && s.Reading == nil:
			return fmt.Errorf("stage %q: reading, its mixture, is missing", s.Name)
		}
	}
	c := r.Model(r.Vocab, 0)
	if err := c.Validate(); err != nil {
		return errors.New(own.Replace(err.Error()))
	}
	return nil
}

// staged refuses settings of the optimizer that each stage has of its own, and that do nothing
// here.
func (r *Config) staged() error {
	recipe := World().Optim
	for _, f := range []struct {
		name, stage string
		v, idle     float64
	}{
		{"lr", "lr", r.Optim.LR, recipe.LR},
		{"embed_scale", "embed", r.Optim.EmbedScale, recipe.EmbedScale},
		{"weight_decay", "decay", r.Optim.WeightDecay, recipe.WeightDecay},
	} {
		if f.v != f.idle {
			return fmt.Errorf("optim.%s is %g, and every stage has its own: leave it at %g and set stages.%d.%s",
				f.name, f.v, f.idle, len(r.Stages)-1, f.stage)
		}
	}
	return nil
}

// own puts the names of settings in place of those of config.json.
var own = strings.NewReplacer("vocab_size", "vocab", "hidden_size", "hidden", "intermediate_size", "ff",
	"num_hidden_layers", "layers", "num_attention_heads", "heads", "num_key_value_heads", "kv_heads",
	"max_position_embeddings", "context")

// rate returns the learning rate at step n (from 0) of the stage; behind its end, that of the end.
func (s *Stage) rate(n int) float64 {
	return train.Schedule{Steps: s.Steps, Warmup: s.Warmup, Decay: train.WSD, Flat: s.Flat,
		Floor: s.Final}.Rate(s.LR, n)
}
