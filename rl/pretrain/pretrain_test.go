package pretrain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/kerneltest"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
	"spell/rl/corpus/world"
	"spell/rl/role"
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
	return tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 1000, Special: []string{End}, Pattern: tokenizer.GPT2})
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
func tiny() Recipe {
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

var texts = []string{strings.Repeat("The first text says that every text is a text. ", 60), strings.Repeat("Another one. ", 900), "short"}

func backend(t testing.TB, workers int) kernels.Backend {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func start(t testing.TB, r Recipe, b kernels.Backend, p model.Precision) *Run {
	t.Helper()
	tok, _ := tokens(t)
	run, err := New(r, b, p, tok, texts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.trainer.Free(); run.Weights.Free() })
	return run
}

func step(t testing.TB, r *Run, n int) (lines []Line) {
	t.Helper()
	for range n {
		l, err := r.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

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
	a, b := drill(rng.At(1, rng.Drill, 0, 7, 0), ids, &tiny().Stages[0]), drill(rng.At(1, rng.Drill, 0, 7, 0), ids, &tiny().Stages[0])
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
	b := backend(t, 1)
	r := tiny()
	r.Stages = r.Stages[1:2]
	r.Stages[0].Tokens = 6000 // several passes
	r.Stages[0].Mixture.Documents = 0.3
	run := start(t, r, b, model.F32)
	d, err := model.NewScorer(b, run.Weights, forest.Limits{Shared: 4096, Batch: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free()
	for range 3 {
		batch, err := run.batch()
		if err != nil {
			t.Fatal(err)
		}
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

// outcome is every byte of a checkpoint.
func outcome(t testing.TB, dir string, n int) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors", "state.json", "config.json", "tokenizer.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, train.Name(n), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(raw)
	}
	return files
}

func same(t testing.TB, what string, a, b map[string]string) {
	t.Helper()
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// TestResume: a run that goes on from a checkpoint within a stage, at its end, or after a step
// that was cancelled, ends with the bytes of one that never stopped, for any number of workers
// and on a backend whose memory is unreadable outside operations.
func TestResume(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		dir := t.TempDir()
		b := backend(t, 1)
		run := start(t, tiny(), b, p)
		for !run.Done() {
			step(t, run, 1)
		}
		if run.Steps() != 8 {
			t.Fatalf("%d steps", run.Steps())
		}
		if err := run.Save(dir); err != nil {
			t.Fatal(err)
		}
		want := outcome(t, dir, 8)
		inner, err := cpu.New(cpu.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		guarded := kerneltest.Guarded(inner)
		for _, cut := range []int{2, 3, 5} {
			t.Run(fmt.Sprintf("%s/%d", p.Name, cut), func(t *testing.T) {
				dir := t.TempDir()
				run := start(t, tiny(), guarded, p)
				step(t, run, cut)
				if err := run.Save(dir); err != nil {
					t.Fatal(err)
				}
				step(t, run, 1) // lost
				other := tiny()
				other.Seed++
				if _, err := Resume(dir, other, guarded, p, texts); err == nil || !strings.Contains(err.Error(), "another recipe") {
					t.Fatalf("another seed gives %v", err)
				}
				run, err := Resume(dir, tiny(), guarded, p, texts)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				if _, err := run.Step(ctx); !errors.Is(err, context.Canceled) || run.Steps() != cut {
					t.Errorf("a cancelled step gives %v after %d steps", err, run.Steps())
				}
				for !run.Done() {
					step(t, run, 1)
				}
				if err := run.Save(dir); err != nil {
					t.Fatal(err)
				}
				same(t, "resumed", want, outcome(t, dir, 8))
			})
		}
	}
	if _, err := Resume(t.TempDir(), tiny(), backend(t, 1), model.F32, nil); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("an empty folder gives %v", err)
	}
}

// TestResumeLength: a run whose last stage becomes longer, at its end too, goes on as one that was to be so long from the
// beginning, where the rate does not depend on the length; one that becomes shorter than what is done of it is complete.
func TestResumeLength(t *testing.T) {
	b := backend(t, 1)
	of := func(steps int) Recipe {
		r := tiny()
		r.Stages = []Stage{r.Stages[0], r.Stages[2]}
		r.Stages[1].Steps = steps
		return r
	}
	whole := func(run *Run, dir string, steps int) map[string]string {
		t.Helper()
		for !run.Done() {
			step(t, run, 1)
		}
		if err := run.Save(dir); err != nil || run.Steps() != steps {
			t.Fatalf("%d steps, want %d; %v", run.Steps(), steps, err)
		}
		return outcome(t, dir, steps)
	}
	want := whole(start(t, of(4), b, model.F32), t.TempDir(), 7)
	resume := func(dir string, steps int) *Run {
		t.Helper()
		run, err := Resume(dir, of(steps), b, model.F32, texts)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	dir := t.TempDir()
	whole(start(t, of(2), b, model.F32), dir, 5)
	if run := resume(dir, 1); !run.Done() {
		t.Error("a stage of one step goes on after two")
	}
	same(t, "longer after its end", want, whole(resume(dir, 4), dir, 7))
	dir = t.TempDir()
	run := start(t, of(3), b, model.F32)
	step(t, run, 5)
	if err := run.Save(dir); err != nil {
		t.Fatal(err)
	}
	for steps := 1; steps <= 2; steps++ {
		if run := resume(dir, steps); !run.Done() {
			t.Errorf("a stage of %d steps goes on after two", steps)
		}
	}
	same(t, "longer before its end", want, whole(resume(dir, 4), dir, 7))
}

// TestResumeErrors: what is not of one run is refused in a sentence that names the checkpoint.
func TestResumeErrors(t *testing.T) {
	b := backend(t, 1)
	dir := t.TempDir()
	run := start(t, tiny(), b, model.F32)
	step(t, run, 4)
	if err := run.Save(dir); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, train.Name(4))
	resume := func(what, say string, texts []string) {
		t.Helper()
		if _, err := Resume(dir, tiny(), b, model.F32, texts); err == nil || !strings.HasPrefix(err.Error(), at+": ") || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: error %v, want %q", what, err, say)
		}
	}
	resume("a text is missing", "the same --docs", texts[:2])
	resume("texts are joined", "the same --docs", []string{texts[0] + texts[1], texts[2]})
	spoil := func(name string, change func(string) string) (mend func()) {
		path := filepath.Join(at, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := change(string(raw))
		if changed == string(raw) {
			t.Fatalf("%s stays as it is", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		return func() { os.WriteFile(path, raw, 0o666) }
	}
	for _, c := range [][2]string{{`"stage": 1`, `"stage": -1`}, {`"stage": 1`, `"stage": 3`}, {`"step": 1`, `"step": -1`}, {`"step": 1`, `"step": 3`}, {`"total": 4`, `"total": 0`}} {
		mend := spoil("state.json", func(s string) string { return strings.Replace(s, c[0], c[1], 1) })
		resume(c[1], "its state is after step", texts)
		mend()
	}
	mend := spoil("tokenizer.json", func(s string) string { return strings.ReplaceAll(s, "|end|", "|other|") })
	resume("another end", "no "+End, texts)
	mend()
	fewer, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 270, Special: []string{End}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	if err := fewer.WriteFile(filepath.Join(at, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	resume("another tokenizer", "the tokenizer has 270 tokens and the model ", texts)
}

// TestOverflow: an update that is left out is told of with advice that a user can follow.
func TestOverflow(t *testing.T) {
	b := backend(t, 1)
	run := start(t, tiny(), b, model.F32)
	last := run.Weights.Params[len(run.Weights.Params)-1]
	nan := make([]float32, last.Rows*last.Cols)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	model.Set(b, last, nan)
	if _, err := run.Step(context.Background()); err == nil || !strings.Contains(err.Error(), "is NaN after 0 updates") || !strings.Contains(err.Error(), `lower lr of stage "drill" in --config and another --out`) {
		t.Errorf("error %v", err)
	}
}

// TestLearns: the loss of a short drill, of the world and of text falls.
func TestLearns(t *testing.T) {
	b := backend(t, 1)
	for _, s := range []Stage{
		{Name: "drill", Data: "drill", Steps: 40, LR: 1e-2, Flat: 1, Final: 1, Embed: 1, Batch: 8, Pairs: 4, Queries: 4},
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
		if guess := math.Log(float64(run.Tok.VocabSize())); !(math.Abs(lines[0].Loss-guess) < 0.3*guess) {
			t.Errorf("%s begins at %.2f, guessing is %.2f", s.Name, lines[0].Loss, guess)
		}
		if !(last < 0.9*first) || !run.Done() {
			t.Errorf("%s goes from %.3f to %.3f", s.Name, first, last)
		}
	}
}

// TestMastered: a drill ends early once the mean recall of fifty steps reaches its mark.
func TestMastered(t *testing.T) {
	s := Stage{Steps: 1000, StopAt: 0.9}
	r := &Run{Recipe: Recipe{Stages: []Stage{s, {Steps: 1}}}}
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
	if r.state.Step != 0 || r.state.Recall != nil || r.Done() {
		t.Errorf("the next stage begins with %+v", r.state)
	}
}

func TestRecipeErrors(t *testing.T) {
	for name, r := range map[string]Recipe{"World": World(), "Text": Text()} {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for say, change := range map[string]func(*Recipe){
		"stages is empty":                                                  func(r *Recipe) { r.Stages = nil },
		"vocab is 3; it must lie between 258 and":                          func(r *Recipe) { r.Vocab = 3 },
		"pass_tokens is 1073741825; it must lie between 64 and 1073741824": func(r *Recipe) { r.PassTokens = 1<<30 + 1 },
		"queries must lie between 1 and 16777216":                          func(r *Recipe) { r.Stages[0].Queries = 1 << 62 },
		"tokens is 16777217; it must lie between":                          func(r *Recipe) { r.Stages[1].Tokens = 1<<24 + 1 },
		`data "poem"`:           func(r *Recipe) { r.Stages[0].Data = "poem" },
		"0 steps":               func(r *Recipe) { r.Stages[1].Steps = 0 },
		"lr, flat and final":    func(r *Recipe) { r.Stages[1].LR = math.NaN() },
		"batch, pairs":          func(r *Recipe) { r.Stages[0].Pairs = 0 },
		`"world": batch, pairs`: func(r *Recipe) { r.Stages[1].Batch = 2 },
		"tokens is 0":           func(r *Recipe) { r.Stages[2].Tokens = 0 },
		"mixture is missing":    func(r *Recipe) { r.Stages[1].Mixture = nil },
		"num_attention_heads":   func(r *Recipe) { r.Heads, r.KV = 3, 2 },
	} {
		r := tiny()
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v", say, err)
		}
	}
	r := tiny()
	for text, say := range map[string]string{`{"vocabulary": 3}`: "vocabulary", `{"vocab": 300} {}`: "more than one", `{`: "ends too early"} {
		if err := r.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s gives %v", text, err)
		}
	}
	tok, _ := tokens(t)
	if _, err := New(tiny(), backend(t, 1), model.F32, tok, nil); err == nil || !strings.Contains(err.Error(), "--docs") {
		t.Errorf("a text stage without text gives %v", err)
	}
}
