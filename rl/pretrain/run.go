package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/hf"
	"spell/model/train"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/tensor/rng"
	"spell/tokenizer"
)

// End is the token that ends every reply.
const End = "<|end|>"

// A Run is pretraining in progress.
type Run struct {
	Recipe  Recipe
	Backend kernels.Backend
	Weights *model.Weights
	Tok     *tokenizer.Tokenizer
	EOS     int32

	trainer  *train.Trainer
	prompts  *role.Prompts
	words    []int32
	texts    []string
	mixtures []*world.Training // of each stage
	state    state
}

// state is where a run is.
type state struct {
	Recipe Recipe    `json:"recipe"`
	Stage  int       `json:"stage"`
	Step   int       `json:"step"`   // within the stage; in the last one all of them, so that it may become longer
	Total  int       `json:"total"`  // steps in all
	Tokens int       `json:"tokens"` // trained on
	Texts  string    `json:"texts"`  // what they hash to
	Recall []float64 `json:"recall"` // of the last steps of the drill
}

// A Line is what one step did.
type Line struct {
	Stage    string
	Step     int // within the stage, from 1
	Steps    int
	Total    int
	Tokens   int     // in all
	Loss     float64 // weighted mean, nats
	Recall   float64 // share of scored tokens of probability over a half
	GradNorm float64
	LR       float64
}

func (l Line) String() string {
	return fmt.Sprintf("%s %d/%d  %.2fM tokens  loss %.4f  recall %.1f%%  grad %.2f  lr %.2g", l.Stage, l.Step, l.Steps, float64(l.Tokens)/1e6, l.Loss, 100*l.Recall, l.GradNorm, l.LR)
}

// Tokenizer trains the recipe's vocabulary on texts, or on the generated world if there are none.
func Tokenizer(r *Recipe, texts []string) (*tokenizer.Tokenizer, error) {
	seq := slices.Values(texts)
	if len(texts) == 0 {
		var err error
		if seq, err = worldTexts(r); err != nil {
			return nil, err
		}
	}
	return tokenizer.Train(seq, tokenizer.TrainOptions{VocabSize: r.Vocab, Special: []string{End}, Pattern: tokenizer.GPT2})
}

func worldTexts(r *Recipe) (iter.Seq[string], error) {
	prompts, err := role.Load("compact")
	if err != nil {
		return nil, err
	}
	mix := world.DefaultTraining()
	t, err := world.NewTraining(prompts, mix)
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		for i := range 4000 {
			if !yield(t.Text(r.Seed, i)) {
				return
			}
		}
	}, nil
}

// New starts a run with fresh weights. texts are for stages on text.
func New(r Recipe, b kernels.Backend, p model.Precision, tok *tokenizer.Tokenizer, texts []string) (*Run, error) {
	eos, ok := tok.Special(End)
	if !ok {
		return nil, fmt.Errorf("the tokenizer has no %s token", End)
	}
	p.Moments = r.Moments
	w, err := model.NewWeights(b, r.Model(tok.VocabSize(), eos), p, model.Training)
	if err != nil {
		return nil, err
	}
	w.Initialize(b, r.Seed, r.Init)
	run := &Run{Recipe: r, Backend: b, Weights: w, Tok: tok, EOS: eos, texts: texts, state: state{Recipe: r, Texts: fingerprint(texts)}}
	return run, run.prepare()
}

// Resume continues the newest checkpoint in dir with the recipe it began with; only the last
// stage may have become longer, also after its end, or shorter. Steps that are done stay as they are: the learning
// rate is that of the new length from here on, and a stage that is now shorter than what is done of it is complete.
func Resume(dir string, r Recipe, b kernels.Backend, p model.Precision, texts []string) (*Run, error) {
	at, err := train.Newest(dir)
	if err != nil {
		return nil, err
	}
	run := &Run{Backend: b, texts: texts}
	if run.Tok, err = tokenizer.Load(filepath.Join(at, "tokenizer.json")); err != nil {
		return nil, err
	}
	p.Moments = r.Moments
	var restore func(*train.Trainer) error
	if run.Weights, restore, err = train.Resume(b, at, p, &run.state); err != nil {
		return nil, err
	}
	if err := run.state.Recipe.extend(&r); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	run.Recipe = run.state.Recipe
	if err := run.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if err := run.prepare(); err != nil {
		return nil, err
	}
	return run, restore(run.trainer)
}

// SavedTokenizer is that of the newest checkpoint in dir.
func SavedTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	at, err := train.Newest(dir)
	if err != nil {
		return nil, err
	}
	return tokenizer.Load(filepath.Join(at, "tokenizer.json"))
}

// check refuses a checkpoint whose parts are not of one run, and other texts than it began with.
func (r *Run) check() error {
	s, stages, ok := &r.state, r.Recipe.Stages, false
	if s.Stage < 0 || s.Stage >= len(stages) || s.Step < 0 || s.Step > s.Total || s.Stage < len(stages)-1 && s.Step >= stages[s.Stage].Steps || s.Tokens < 0 {
		return fmt.Errorf("its state is after step %d of stage %d, %d steps and %d tokens in all, which the recipe never is; resume from an earlier checkpoint", s.Step, s.Stage, s.Total, s.Tokens)
	}
	if r.EOS, ok = r.Tok.Special(End); !ok {
		return fmt.Errorf("the tokenizer has no %s token; resume from an earlier checkpoint", End)
	}
	if n := r.Tok.VocabSize(); n != r.Weights.Vocab {
		return fmt.Errorf("the tokenizer has %d tokens and the model %d; resume from an earlier checkpoint", n, r.Weights.Vocab)
	}
	if s.Texts != fingerprint(r.texts) {
		return fmt.Errorf("the texts are not those the run began with; resume with the same --docs, unchanged")
	}
	return nil
}

// fingerprint tells the texts of a run from any others.
func fingerprint(texts []string) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d %s\n", len(t), t)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (r *Run) prepare() (err error) {
	if err := r.Recipe.Validate(); err != nil {
		return err
	}
	if r.prompts, err = role.Load("compact"); err != nil {
		return err
	}
	for i := range r.Recipe.Stages {
		var t *world.Training
		if s := &r.Recipe.Stages[i]; s.Data == "world" {
			if t, err = world.NewTraining(r.prompts, *s.Mixture); err != nil {
				return fmt.Errorf("stage %q: %w", s.Name, err)
			}
		} else if s.Data == "text" && len(r.texts) == 0 {
			return fmt.Errorf("stage %q trains on text and there is none; name a folder with --docs", s.Name)
		}
		r.mixtures = append(r.mixtures, t)
	}
	if _, err = r.Recipe.least(r.Tok); err != nil {
		return err
	}
	r.words = words(r.Tok)
	r.trainer, err = train.New(r.Backend, r.Weights, r.Recipe.Optim, r.Recipe.room(), model.KeepActivations)
	return err
}

// Done says whether all stages are complete.
func (r *Run) Done() bool { return r.state.Stage == len(r.Recipe.Stages)-1 && r.over() }

// stage is the one at work, or the last.
func (r *Run) stage() *Stage { return &r.Recipe.Stages[r.state.Stage] }

// Steps is the number of steps so far.
func (r *Run) Steps() int { return r.state.Total }

// Save writes a checkpoint to dir.
func (r *Run) Save(dir string) error {
	return r.trainer.Save(dir, r.state.Total, 2, r.state, func(d string) error {
		return r.Tok.WriteFile(filepath.Join(d, "tokenizer.json"))
	})
}

// Export writes the model to dir as a Hugging Face directory in bf16, without what training adds.
func (r *Run) Export(dir string) error {
	if err := hf.Save(r.Backend, r.Weights, dir, model.BF16.Weight); err != nil {
		return err
	}
	return r.Tok.WriteFile(filepath.Join(dir, "tokenizer.json"))
}

// batch makes the data of the current step.
func (r *Run) batch() (batch, error) {
	s := r.stage()
	switch s.Data {
	case "drill":
		return drill(rng.At(r.Recipe.Seed, rng.Drill, uint64(r.state.Stage), uint64(r.state.Step), 0), r.words, s), nil
	case "world":
		var b batch
		for i := uint64(0); b.tokens() < s.Tokens; i++ {
			index := uint64(r.state.Stage)<<56 | uint64(r.state.Step)<<16 | i
			f, w := example(rng.At(r.Recipe.Seed, rng.Gaps, index, 0, 0), r.Tok, r.mixtures[r.state.Stage].Example(r.Recipe.Seed, index), r.EOS, s)
			b.add(f, w)
		}
		if s.Batch > 0 { // keeps alive the recall of words that no document has
			d := drill(rng.At(r.Recipe.Seed, rng.Drill, uint64(r.state.Stage), uint64(r.state.Step), 0), r.words, s)
			b.trees, b.weights = append(b.trees, d.trees...), append(b.weights, d.weights...)
		}
		return b, nil
	}
	return r.text(s), nil
}

// text cuts windows out of the texts at random places.
func (r *Run) text(s *Stage) batch {
	var b batch
	random := rng.At(r.Recipe.Seed, rng.Windows, uint64(r.state.Stage), uint64(r.state.Step), 0)
	window := min(r.Weights.Context, s.Tokens, r.Recipe.PassTokens)
	for b.tokens() < s.Tokens {
		t := r.texts[random.Intn(len(r.texts))]
		start := 0
		if most := len(t) - 8*window; most > 0 {
			start = random.Intn(most)
		}
		ids := append(r.Tok.Encode(t[start:min(len(t), start+8*window)]), r.EOS)
		ids = ids[:min(len(ids), window)]
		var f forest.Forest
		f.Add(-1, ids, true)
		w := make([]float32, len(ids))
		for i := range w {
			w[i] = 1
		}
		b.add(f, [][]float32{w})
	}
	return b
}

// Step runs one step.
func (r *Run) Step(ctx context.Context) (Line, error) {
	s := r.stage()
	b, err := r.batch()
	if err != nil {
		return Line{}, err
	}
	var total float64
	for t, tree := range b.weights {
		for k, segment := range tree {
			for i, w := range segment {
				if b.trees[t][k].Parent >= 0 || i > 0 { // the first token of a root is not scored
					total += float64(w)
				}
			}
		}
	}
	packs := train.Pack(b.trees, r.Recipe.room())
	line := Line{Stage: s.Name, Step: r.state.Step + 1, Steps: s.Steps, LR: s.rate(r.state.Step)}
	tree, scoredTokens, right := 0, 0, 0
	for _, pack := range packs {
		if err := ctx.Err(); err != nil {
			r.trainer.ZeroGrad()
			return line, err
		}
		var weights [][]float32        // of each segment of the pack
		for len(weights) < len(pack) { // not by roots: an example without documents has several
			weights = append(weights, b.weights[tree]...)
			tree++
		}
		_, err := r.trainer.Accumulate(ctx, pack, func(scored []forest.ScoredToken, stats []model.Stat, dl, _ []float32) {
			for i, s := range scored {
				w := float64(weights[s.Segment][s.Index])
				dl[i] = float32(-w / total)
				line.Loss -= w / total * float64(stats[i].LogProb)
				if w >= 1 {
					scoredTokens++
					if stats[i].LogProb > -0.6931 {
						right++
					}
				}
			}
		})
		if err != nil {
			r.trainer.ZeroGrad()
			return line, err
		}
	}
	r.trainer.Optim.LR, r.trainer.Optim.EmbedScale, r.trainer.Optim.WeightDecay = line.LR, s.Embed, s.Decay
	if line.GradNorm, err = r.trainer.Update(1); err != nil {
		return line, fmt.Errorf("%w: a run keeps the rates it began with, so begin another with a lower lr of stage %q in --config and another --out", err, s.Name)
	}
	line.Recall = float64(right) / float64(max(scoredTokens, 1))
	r.state.Step++
	r.state.Total++
	r.state.Tokens += b.tokens()
	line.Total, line.Tokens = r.state.Total, r.state.Tokens
	r.advance(line.Recall)
	return line, nil
}

// window is the number of steps whose recall says whether a drill is mastered.
const window = 50

// advance takes note of a step's recall and goes to the next stage, if there is one, when this one is over.
func (r *Run) advance(recall float64) {
	if r.stage().StopAt > 0 {
		r.state.Recall = append(r.state.Recall, recall)
		r.state.Recall = slices.Clone(r.state.Recall[max(0, len(r.state.Recall)-window):])
	}
	if r.over() && r.state.Stage+1 < len(r.Recipe.Stages) {
		r.state.Stage, r.state.Step, r.state.Recall = r.state.Stage+1, 0, nil
	}
}

// over says whether the stage has run its steps or, for a drill, is mastered.
func (r *Run) over() bool {
	s := r.stage()
	if s.StopAt > 0 && len(r.state.Recall) >= window {
		sum := 0.0
		for _, v := range r.state.Recall {
			sum += v
		}
		if sum/window >= s.StopAt {
			return true
		}
	}
	return r.state.Step >= s.Steps
}
