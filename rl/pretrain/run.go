package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"spell/model"
	"spell/model/forest"
	"spell/model/hf"
	"spell/model/train"
	"spell/rl/corpus"
	"spell/rl/corpus/exercise"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/reading"
	"spell/rl/corpus/world"
	"spell/rl/learn"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/tokenizer"
)

// End is the token that ends every reply.
const End = "<|end|>"

// A Run is pretraining in progress. It is a runner.Recipe.
type Run struct {
	Config Config
	Model  runner.Model

	trainer  *train.Trainer
	tok      *tokenizer.Tokenizer
	eos      int32
	prompts  *role.Prompts
	texts    []string
	mixtures []exercise.Source // of each stage
	words    [][]int32         // that the drills of each stage are made of; nil: it has none
	docs     []corpus.Document // for questions about them
	corpus   *corpus.Corpus
	tested   []corpus.Document // that are only tested on; nil: docs
	state    state
}

// A state is where a run is.
type state struct {
	Stage  int       `json:"stage"`
	Step   int       `json:"step"`   // within the stage; in the last one all of them, so that it may become longer
	Total  int       `json:"total"`  // steps in all
	Tokens int       `json:"tokens"` // trained on
	Texts  string    `json:"texts"`  // what they hash to
	Window int       `json:"window"` // most tokens of a window of text, as chosen when the run began
	Recall []float64 `json:"recall"` // of the last steps of the drill
	Tested int       `json:"tested"` // steps when the base was last tested

	Trend learn.Trend `json:"trend"` // of the stage's loss
}

// A Report is what one step did, a line of metrics.jsonl.
type Report struct {
	Stage    string  `json:"stage"`
	Step     int     `json:"step"`      // in all
	InStage  int     `json:"in_stage"`  // within the stage, from 1
	Steps    int     `json:"steps"`     // of the stage
	Tokens   int     `json:"tokens"`    // in all
	Loss     float64 `json:"loss"`      // weighted mean, nats
	Recall   float64 `json:"recall"`    // share of scored tokens of probability over a half
	GradNorm float64 `json:"grad_norm"` // before clipping
	LR       float64 `json:"lr"`
}

func (r *Report) String() string {
	return fmt.Sprintf("%s %d/%d  %.2fM tokens  loss %.4f  recall %.1f%%  grad %.2f  lr %.2g", r.Stage, r.InStage,
		r.Steps, float64(r.Tokens)/1e6, r.Loss, 100*r.Recall, r.GradNorm, r.LR)
}

// New prepares a run on fresh weights. texts are for stages on text. On error nothing stays mapped.
func New(c Config, m runner.Model, texts []folder.Text) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Run{Config: c, Model: m, tok: m.Text.Tok, state: state{Window: c.PassTokens, Tested: -1}}
	for _, t := range texts {
		if c.heldOut(t.Name) {
			r.tested = append(r.tested, corpus.Document(t))
			continue
		}
		r.docs, r.texts = append(r.docs, corpus.Document(t)), append(r.texts, t.Text)
	}
	r.state.Texts = fingerprint(r.texts)
	var ok bool
	if r.eos, ok = r.tok.Special(End); !ok {
		return nil, fmt.Errorf("the tokenizer has no %s token", End)
	}
	if n := r.tok.VocabSize(); n != m.Weights.Vocab {
		return nil, fmt.Errorf("the tokenizer has %d tokens and the model %d; resume from an earlier checkpoint", n,
			m.Weights.Vocab)
	}
	if err := r.stages(); err != nil {
		return nil, err
	}
	var err error
	r.trainer, err = train.New(m.Backend, m.Weights, c.Optim, c.limits(), c.Activations())
	return r, err
}

// stages prepares what the stages learn from.
func (r *Run) stages() (err error) {
	set := "compact"
	if r.last().Data == "reading" {
		set = "reading"
	}
	if r.prompts, err = role.Load(set); err != nil {
		return err
	}
	for i := range r.Config.Stages {
		var t exercise.Source
		s := &r.Config.Stages[i]
		switch s.Data {
		case "world":
			t, err = world.NewTraining(r.prompts, *s.Mixture)
		case "reading", "text":
			if len(r.texts) == 0 {
				return fmt.Errorf("stage %q trains on text and there is none; name a folder with --docs", s.Name)
			}
			if s.Data == "reading" {
				t, err = reading.NewTraining(r.prompts, r.gathered(), r.measure, *s.Reading)
			}
		}
		if err != nil {
			return fmt.Errorf("stage %q: %w", s.Name, err)
		}
		r.mixtures = append(r.mixtures, t)
		var drilled []int32
		if s.Batch > 0 {
			drilled = words(r.tok, s.Words)
		}
		r.words = append(r.words, drilled)
	}
	_, err = r.Config.least(r.tok)
	return err
}

// gathered returns the corpus that questions are asked about, which is read once.
func (r *Run) gathered() *corpus.Corpus {
	if r.corpus == nil {
		r.corpus = reading.Gather(r.docs)
	}
	return r.corpus
}

// measure returns the tokens of a text.
func (r *Run) measure(text string) int { return len(r.tok.Encode(text)) }

// heldOut reports whether a file is only tested on: a pattern matches its name or that of a folder it is in.
func (r *Config) heldOut(name string) bool { return corpus.Below(name, r.HeldOut...) }

// Steps returns how many steps are done, and how many there are if no stage ends before its time.
func (r *Run) Steps() (done, total int) {
	done = r.state.Total
	if r.complete() {
		return done, done
	}
	total = done + r.stage().Steps - r.state.Step
	for _, s := range r.Config.Stages[r.state.Stage+1:] {
		total += s.Steps
	}
	return done, total
}

// complete reports whether all stages are.
func (r *Run) complete() bool { return r.state.Stage == len(r.Config.Stages)-1 && r.over() }

// stage returns the one at work, or the last.
func (r *Run) stage() *Stage { return &r.Config.Stages[r.state.Stage] }

// Trainer returns what holds weights and moments.
func (r *Run) Trainer() *train.Trainer { return r.trainer }

// Free unmaps the run's memory; weights and backend stay.
func (r *Run) Free() { r.trainer.Free() }

// State returns what Restore needs.
func (r *Run) State() (any, error) { return r.state, nil }

// Restore takes over the state of a checkpoint of a run on the same texts.
func (r *Run) Restore(raw json.RawMessage) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	stages := r.Config.Stages
	if s.Stage < 0 || s.Stage >= len(stages) || s.Step < 0 || s.Step > s.Total ||
		s.Stage < len(stages)-1 && s.Step >= stages[s.Stage].Steps || s.Tokens < 0 || s.Window < 1 {
		return fmt.Errorf("its state is after step %d of stage %d, %d steps and %d tokens in all, which the run "+
			"never is; resume from an earlier checkpoint", s.Step, s.Stage, s.Total, s.Tokens)
	}
	if s.Texts != r.state.Texts {
		return fmt.Errorf("the texts are not those the run began with; resume with the same --docs, unchanged")
	}
	r.state = s
	if n := r.longest(); n > r.Config.PassTokens {
		return fmt.Errorf("pass_tokens is %d, and windows of text have up to %d tokens in this run; set it to that "+
			"at least", r.Config.PassTokens, n)
	}
	return nil
}

// longest returns the tokens of the longest window that a stage on text cuts; 0 if there is none.
func (r *Run) longest() int {
	n := 0
	for i := range r.Config.Stages {
		if s := &r.Config.Stages[i]; s.Data == "text" {
			n = max(n, r.window(s))
		}
	}
	return n
}

// fingerprint tells the texts of a run from any others.
func fingerprint(texts []string) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d %s\n", len(t), t)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Summary describes the data.
func (r *Run) Summary() string {
	_, total := r.Steps()
	s := fmt.Sprintf("vocabulary %d; up to %s", r.Model.Weights.Vocab, plural.Of(total, "step"))
	if n := len(r.texts); n > 0 {
		size := 0
		for _, t := range r.texts {
			size += len(t)
		}
		s += fmt.Sprintf(" on %s of %.1f MB", plural.Of(n, "text"), float64(size)/1e6)
	}
	return s
}

// Export writes the model as a Hugging Face directory in bf16, without what training adds.
func (r *Run) Export(dir string) (string, error) {
	path := filepath.Join(dir, runner.ModelDir)
	if err := hf.Save(r.Model.Backend, r.Model.Weights, path, model.BF16.Weight); err != nil {
		return path, err
	}
	return path, r.Model.Text.Save(path)
}

// Verdict fails a run whose loss rose in the last stage.
func (r *Run) Verdict() (lines []string, failed bool) {
	first, last, rose := r.state.Trend.Rose(math.Log(float64(r.Model.Weights.Vocab)))
	if !rose {
		return nil, false
	}
	return []string{fmt.Sprintf("the loss of stage %q rose from %.4g in its first steps to %.4g in its last: the "+
		"model became worse; lower the stage's lr and begin another run", r.stage().Name, first, last)}, true
}

// Step makes one step. On error, cancellation included, nothing has changed.
func (r *Run) Step(ctx context.Context, show runner.Show) (*runner.Report, error) {
	s := r.stage()
	b := r.batch()
	rep := &Report{Stage: s.Name, Step: r.state.Total + 1, InStage: r.state.Step + 1, Steps: s.Steps,
		LR: s.rate(r.state.Step)}
	total := b.total()
	scored, right := 0, 0
	trees := make([]learn.Tree, len(b.trees))
	for t := range b.trees {
		weights := b.weights[t]
		loss := func(tokens []forest.ScoredToken, stats []model.Stat, dLogProb, _ []float32) {
			for i, s := range tokens {
				w := float64(weights[s.Segment][s.Index])
				dLogProb[i] = float32(-w / total)
				rep.Loss -= w / total * float64(stats[i].LogProb)
				if w >= 1 {
					scored++
					if stats[i].LogProb > -0.6931 {
						right++
					}
				}
			}
		}
		trees[t] = learn.Tree{Forest: b.trees[t], Loss: loss}
	}
	u := learn.Updater{Trainer: r.trainer, Limits: r.Config.limits(), OnProgress: show.Passes("learning")}
	o := &r.trainer.Optim
	o.LR, o.EmbedScale, o.WeightDecay = rep.LR, s.Embed, s.Decay
	var err error
	if rep.GradNorm, err = u.Update(ctx, trees, 1); err != nil {
		return nil, err
	}
	rep.Recall = float64(right) / float64(max(scored, 1))
	n := b.tokens()
	r.state.Step++
	r.state.Total++
	r.state.Tokens += n
	rep.Tokens = r.state.Tokens
	r.state.Trend.Add(rep.Loss)
	r.advance(rep.Recall)
	return &runner.Report{Metrics: rep, Tokens: n}, nil
}

// mastery is the number of steps whose recall tells whether a drill is mastered.
const mastery = 50

// advance takes note of a step's recall and goes to the next stage, if there is one, when this one is over.
func (r *Run) advance(recall float64) {
	if r.stage().StopAt > 0 {
		r.state.Recall = append(r.state.Recall, recall)
		r.state.Recall = slices.Clone(r.state.Recall[max(0, len(r.state.Recall)-mastery):])
	}
	if r.over() && r.state.Stage+1 < len(r.Config.Stages) {
		r.state.Stage, r.state.Step, r.state.Recall, r.state.Trend = r.state.Stage+1, 0, nil, learn.Trend{}
	}
}

// over reports whether the stage has run its steps or, if it is a drill, is mastered.
func (r *Run) over() bool {
	s := r.stage()
	if s.StopAt > 0 && len(r.state.Recall) >= mastery {
		sum := 0.0
		for _, v := range r.state.Recall {
			sum += v
		}
		if sum/mastery >= s.StopAt {
			return true
		}
	}
	return r.state.Step >= s.Steps
}
