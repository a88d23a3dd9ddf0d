package sft

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/tokenizer/chat"
)

// weights are a random decoder of some ten thousand parameters.
func weights(t testing.TB, b kernels.Backend, p model.Precision, d *chat.Dialog) *model.Weights {
	t.Helper()
	w, err := model.NewWeights(b, model.Config{Family: "qwen2", Vocab: d.Tok.VocabSize(), Hidden: 32, FF: 48, Layers: 2,
		Heads: 4, KVHeads: 2, HeadDim: 8, QKVBias: true, NormEps: 1e-6, Context: 256,
		Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{id(t, d, end)}}, p, model.Training)
	if err != nil {
		t.Fatal(err)
	}
	w.Initialize(b, 1, model.Init{Embedding: 0.5, Matrix: 1, Residual: 0.5})
	return w
}

func begin(t testing.TB, c Config, b kernels.Backend, p model.Precision, f *File) *Run {
	t.Helper()
	d := dialog(t, chatml)
	w := weights(t, b, p, d)
	r, err := New(context.Background(), c, runner.Model{Backend: b, Weights: w, Text: d}, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Free(); w.Free() })
	return r
}

// lines are pairs, two of them with one prompt, and a conversation.
func lines(t testing.TB) *File {
	return file(t, pair("who runs the mill ?", "the baker of the town runs it ."), pair("which one ?", "that one ."),
		pair("which one ?", "no one"), pair("red", "green blue"), pair("blue", "yes red"),
		`{"messages": [{"role": "user", "content": "who"}, {"role": "assistant", "content": "the baker ."}, {"role": "user", "content": "which"}, {"role": "assistant", "content": "red"}]}`,
		pair("green", "no"))
}

// do goes on with a run up to n updates, measuring in between.
func do(t testing.TB, r *Run, n int) (reports []*Report) {
	t.Helper()
	for {
		if r.Due() {
			measure(t, r)
		}
		if done, total := r.Steps(); done == n || done == total {
			return reports
		}
		reports = append(reports, step(t, r))
	}
}

func step(t testing.TB, r *Run) *Report {
	t.Helper()
	rep, err := r.Step(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Metrics.(*Report)
}

func measure(t testing.TB, r *Run) *Measurement {
	t.Helper()
	rep, err := r.Measure(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Metrics.(*Measurement)
}

// steps returns the updates that are made, and total how many the run has.
func steps(r *Run) int { done, _ := r.Steps(); return done }
func total(r *Run) int { _, n := r.Steps(); return n }

// TestGradient: an update is that of next-token training on every line by itself, with the loss on the tokens of the
// replies alone.
func TestGradient(t *testing.T) {
	b, c := opentest.CPU(t, 1), config()
	// With this Eps the update is smooth in the gradient.
	c.Batch, c.Optim.LR, c.Optim.Eps, c.Optim.ClipNorm, c.Warmup, c.Floor = 100, 1, 1, 0, 0, 1
	f := lines(t)
	r := begin(t, c, b, model.F32, f)
	rep := step(t, r)
	if total(r) != c.Epochs || rep.Lines != 7 {
		t.Fatalf("%d updates, the first with %d lines", total(r), rep.Lines)
	}
	d := dialog(t, chatml)
	w := weights(t, b, model.F32, d)
	defer w.Free()
	tr, err := train.New(b, w, c.Optim, forest.Limits{Shared: 256, Batch: 256}, model.KeepActivations)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Free()
	e, err := newEncoder(c, d, w.EOS)
	if err != nil {
		t.Fatal(err)
	}
	learned, loss := 0, 0.0
	for pass := range 2 { // first to count
		for _, l := range f.Lines {
			paths, err := e.paths(l)
			if err != nil || len(paths) != 1 {
				t.Fatal(len(paths), err)
			}
			var ids []int32
			var reply []bool
			for _, x := range paths[0] {
				for _, id := range x.ids {
					ids, reply = append(ids, id), append(reply, x.reply)
					if x.reply && pass == 0 {
						learned++
					}
				}
			}
			if pass == 0 {
				continue
			}
			var text forest.Forest
			text.Add(-1, ids, true)
			likelihood := func(scored []forest.ScoredToken, stats []model.Stat, dl, _ []float32) {
				for i, s := range scored {
					if reply[s.Index] {
						dl[i] = float32(-1 / float64(learned))
						loss -= float64(stats[i].LogProb) / float64(learned)
					}
				}
			}
			if _, err := tr.Accumulate(context.Background(), text, likelihood); err != nil {
				t.Fatal(err)
			}
		}
	}
	norm, err := tr.Update(1)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Learned != learned || !(math.Abs(rep.Loss-loss) < 1e-5*loss) || !(math.Abs(rep.GradNorm-norm) < 1e-4*norm) {
		t.Errorf("%d tokens, loss %v, norm %v; want %d, %v, %v", rep.Learned, rep.Loss, rep.GradNorm, learned, loss,
			norm)
	}
	moved := 0.0
	fresh := weights(t, b, model.F32, d)
	defer fresh.Free()
	for i, p := range w.Params {
		n := p.Rows * p.Cols
		got, want, was := make([]float32, n), make([]float32, n), make([]float32, n)
		kernels.Download(b, got, r.Model.Weights.Params[i].W)
		kernels.Download(b, want, p.W)
		kernels.Download(b, was, fresh.Params[i].W)
		for k := range got {
			moved = max(moved, math.Abs(float64(want[k]-was[k])))
			if !(math.Abs(float64(got[k]-want[k])) < 2e-5) {
				t.Fatalf("%s[%d] became %v, want %v", p.Name, k, got[k], want[k])
			}
		}
	}
	if moved < 1e-2 {
		t.Errorf("the update moved no weight by more than %g", moved)
	}
}

// TestMeasure: the held-out loss is the mean over the tokens of the held-out lines, each scored alone.
func TestMeasure(t *testing.T) {
	b, c := opentest.CPU(t, 1), config()
	c.HeldOut, c.PassTokens = 0.5, 80
	r := begin(t, c, b, model.F32, lines(t))
	d, err := model.NewScorer(b, r.Model.Weights, forest.Limits{Shared: 256, Batch: 256})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	sum, n := 0.0, 0
	for _, u := range r.data.heldOut {
		stats, err := d.Score(context.Background(), u.forest)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range stats {
			sum -= float64(s.LogProb)
			n++
		}
	}
	if !r.Due() {
		t.Error("nothing is measured at first")
	}
	m := measure(t, r)
	if m.Tokens != n || m.Step != 0 || !(math.Abs(m.Loss-sum/float64(n)) < 1e-6) {
		t.Errorf("%+v; want %v over %d", m, sum/float64(n), n)
	}
	if r.Due() {
		t.Error("the same is measured twice")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Measure(cancelled, nil); !errors.Is(err, context.Canceled) || len(r.Measured()) != 1 {
		t.Errorf("a cancelled measurement gives %v, %v", err, r.Measured())
	}
}

// TestOverflow: weights that learned too fast are told of with advice that a user can follow.
func TestOverflow(t *testing.T) {
	b, c := opentest.CPU(t, 1), config()
	c.HeldOut = 0.3
	r := begin(t, c, b, model.F32, lines(t))
	norm := r.Model.Weights.Params[len(r.Model.Weights.Params)-1]
	nan := make([]float32, norm.Rows*norm.Cols)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	model.Set(b, norm, nan)
	_, measured := r.Measure(context.Background(), nil)
	_, stepped := r.Step(context.Background(), nil)
	for _, err := range []error{measured, stepped} {
		if err == nil || !strings.Contains(err.Error(), "is NaN after 0 updates") ||
			!strings.Contains(err.Error(), "--model OUT/step-N") || strings.Contains(err.Error(), "resume") {
			t.Errorf("error %v", err)
		}
	}
	if steps(r) != 0 || len(r.Measured()) != 0 {
		t.Errorf("%d updates, measured %v", steps(r), r.Measured())
	}
}

// TestMemorises: a few hundred updates of a random decoder learn a handful of lines by heart.
func TestMemorises(t *testing.T) {
	c := config()
	c.Epochs, c.Batch, c.Optim.LR, c.Optim.Beta2 = 60, 2, 1e-2, 0.99
	run := begin(t, c, opentest.CPU(t, 1), model.F32, lines(t))
	reports := do(t, run, total(run))
	first, last := reports[0].Loss, 0.0
	for _, r := range reports[len(reports)-4:] {
		last += r.Loss / 4
	}
	t.Logf("%d updates: loss %.2f, then %.3f", len(reports), first, last)
	if guess := math.Log(float64(run.Model.Weights.Vocab)); len(reports) < 200 || !(math.Abs(first-guess) < guess/2) ||
		!(last < 0.3) {
		t.Errorf("the loss goes from %.3f to %.3f in %d updates", first, last, len(reports))
	}
}

func TestSchedule(t *testing.T) {
	c := Config{Warmup: 0.1, Floor: 0.2}
	for decay, want := range map[string][]float64{"cosine": {0.5, 1, 1, 0.2 + 0.4*(1+math.Cos(math.Pi*8/17)), 0.2},
		"linear": {0.5, 1, 1, 1 - 0.8*8/17, 0.2}, "none": {0.5, 1, 1, 1, 1}} {
		c.Decay = decay
		for i, n := range []int{0, 1, 2, 10, 19} {
			if got := c.schedule(20).Factor(n); !(math.Abs(got-want[i]) < 1e-12) {
				t.Errorf("%s: update %d of 20 has %v, want %v", decay, n, got, want[i])
			}
		}
		for total := range 4 {
			for n := range total {
				if v := c.schedule(total).Factor(n); !(v > 0 && v <= 1) {
					t.Errorf("%s: update %d of %d has %v", decay, n, total, v)
				}
			}
		}
	}
}

func TestConfig(t *testing.T) {
	if c := Default(); c.Validate() != nil {
		t.Error(c.Validate())
	}
	var text strings.Builder
	if err := settings.Write(&text, Default(), ""); err != nil || !strings.Contains(text.String(), "<think>") {
		t.Errorf("%v, %s", err, text.String())
	}
	for say, change := range map[string]func(*Config){
		"epochs is 0; it must lie between 1 and 1073741824": func(c *Config) { c.Epochs = 0 },
		"keep is 1073741825; it must lie":                   func(c *Config) { c.Keep = 1<<30 + 1 },
		"steps is -1":                                       func(c *Config) { c.Steps = -1 },
		"batch is 0":                                        func(c *Config) { c.Batch = 0 },
		"measure is 0":                                      func(c *Config) { c.Measure = 0 },
		"held_out is 0.6; it must lie between 0 and 0.5":    func(c *Config) { c.HeldOut = 0.6 },
		"held_out is NaN":                                   func(c *Config) { c.HeldOut = math.NaN() },
		"warmup is -1":                                      func(c *Config) { c.Warmup = -1 },
		"floor is 2":                                        func(c *Config) { c.Floor = 2 },
		"max_tokens is 1;":                                  func(c *Config) { c.MaxTokens = 1 },
		"raise pass_tokens":                                 func(c *Config) { c.MaxTokens = 1 << 20 },
		`long is "drop"`:                                    func(c *Config) { c.Long = "drop" },
		`decay is ""`:                                       func(c *Config) { c.Decay = "" },
		"YYYY-MM-DD":                                        func(c *Config) { c.Date = "today" },
		"optim.lr, the learning rate, is 0: nothing":        func(c *Config) { c.Optim.LR = 0 },
		"optim.lr is -1":                                    func(c *Config) { c.Optim.LR = -1 },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v", say, err)
		}
	}
	for text, say := range map[string]string{"epoch: 1": "epoch",
		"seed: 3\nfloor: 2": "c.yaml, line 2, column 8: floor is 2",
		"pass_tokens: 15":   "between 16 and", "decay: wsd": "use cosine, linear or none"} {
		c := Default()
		if err := settings.Read("c.yaml", []byte(text), &c); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}
