package spell

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/open/opentest"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/budget"
	"spell/rl/journal"
	"spell/rl/runner"
	"spell/tensor"
	"spell/tokenizer/chat"
)

// counting is a backend that notes what is asked of it.
type counting struct {
	kernels.Backend
	arenas []tally.Arena
}

func (c *counting) Alloc(name string, bytes int) (*tensor.Arena, error) {
	c.arenas = append(c.arenas, tally.Arena{Name: name, Bytes: bytes})
	return c.Backend.Alloc(name, bytes)
}

// nothing is a loss that asks for no gradient.
func nothing([]forest.ScoredToken, []model.Stat, []float32, []float32) {}

// TestPlanIsTheRun: a plan has the arenas of a real run, to the byte, and the run asks for no
// others at work.
func TestPlanIsTheRun(t *testing.T) {
	for _, v := range []struct {
		name   string
		p      model.Precision
		int8   bool
		tokens int // of a pass
	}{{"f32", model.F32, false, 1024}, {"bf16", model.BF16, false, 1024}, {"int8", model.F32, true, 1024},
		{"blocks computed again", model.F32, false, 1 << 22}} {
		t.Run(v.name, func(t *testing.T) {
			if v.tokens > 1<<20 && runtime.GOOS == "windows" {
				t.Skip("windows commits all that is mapped")
			}
			b := &counting{Backend: opentest.CPU(t, 2)}
			c := small()
			c.Int8, c.PassTokens = v.int8, v.tokens
			on := testModel(t, b, v.p, &chat.Dialog{Tok: testTokenizer(t)})
			w := on.Weights
			r, err := begin(context.Background(), c, on, documents(4, 3), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Free()
			d, err := newDryRun(tally.Rates{}, w.Config, v.p, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(d.b.Arenas, b.arenas) {
				t.Errorf("planned %v\nmapped  %v", d.b.Arenas, b.arenas)
			}
			plan, err := NewPlan(t.Context(), b.Backend, w.Config, v.p, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			mapped := plan.Sum(func(it *budget.Item) bool { return it.Mapped })
			for _, it := range plan.Items {
				if it.Bytes <= 0 || it.Name == "" || it.Owner == "" || it.GrowsWith == "" {
					t.Errorf("%+v", it)
				}
			}
			if mapped != d.b.Bytes() {
				t.Errorf("the table adds up to %d bytes, the arenas to %d", mapped, d.b.Bytes())
			}
			loading, generating := plan.Bytes(budget.Loading), plan.Bytes(budget.Generating)
			updating := plan.Bytes(budget.Updating)
			if updating != plan.Total() || !(loading < generating && generating < updating) {
				t.Errorf("%d, %d, %d of %d bytes", loading, generating, updating, plan.Total())
			}
			n := len(b.arenas)
			if _, _, err := r.take(context.Background()); err != nil { // by the real engine
				t.Fatal(err)
			}
			f := forest.Forest{{Parent: -1, Tokens: make([]int32, 100)}}
			f.Add(0, make([]int32, 20), true)
			if _, err := r.Trainer().Accumulate(context.Background(), f, nothing); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Trainer().Update(1); err != nil {
				t.Fatal(err)
			}
			if len(b.arenas) != n {
				t.Errorf("at work the run asked for %v", b.arenas[n:])
			}
			machine, err := rl.NewMachine(&c.Config, c.sampled(), b, w) // and a group of answers, by one's own engine
			if err != nil {
				t.Fatal(err)
			}
			defer machine.Free()
			n = len(b.arenas)
			if _, err := machine.Engine.Generate(context.Background(), requests(2, 100, 4, 10)); err != nil {
				t.Fatal(err)
			}
			if len(b.arenas) != n {
				t.Errorf("answering asked for %v", b.arenas[n:])
			}
		})
	}
}

// TestPlanFit: the sizes that a refusal names are the largest that leave a little of the memory.
func TestPlanFit(t *testing.T) {
	b := opentest.CPU(t, 1)
	m := model.Config{Family: "llama", Vocab: 32000, Hidden: 512, FF: 1536, Layers: 8, Heads: 8, KVHeads: 4,
		HeadDim: 64, Tied: true,
		NormEps: 1e-6, Context: 1 << 16, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	c := Default()
	c.HeldOut = 0
	total := func(c Config) int64 {
		t.Helper()
		p, err := NewPlan(t.Context(), b, m, model.F32, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return int64(p.Total())
	}
	p, err := NewPlan(t.Context(), b, m, model.F32, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, enough := range []int64{0, int64(p.Total())} { // 0 is unknown
		if err := p.Fit(t.Context(), b, nil, enough, false); err != nil {
			t.Errorf("%d bytes: %v", enough, err)
		}
	}
	for _, resuming := range []bool{false, true} {
		available := int64(p.Total()) - 256<<20
		goal := available - available/64
		err := p.Fit(t.Context(), b, nil, available, resuming)
		if err == nil {
			t.Fatalf("%d of %d bytes are enough", available, p.Total())
		}
		n := 0
		_, rest, _ := strings.Cut(err.Error(), "; it would fit with pass_tokens ")
		fmt.Sscan(rest, &n)
		with := func(n int) Config { c := c; c.PassTokens = n; return c }
		if n == 0 || total(with(n)) > goal || total(with(n+1)) <= goal {
			t.Errorf("%v: %d is not the largest", err, n)
		}
		if resuming && strings.Contains(err.Error(), " or with ") {
			t.Errorf("a run that goes on is told %v", err)
		}
	}
	if err := p.Fit(t.Context(), b, nil, 128<<20, false); err == nil ||
		!strings.Contains(err.Error(), "use a smaller model") {
		t.Errorf("128 MiB: %v", err)
	}
	m.Context = c.MaxAnswer
	if _, err := NewPlan(t.Context(), b, m, model.F32, c, nil); err == nil ||
		!strings.Contains(err.Error(), "context of 4096") ||
		!strings.Contains(err.Error(), "max_question 4096, max_answer 4096") {
		t.Errorf("outputs as long as the context: %v", err)
	}
}

// TestPlanWork: the work of answers and gradients against sums by hand, and the same however many groups
// go together.
func TestPlanWork(t *testing.T) {
	m := model.Config{Family: "llama", Vocab: 100, Hidden: 16, FF: 24, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 8,
		NormEps: 1e-6, Context: 1024, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	c := small()
	c = c.Tight(64, 4, 16)
	d, err := newDryRun(tally.Rates{Read: 1, Update: 1}, m, model.F32, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	sample := func(length int) tally.Work {
		t.Helper()
		w, err := d.sample(d.machine.Engine, 5, 64, 4, length, 16)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	const q, kv, mlp, head, layers = 16 * 16, 2 * 16 * 8, 3 * 16 * 24, 16 * 100, 2
	// The last block of a prompt computes keys and values, and all else for the row that the
	// answers follow.
	read := 5 * 2 * (64*(2*q+kv+mlp) + 64*kv + 2*q + mlp)
	// All 4 answers draw their first token from that row: the head's input is gathered once an
	// answer.
	read += 5 * 2 * 4 * head
	first := sample(1)
	if f := first.Flops[tally.Product]; f != float64(read) {
		t.Errorf("reading takes %g operations, want %d", f, read)
	}
	answers := sample(16).Add(first, -1)
	answer := 5 * 4 * 15 * 2 * (layers*(2*q+kv+mlp) + head)
	if f := answers.Flops[tally.Product]; f != float64(answer) {
		t.Errorf("answering takes %g operations, want %d", f, answer)
	}
	pairs := 0 // of a token of an answer and what it sees
	for i := range 15 {
		pairs += 64 + i + 1
	}
	if f := answers.Flops[tally.Attend]; f != float64(5*4*layers*4*16*pairs) {
		t.Errorf("attention takes %g operations for %d pairs", f, pairs)
	}
	learn := func() tally.Work {
		t.Helper()
		w, err := d.learn(6, 64, 4, 16)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	apart := learn()
	if f := &apart.Flops; f[tally.ProductGradX] != f[tally.ProductGradW] || !(f[tally.ProductGradX] > float64(read)) {
		t.Errorf("gradients take %v operations", f)
	}
	c.PassTokens, c.BatchTokens = 3*64, 3*64
	if d, err = newDryRun(tally.Rates{}, m, model.F32, c, nil); err != nil {
		t.Fatal(err)
	}
	if together := learn(); together.Total() != apart.Total() || !(apart.Seconds > 0) {
		t.Errorf("gradients take %g operations together and %g apart, %g seconds",
			together.Total(), apart.Total(), apart.Seconds)
	}
	long := func(n int) (tally.Work, error) {
		return d.used(func() error {
			_, err := d.machine.Engine.Generate(context.Background(), requests(1, 64, 1, n))
			return err
		})
	}
	got, err := lengthen(100, long)
	want, e := long(100)
	if err != nil || e != nil || math.Abs(got.Total()-want.Total()) > 1e-9*want.Total() {
		t.Errorf("100 tokens take %g operations, from three shorter lengths %g: %v, %v",
			want.Total(), got.Total(), err, e)
	}
}

// TestUsual: a step asks as often as its yield makes it, and everything that is asked is counted.
func TestUsual(t *testing.T) {
	c := Default()
	s, err := c.usual(c.MaxPrompt, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rounds != 1 || s.Asked != 480 || s.Good != 128 || s.Questions != 256 || s.VerifierGroup != 16 {
		t.Errorf("the paper's step is %+v", s)
	}
	if s.Respond > c.MaxPrompt || s.Respond < c.MaxPrompt/2 || s.Ask >= s.Respond || s.Ground >= s.Ask {
		t.Errorf("prompts of %+v", s)
	}
	tokens, outputs := s.sampled()
	if outputs != 480*(1+1+8+64) || tokens != 480*(s.Question+s.Answer+8*(s.Answer+8*s.Vote)) {
		t.Errorf("%d tokens in %d outputs", tokens, outputs)
	}
	few, err := c.usual(c.MaxPrompt, &Texts{Bytes: 1 << 20, Documents: 4, Cluster: 4000, PerToken: 4})
	if err != nil || few.Respond >= s.Respond || few.Respond < 1000 {
		t.Errorf("a cluster of 1,000 tokens makes a prompt of %d: %v", few.Respond, err)
	}
	c = Small()
	if s, err = c.usual(c.MaxPrompt, nil); err != nil || s.Rounds != 2 || s.Asked != 96 {
		t.Errorf("the embedded base's step is %+v: %v", s, err)
	}
	c.Votes = 0
	if s, err = c.usual(c.MaxPrompt, nil); err != nil || s.VerifierGroup != 0 {
		t.Errorf("without votes %+v: %v", s, err)
	}
}

// TestLogs: a run writes what its plan says of as many questions into the transcript, and not much less.
func TestLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a step of the embedded base")
	}
	c := Small()
	c.Steps, c.HeldOut = 1, 0
	m := Method{Config: c}
	if err := m.read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	b := opentest.CPU(t, 2)
	w, text, err := runner.Learner(t.Context(), b, "", model.F32)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	r, err := begin(t.Context(), c, runner.Model{Backend: b, Weights: w, Text: text}, m.docs, m.judge)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	s, err := c.usual(c.MaxPrompt, m.texts)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Step(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := journal.New(dir).Append(runner.TranscriptFile, rep.Transcript...); err != nil {
		t.Fatal(err)
	}
	s.Asked = rep.Metrics.(*Report).Counts.Drawn // which depends on how many are good
	s.Written, c.DrawByRate = s.Asked, false
	written, planned := len(readFile(t, dir, runner.TranscriptFile)), int(c.logs(&s, m.texts))
	if planned < written || planned > written*3/2 {
		t.Errorf("%d bytes are written, the plan says %d", written, planned)
	}
}

// TestUsualShown: questioners' prompts are as long as the documents that they see, those of sources with a number of
// their own too.
func TestUsualShown(t *testing.T) {
	ask := func(docs int, among []int, sources ...Source) int {
		t.Helper()
		c := small()
		c.Docs, c.DocsAmong, c.Sources, c.LeastDocs = docs, among, sources, 2
		s, err := c.usual(c.MaxPrompt, c.textsOf(documents(4, 12), false))
		if err != nil {
			t.Fatal(err)
		}
		return s.Ask
	}
	source := func(match string, m int) Source { return Source{Match: match, Docs: m} }
	two, four, eight := ask(2, nil), ask(4, nil), ask(8, nil)
	if two >= four || four >= eight || ask(12, nil) != ask(40, nil) {
		t.Fatalf("2 documents are %d tokens, 4 %d, 8 %d", two, four, eight)
	}
	for name, tt := range map[string]struct{ got, want int }{
		"a source of all":         {ask(2, nil, source("*", 8)), eight},
		"a source without its m":  {ask(4, nil, source("*", 0)), four},
		"one source of four":      {ask(4, nil, source("3", 8)), four + (eight-four)/4},
		"two sources":             {ask(2, nil, source("2", 6), source("3", 6)), four},
		"among several":           {ask(8, []int{2, 6}), four},
		"a source beside several": {ask(8, []int{2, 6}, source("*", 8)), eight},
	} {
		if math.Abs(float64(tt.got-tt.want)) > 1 {
			t.Errorf("%s: prompts have %d tokens, want %d", name, tt.got, tt.want)
		}
	}
}

// TestPlanLeavesOut: a plan is made for the clusters that a run asks about, and says how many it leaves out.
func TestPlanLeavesOut(t *testing.T) {
	docs := documents(6, 3)
	docs.Clusters = append(docs.Clusters, documents(4, 10).Clusters...)
	for least, want := range map[int]Texts{
		2: {Documents: 5}, 4: {Small: 6, Least: 4, Documents: 10}, 11: {Small: 10, Least: 11, Documents: 5},
	} {
		c := small()
		c.LeastDocs = least
		got, note := c.textsOf(docs, false), c.textsOf(docs, false).note(len(docs.Clusters))
		if got.Small != want.Small || got.Documents != want.Documents || got.Bytes == 0 {
			t.Errorf("least_docs %d: %+v, want %+v", least, got, want)
		}
		if says := fmt.Sprintf("%d of 10 clusters have fewer than %d documents", want.Small, least); note != "" &&
			!strings.Contains(note, says) || (note == "") != (want.Small == 0) {
			t.Errorf("least_docs %d: the note is %q", least, note)
		}
	}
	c := small()
	c.LeastDocs = 11
	m := Method{Config: c}
	if err := m.read(t.Context(), nil); err != nil || m.texts.Small != 0 {
		t.Errorf("of the world %+v is left out, %v", m.texts, err)
	}
}

// TestPlanHolds: after some steps a process holds what its plan says, and not much less.
func TestPlanHolds(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("measures memory, on Linux")
	}
	resident := func() int {
		debug.FreeOSMemory()
		raw, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		kib := 0
		_, rest, _ := strings.Cut(string(raw), "RssAnon:")
		if fmt.Sscan(rest, &kib); kib == 0 {
			t.Skip("the system does not tell")
		}
		return kib << 10
	}
	for _, p := range []model.Precision{model.F32, model.BF16} {
		before := resident()
		b := opentest.CPU(t, 2)
		m := model.Config{Family: "llama", Vocab: 4096, Hidden: 384, FF: 1152, Layers: 4, Heads: 6, KVHeads: 3,
			HeadDim: 64, Tied: true,
			NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
		c := small()
		c.Int8 = p == model.F32
		c.PassTokens, c.BatchTokens, c.CacheTokens = 512, 128, 2048
		plan, err := NewPlan(t.Context(), b, m, p, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		w, err := model.NewWeights(b, m, p, model.Training)
		if err != nil {
			t.Fatal(err)
		}
		w.Initialize(b, 1, model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.1})
		r, err := rl.NewMachine(&c.Config, c.sampled(), b, w)
		if err != nil {
			t.Fatal(err)
		}
		f := forest.Forest{{Parent: -1, Tokens: make([]int32, 512)}}
		for range 4 {
			f.Add(0, make([]int32, 64), true)
		}
		for range 2 {
			if _, err := r.Engine.Generate(context.Background(),
				[]rollout.Request{requests(1, 512, 4, 4)[0]}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Trainer.Accumulate(context.Background(), f,
				func(_ []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
					for i := range dl {
						dl[i] = 0.01
					}
				}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Trainer.Update(1); err != nil {
				t.Fatal(err)
			}
		}
		held, planned := resident()-before, plan.Total()
		for _, it := range plan.Items {
			if it.Estimated() {
				planned -= it.Bytes
			}
		}
		t.Logf("%s: %s held, %s planned", p.Name, budget.Bytes(int64(held)), budget.Bytes(int64(planned)))
		if float64(held) > 1.05*float64(planned)+200e6 || held < planned/2 {
			t.Errorf("%s: %s held, %s planned", p.Name, budget.Bytes(int64(held)), budget.Bytes(int64(planned)))
		}
		r.Free()
		w.Free()
		b.Close()
	}
}
