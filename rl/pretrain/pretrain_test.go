package pretrain

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/forest"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/settings"
	"spell/tensor/rng"
	"spell/tokenizer"
)

var mixture = sync.OnceValues(func() (*world.Training, error) {
	prompts, err := role.Load("compact")
	if err != nil {
		return nil, err
	}
	return world.NewTraining(prompts, world.DefaultTraining())
})

// worldTokenizer is a vocabulary of whole words of the world, from few texts.
var worldTokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	t, err := mixture()
	if err != nil {
		return nil, err
	}
	var texts []string
	for i := range 150 {
		texts = append(texts, t.Text(1, i))
	}
	return tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 1000, Special: []string{End},
		Pattern: tokenizer.GPT2})
})

func tokens(t testing.TB) (*tokenizer.Tokenizer, int32) {
	t.Helper()
	tok, err := worldTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	eos, ok := tok.Special(End)
	if !ok {
		t.Fatal("no end token")
	}
	return tok, eos
}

// tiny is a recipe of all kinds of data for a model of a few thousand parameters.
func tiny() Config {
	r := World()
	r.Hidden, r.FF, r.Layers, r.Heads, r.KV, r.Dim, r.Context = 16, 24, 1, 2, 1, 8, 2048
	r.PassTokens = 2048
	mix := world.DefaultTraining()
	r.Stages = []Stage{
		{Name: "drill", Data: "drill", Steps: 3, LR: 3e-3, Warmup: 2, Flat: 1, Final: 1, Embed: 0.3, Batch: 4, Pairs: 4, Queries: 4, Slack: 50, StopAt: 0.99},
		{Name: "world", Data: "world", Steps: 3, LR: 2e-3, Warmup: 1, Flat: 0.5, Final: 0.1, Embed: 0.5, Decay: 0.1, Tokens: 1500, Slack: 100, Mixture: &mix, DocWeight: 0.03, FreeWeight: 0.3},
		{Name: "text", Data: "text", Steps: 2, LR: 1e-3, Flat: 1, Final: 1, Embed: 1, Tokens: 600},
	}
	return r
}

var texts = []string{strings.Repeat("The first text says that every text is a text. ", 60),
	strings.Repeat("Another one. ", 900), "short"}

// named returns texts as a folder has them.
func named(texts []string) (all []folder.Text) {
	for i, text := range texts {
		all = append(all, folder.Text{Name: fmt.Sprint(i, ".txt"), Text: text})
	}
	return all
}

// fresh returns a model that a run of the recipe begins with.
func fresh(t testing.TB, r Config, b kernels.Backend, p model.Precision, tok *tokenizer.Tokenizer) runner.Model {
	t.Helper()
	p.Moments = r.Moments
	m := Method{Config: r, tok: tok}
	w, text, err := m.Load(t.Context(), b, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	return runner.Model{Backend: b, Weights: w, Text: text}
}

func start(t testing.TB, r Config, b kernels.Backend, p model.Precision) *Run {
	t.Helper()
	tok, _ := tokens(t)
	run, err := New(r, fresh(t, r, b, p, tok), named(texts))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Free)
	return run
}

func step(t testing.TB, r *Run, n int) (lines []*Report) {
	t.Helper()
	for range n {
		l, err := r.Step(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l.Metrics.(*Report))
	}
	return lines
}

// steps returns how many steps are done, and done whether these are all.
func steps(r *Run) int { n, _ := r.Steps(); return n }
func done(r *Run) bool { n, all := r.Steps(); return n >= all }

func TestRate(t *testing.T) {
	s := Stage{Steps: 100, LR: 2, Warmup: 10, Flat: 0.5, Final: 0.1}
	for n, want := range map[int]float64{0: 0.2, 4: 1, 9: 2, 10: 2, 50: 2, 75: 1.1, 99: 0.1*2 + 1.8*0.02} {
		if got := s.rate(n); !(math.Abs(got-want) < 1e-12) {
			t.Errorf("rate at step %d is %v, want %v", n, got, want)
		}
	}
	for n := 11; n < 100; n++ {
		if s.rate(n) > s.rate(n-1) {
			t.Errorf("the rate rises at step %d", n)
		}
	}
	constant := Stage{Steps: 10, LR: 3, Flat: 1}
	for n := range 10 {
		if constant.rate(n) != 3 {
			t.Errorf("rate %v", constant.rate(n))
		}
	}
	// A stage that became shorter than it has run.
	for _, n := range []int{100, 101, 5000} {
		if got := s.rate(n); !(math.Abs(got-0.2) < 1e-12) {
			t.Errorf("rate at step %d of 100 is %v", n, got)
		}
	}
	if constant.Final = 1; constant.rate(11) != 3 {
		t.Errorf("rate %v behind the end of a constant one", constant.rate(11))
	}
}

// chain joins the segments of a tree that is one chain.
func chain(t *testing.T, f forest.Forest, w [][]float32) (ids []int32, weights []float32) {
	t.Helper()
	for i, s := range f {
		if int(s.Parent) != i-1 || len(w[i]) != len(s.Tokens) {
			t.Fatalf("segment %d continues %d and has %d weights for %d tokens", i, s.Parent, len(w[i]), len(s.Tokens))
		}
		ids, weights = append(ids, s.Tokens...), append(weights, w[i]...)
	}
	return
}

// TestCopying: behind a text stand parts of it, each whole, and all of a part but its first two words is scored.
func TestCopying(t *testing.T) {
	ids := []int32{3, 7, 8, 11, 12, 20}
	for _, slack := range []int{0, 60} {
		s := &Stage{Batch: 50, Text: 16, Slack: slack}
		b := copying(rng.At(1, rng.Drill, 0, 0, 0), ids, s)
		if len(b.trees) != s.Batch || b.tokens() < 2*s.Text*s.Batch || b.tokens() >= (2*s.Text+longestPart)*s.Batch {
			t.Fatalf("%d trees, %d tokens", len(b.trees), b.tokens())
		}
		for n, f := range b.trees {
			if err := f.Validate(300, 0); err != nil {
				t.Fatal(err)
			}
			all, weights := chain(t, f, b.weights[n])
			text := fmt.Sprint(all[:s.Text])
			for i := 0; i < len(all); {
				if i < s.Text {
					if weights[i] != 0 || !slices.Contains(ids, all[i]) {
						t.Fatalf("tree %d: %d of the text has the weight %g", n, all[i], weights[i])
					}
					i++
					continue
				}
				end := i + 2
				for end < len(all) && weights[end] == 1 {
					end++
				}
				part := strings.Trim(fmt.Sprint(all[i:end]), "[]")
				if weights[i] != 0 || weights[i+1] != 0 || end-i < 3 || end-i > longestPart ||
					!strings.Contains(strings.NewReplacer("[", " ", "]", " ").Replace(text), " "+part+" ") {
					t.Fatalf("tree %d: %s is no part of %s, weights %v", n, part, text, weights[i:end])
				}
				i = end
			}
		}
	}
}

// TestDrill: keys are distinct words, a key always has the same value, and exactly the values
// that were given before count.
func TestDrill(t *testing.T) {
	var ids []int32
	for i := range 90 {
		ids = append(ids, int32(3*i+5))
	}
	for _, slack := range []int{0, 60} {
		s := &Stage{Batch: 50, Pairs: 8, Queries: 6, Slack: slack}
		b := drill(rng.At(1, rng.Drill, 0, 0, 0), ids, s)
		if len(b.trees) != 50 || len(b.weights) != 50 || b.tokens() != 50*2*14 {
			t.Fatalf("%d trees, %d tokens", len(b.trees), b.tokens())
		}
		gaps := 0
		for n, f := range b.trees {
			if err := f.Validate(300, 0); err != nil {
				t.Fatal(err)
			}
			all, weights := chain(t, f, b.weights[n])
			gap := int(f.End(len(f)-1)) - len(all)
			if gap > 0 {
				gaps++
			}
			if gap < 0 || gap > slack || slack == 0 && len(f) != 1 {
				t.Fatalf("tree %d leaves %d positions open in %d segments", n, gap, len(f))
			}
			value := map[int32]int32{}
			asked := 0
			for i := 0; i < len(all); i += 2 {
				before, known := value[all[i]]
				if known && before != all[i+1] || !slices.Contains(ids, all[i]) || !slices.Contains(ids, all[i+1]) {
					t.Fatalf("tree %d: %d has the values %d and %d", n, all[i], before, all[i+1])
				}
				value[all[i]] = all[i+1]
				if weights[i] != 0 || (weights[i+1] == 1) != known || weights[i+1] != 0 && weights[i+1] != 1 {
					t.Fatalf("tree %d: weights %v", n, weights)
				}
				if known {
					asked++
				}
			}
			if len(value) != s.Pairs || asked != s.Queries {
				t.Errorf("tree %d has %d keys and asks %d", n, len(value), asked)
			}
		}
		if slack > 0 && gaps < 10 {
			t.Errorf("only %d trees have gaps", gaps)
		}
	}
	a, b := drill(rng.At(1, rng.Drill, 0, 7, 0), ids, &tiny().Stages[0]),
		drill(rng.At(1, rng.Drill, 0, 7, 0), ids, &tiny().Stages[0])
	if !reflect.DeepEqual(a, b) {
		t.Error("the drill is not a function of its key")
	}
}

// TestExample: the path of each branch is the tokens of the prompt and the reply, gaps only move
// positions, and weights are those of the spans they cover.
func TestExample(t *testing.T) {
	tok, eos := tokens(t)
	mix, err := mixture()
	if err != nil {
		t.Fatal(err)
	}
	open, documents, several := 0, 0, 0
	for i := range uint64(150) {
		e := mix.Example(3, i)
		for _, s := range []*Stage{{FreeWeight: 0.3}, {FreeWeight: 0.25, DocWeight: 0.05, Slack: 90}} {
			f, w := example(rng.At(3, rng.Gaps, i, 0, 0), tok, e, eos, s)
			if err := f.Validate(tok.VocabSize(), 0); err != nil {
				t.Fatalf("example %d: %v", i, err)
			}
			if len(w) != len(f) {
				t.Fatalf("example %d: %d weights for %d segments", i, len(w), len(f))
			}
			docs := 0 // segments of them
			switch {
			case s.Slack > 0 && len(e.Docs) > 0:
				docs = len(e.Docs)
			case e.Prefix != "":
				docs = 1
			}
			if len(f.Trees()) > 1 {
				several++
			}
			branch, gap := 0, 0
			for k, seg := range f {
				if seg.Scored != (w[k] != nil) || w[k] != nil && len(w[k]) != len(seg.Tokens) {
					t.Fatalf("example %d: segment %d of %d tokens has weights %v", i, k, len(seg.Tokens), w[k])
				}
				if k < docs || (k-docs)%2 == 0 { // a document or the prompt after them
					for _, x := range w[k] {
						if x != s.DocWeight {
							t.Fatalf("example %d: a document weighs %v", i, w[k])
						}
					}
					continue
				}
				b := e.Branches[branch]
				branch++
				var path []int32
				last := int32(0)
				gap = 0
				for _, a := range f.Path(k) {
					path = append(path, f[a].Tokens...)
					if f[a].Pos < last {
						t.Fatalf("example %d: positions do not ascend", i)
					}
					gap += int(f[a].Pos - last)
					last = f.End(a)
				}
				var plain []int32
				for _, text := range []string{e.Prefix, b.Suffix, b.Reply} {
					plain = tok.Append(plain, text)
				}
				if plain = append(plain, eos); !slices.Equal(path, plain) {
					t.Fatalf("example %d: the path reads %q, the prompt %q", i, tok.Decode(path), tok.Decode(plain))
				}
				if gap > s.Slack {
					t.Fatalf("example %d leaves %d positions open, of %d", i, gap, s.Slack)
				}
				checkWeights(t, tok, b, seg.Tokens, w[k], s.FreeWeight)
			}
			if branch != len(e.Branches) {
				t.Fatalf("example %d: %d of %d branches", i, branch, len(e.Branches))
			}
			if s.Slack > 0 && len(e.Docs) > 0 {
				documents++
				if gap > 0 {
					open++
				}
			}
		}
	}
	if open < documents/2 || open == documents {
		t.Errorf("%d of %d examples have gaps", open, documents)
	}
	if several == 0 {
		t.Error("no example has several roots")
	}
}

// checkWeights marks every determined byte of a reply: a token weighs 1 if it covers one or ends
// the reply, else free.
func checkWeights(t *testing.T, tok *tokenizer.Tokenizer, b world.Branch, ids []int32, w []float32, free float32) {
	t.Helper()
	fixed := make([]bool, len(b.Reply))
	for _, d := range b.Determined {
		for k := d.Start; k < d.End; k++ {
			fixed[k] = true
		}
	}
	at := 0
	for i, id := range ids[:len(ids)-1] {
		end := at + len(tok.TokenBytes(id))
		want := free
		if b.Determined == nil || slices.Contains(fixed[at:end], true) {
			want = 1
		}
		if w[i] != want {
			t.Fatalf("in %q determined %v, %q weighs %v, want %v", b.Reply, b.Determined, b.Reply[at:end], w[i], want)
		}
		at = end
	}
	if at != len(b.Reply) || w[len(w)-1] != 1 {
		t.Fatalf("%d of %d bytes, the end weighs %v", at, len(b.Reply), w[len(w)-1])
	}
}

// TestLoss: the loss of a step is the weighted mean over its trees, each scored alone; some trees
// have several roots.
func TestLoss(t *testing.T) {
	b := opentest.CPU(t, 1)
	r := tiny()
	r.Stages = r.Stages[1:2]
	r.Stages[0].Tokens = 6000 // several passes
	r.Stages[0].Mixture.Documents = 0.3
	run := start(t, r, b, model.F32)
	d, err := model.NewScorer(b, run.Model.Weights, forest.Limits{Shared: 4096, Batch: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	for range 3 {
		batch := run.batch()
		var loss, total float64
		roots := 0
		for i, f := range batch.trees {
			roots += len(f.Trees())
			l, err := forest.NewLayout(f, forest.Limits{Shared: 4096, Batch: 4096})
			if err != nil {
				t.Fatal(err)
			}
			stats, err := d.Score(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			for k, s := range l.Scored {
				w := float64(batch.weights[i][s.Segment][s.Index])
				loss -= w * float64(stats[k].LogProb)
				total += w
			}
		}
		if roots == len(batch.trees) {
			t.Error("every tree has one root")
		}
		if line := step(t, run, 1)[0]; !(math.Abs(line.Loss-loss/total) < 1e-6*line.Loss) {
			t.Errorf("the loss is %v, want %v", line.Loss, loss/total)
		}
	}
}

// TestOverflow: an update that is left out is told of with advice that a user can follow.
func TestOverflow(t *testing.T) {
	b := opentest.CPU(t, 1)
	run := start(t, tiny(), b, model.F32)
	last := run.Model.Weights.Params[len(run.Model.Weights.Params)-1]
	nan := make([]float32, last.Rows*last.Cols)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	model.Set(b, last, nan)
	if _, err := run.Step(context.Background(), nil); err == nil ||
		!strings.Contains(err.Error(), "is NaN after 0 updates") ||
		!strings.Contains(err.Error(), "begin another with a lower one and another --out") {
		t.Errorf("error %v", err)
	}
}

// TestLearns: the loss of a short drill, of the world and of text falls.
func TestLearns(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, s := range []Stage{
		{Name: "drill", Data: "drill", Steps: 60, LR: 1e-2, Flat: 1, Final: 1, Embed: 1, Batch: 8, Pairs: 4, Queries: 4},
		{Name: "world", Data: "world", Steps: 25, LR: 1e-2, Flat: 1, Final: 1, Embed: 1, Tokens: 1500, Mixture: tiny().Stages[1].Mixture, DocWeight: 0.03, FreeWeight: 0.3},
		{Name: "text", Data: "text", Steps: 25, LR: 1e-2, Flat: 1, Final: 1, Embed: 1, Tokens: 300},
	} {
		r := tiny()
		r.Stages = []Stage{s}
		run := start(t, r, b, model.F32)
		lines := step(t, run, s.Steps)
		first, last := 0.0, 0.0
		for i := range 5 {
			first += lines[i].Loss / 5
			last += lines[len(lines)-1-i].Loss / 5
		}
		// Fresh weights know nothing: the loss begins near that of guessing.
		if guess := math.Log(float64(run.tok.VocabSize())); !(math.Abs(lines[0].Loss-guess) < 0.3*guess) {
			t.Errorf("%s begins at %.2f, guessing is %.2f", s.Name, lines[0].Loss, guess)
		}
		if !(last < 0.9*first) || !done(run) {
			t.Errorf("%s goes from %.3f to %.3f", s.Name, first, last)
		}
		if lines, failed := run.Verdict(); failed || len(lines) != 0 {
			t.Errorf("%s has failed: %q", s.Name, lines)
		}
	}
}

// TestVerdict: a run that learns too fast has failed, on any data, and its last sentence says in what;
// the loss is that of the last stage alone.
func TestVerdict(t *testing.T) {
	b := opentest.CPU(t, 1)
	for _, data := range []string{"drill", "world", "text"} {
		r := tiny()
		r.Stages = slices.DeleteFunc(r.Stages, func(s Stage) bool { return s.Data != data })
		s := &r.Stages[0]
		s.Steps, s.LR, s.Warmup, s.Flat, s.Embed, s.StopAt = 12, 1, 0, 1, 100, 0
		r.Optim.ClipNorm = 0
		run := start(t, r, b, model.F32)
		lines := step(t, run, s.Steps)
		said, failed := run.Verdict()
		want := fmt.Sprintf("the loss of stage %q rose from", s.Name)
		if !failed || len(said) != 1 || !strings.HasPrefix(said[0], want) {
			t.Errorf("%s, from %.2f to %.2f: failed is %v, %q", data, lines[0].Loss, lines[len(lines)-1].Loss, failed,
				said)
		}
	}
	run := start(t, tiny(), b, model.F32)
	step(t, run, 3+2)
	if n := run.state.Trend.N; n != 2 || run.state.Stage != 1 {
		t.Errorf("after two steps of the second stage there are %d losses of stage %d", n, run.state.Stage)
	}
}

// TestSizeNames: errors of the sizes of a model name the settings, not the fields of config.json.
func TestSizeNames(t *testing.T) {
	for _, name := range []string{"hidden", "ff", "layers", "heads", "kv_heads", "head_dim", "context", "rope_theta"} {
		r := tiny()
		if err := settings.Set(&r, name+"=0"); err != nil {
			t.Fatal(err)
		}
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), name+" is 0; ") {
			t.Errorf("%s=0 gives %v", name, err)
		}
	}
}

// TestMastered: a drill ends early once the mean recall of fifty steps reaches its mark.
func TestMastered(t *testing.T) {
	s := Stage{Steps: 1000, StopAt: 0.9}
	r := &Run{Config: Config{Stages: []Stage{s, {Steps: 1}}}}
	for n := 1; r.state.Stage == 0; n++ {
		recall := 0.5
		if n > 20 {
			recall = 1
		}
		r.state.Step++
		r.advance(recall)
		if done := r.state.Stage == 1; done != (n >= 60) { // ten halves and forty ones make 0.9
			t.Fatalf("after %d steps: stage %d", n, r.state.Stage)
		}
	}
	if r.state.Step != 0 || r.state.Recall != nil || done(r) {
		t.Errorf("the next stage begins with %+v", r.state)
	}
}

func TestRecipeErrors(t *testing.T) {
	for name, r := range map[string]Config{"World": World(), "Text": Text()} {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for say, change := range map[string]func(*Config){
		"pass_tokens is 63; it must be at least 64":   func(r *Config) { r.PassTokens = 63 },
		"family: a qwen3_moe has mixtures of experts": func(r *Config) { r.Family = "qwen3_moe" },
		"stages is empty":                                                             func(r *Config) { r.Stages = nil },
		"vocab is 3; it must lie between 258 and":                                     func(r *Config) { r.Vocab = 3 },
		"pass_tokens is 1073741825; it must lie between 16 and 1073741824":            func(r *Config) { r.PassTokens = 1<<30 + 1 },
		"stages.0.queries is 4611686018427387904; it must lie between 0 and 16777216": func(r *Config) { r.Stages[0].Queries = 1 << 62 },
		"stages.1.tokens is 16777217; it must lie between 0 and":                      func(r *Config) { r.Stages[1].Tokens = 1<<24 + 1 },
		`stages.0.data is "poem"; use drill, copy, world, reading or text`:            func(r *Config) { r.Stages[0].Data = "poem" },
		"stages.1.steps is 0; it must be at least 1":                                  func(r *Config) { r.Stages[1].Steps = 0 },
		"stages.1.lr is NaN; it must lie between 0 and 1":                             func(r *Config) { r.Stages[1].LR = math.NaN() },
		"batch, pairs":                         func(r *Config) { r.Stages[0].Pairs = 0 },
		`"world": batch, pairs`:                func(r *Config) { r.Stages[1].Batch = 2 },
		"tokens is 0":                          func(r *Config) { r.Stages[2].Tokens = 0 },
		`"world": lr, the l`:                   func(r *Config) { r.Stages[1].LR = 0 },
		"mixture is missing":                   func(r *Config) { r.Stages[1].Mixture = nil },
		"heads 3 is no multiple of kv_heads 2": func(r *Config) { r.Heads, r.KV = 3, 2 },
		"words at least 2":                     func(r *Config) { r.Stages[0].Data, r.Stages[0].Text = "copy", 16 },
		"and text at least 12":                 func(r *Config) { r.Stages[0].Data, r.Stages[0].Words = "copy", 30 },
		// Constants that no optimizer has, and those that each stage has of its own.
		"optim.beta1 1 and":                    func(r *Config) { r.Optim.Beta1 = 1 },
		"optim.beta2 NaN must":                 func(r *Config) { r.Optim.Beta2 = math.NaN() },
		"optim.eps is 0;":                      func(r *Config) { r.Optim.Eps = 0 },
		"optim.clip_norm is -1;":               func(r *Config) { r.Optim.ClipNorm = -1 },
		"optim.lr is NaN;":                     func(r *Config) { r.Optim.LR = math.NaN() },
		"leave it at 1 and set stages.2.lr":    func(r *Config) { r.Optim.LR = 1e-3 },
		"leave it at 0 and set stages.2.embed": func(r *Config) { r.Optim.EmbedScale = 0.3 },
		"leave it at 0 and set stages.2.decay": func(r *Config) { r.Optim.WeightDecay = 0.1 },
	} {
		r := tiny()
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v", say, err)
		}
	}
	r := tiny()
	for text, say := range map[string]string{`{"vocabulary": 3}`: "vocabulary", `{"vocab": 300} {}`: "c.json",
		`{`: "c.json", "measure: 0": "c.json, line 1, column 10: measure is 0",
		"stages: [{data: poem}]": "use drill, copy, world, reading or text"} {
		if err := settings.Read("c.json", []byte(text), &r); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s gives %v", text, err)
		}
	}
	tok, _ := tokens(t)
	if _, err := New(tiny(), fresh(t, tiny(), opentest.CPU(t, 1), model.F32, tok), nil); err == nil ||
		!strings.Contains(err.Error(), "--docs") {
		t.Errorf("a text stage without text gives %v", err)
	}
}
