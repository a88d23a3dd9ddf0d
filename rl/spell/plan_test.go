package spell

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/fit"
	"spell/rl/settings"
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
			b := &counting{Backend: backend(t, 2)}
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
			plan, err := NewPlan(b.Backend, w.Config, v.p, c)
			if err != nil {
				t.Fatal(err)
			}
			mapped := 0
			for _, it := range plan.Items {
				if it.Mapped {
					mapped += it.Bytes
				}
				if it.Bytes <= 0 || it.Name == "" || it.Owner == "" || it.GrowsWith == "" {
					t.Errorf("%+v", it)
				}
			}
			if mapped != d.b.Bytes() {
				t.Errorf("the table adds up to %d bytes, the arenas to %d", mapped, d.b.Bytes())
			}
			if plan.Bytes(Updating) != plan.Total || !(plan.Bytes(Loading) < plan.Bytes(Generating) &&
				plan.Bytes(Generating) < plan.Total) {
				t.Errorf("%d, %d, %d of %d bytes", plan.Bytes(Loading), plan.Bytes(Generating), plan.Bytes(Updating),
					plan.Total)
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
			machine, err := rl.NewMachine(&c.Config, b, w) // and a group of answers, by one's own engine
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

// TestPlanFit: what does not fit is refused with sizes that do, and with none larger.
func TestPlanFit(t *testing.T) {
	b := backend(t, 1)
	m := model.Config{Family: "llama", Vocab: 32000, Hidden: 512, FF: 1536, Layers: 8, Heads: 8, KVHeads: 4,
		HeadDim: 64, Tied: true,
		NormEps: 1e-6, Context: 1 << 16, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	c := Default()
	c.HeldOut = 0
	plan := func(c Config) *Plan {
		t.Helper()
		p, err := NewPlan(b, m, model.F32, c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := plan(c)
	for _, enough := range []int64{0, int64(p.Total)} { // 0 is unknown
		if err := p.Fit(b, enough, false); err != nil {
			t.Errorf("%d bytes: %v", enough, err)
		}
	}
	// advised is the configuration with the settings that a sentence names, and nothing else.
	setting := regexp.MustCompile(`([a-z_]+) (\d+|bf16|int8)`)
	advised := func(way string) Config {
		t.Helper()
		c := c
		for _, m := range setting.FindAllStringSubmatch(way, -1) {
			if err := settings.Set(&c, m[1]+"="+m[2]); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%q is advice that is refused: %v", way, err)
		}
		return c
	}
	refusal := func(available int, want string) string {
		t.Helper()
		err := p.Fit(b, int64(available), false)
		if err == nil {
			t.Fatalf("%d of %d bytes are enough", available, p.Total)
		}
		if text := err.Error(); !strings.Contains(text, fit.Size(p.Total)) ||
			!strings.Contains(text, fit.Size(available)) || !strings.Contains(text, want) ||
			strings.Contains(text, "\n") {
			t.Errorf("%q lacks %q", text, want)
		}
		_, ways, _ := strings.Cut(err.Error(), "; it would fit with ")
		for _, way := range strings.Split(ways, " or ") {
			if c := advised(way); ways != "" && plan(c).Total > available {
				t.Errorf("with %s it takes %d of %d bytes", way, plan(c).Total, available)
			}
		}
		return err.Error()[strings.Index(err.Error(), want)+len(want):]
	}
	// sharp checks that sizes fit and the next ones do not.
	sharp := func(n, available int, with func(n int) Config) {
		t.Helper()
		if a, b := plan(with(n)).Total, plan(with(n+1)).Total; a > available || b <= available {
			t.Errorf("%d takes %d bytes and %d takes %d, of %d", n, a, n+1, b, available)
		}
	}
	var n int
	available := p.Total - 64<<20
	fmt.Sscan(refusal(available, "it would fit with pass_tokens "), &n)
	sharp(n, available, func(n int) Config { c := c; c.PassTokens = n; return c })

	tight := plan(c.Tight(0, 0, 0)).Total
	refusal(tight, fmt.Sprintf("it would fit with pass_tokens %d, batch_tokens 4096 and cache_tokens %d", c.MaxPrompt,
		16384+64+8*4096))

	resumes := func(available int, want string) {
		t.Helper()
		if err := p.Fit(b, int64(available), true); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "moments") || strings.Contains(err.Error(), "max_prompt") ||
			strings.Contains(err.Error(), "answers") {
			t.Errorf("a run that goes on is told %v, want %q", err, want)
		}
	}
	resumes(available, fmt.Sprintf("; it would fit with pass_tokens %d", n))
	resumes(tight, fmt.Sprintf("it would fit with pass_tokens %d, batch_tokens 4096 and cache_tokens ", c.MaxPrompt))
	resumes(tight-1, "where there is more memory")
	if err := p.Fit(b, int64(p.Total), true); err != nil {
		t.Error(err)
	}

	available = tight - 32<<20
	refusal(available, fmt.Sprintf("it would fit with moments bf16 (pass_tokens %d, ", c.MaxPrompt))
	rest := refusal(available, " or max_prompt ")
	fmt.Sscan(rest, &n)
	sharp(n, available, func(n int) Config { return c.Tight(n, 0, 0) })
	_, rest, _ = strings.Cut(rest, " or answers ")
	fmt.Sscan(rest, &n)
	sharp(n, available, func(n int) Config { return c.Tight(0, n, 0) })
	small := c
	small.Moments = model.Int8Moments
	refusal(plan(small).Total, " or moments int8")

	refusal(256<<20, "no prompt is short enough")

	m.Context = c.MaxAnswer
	if _, err := NewPlan(b, m, model.F32, c); err == nil || !strings.Contains(err.Error(), "context of 4096") ||
		!strings.Contains(err.Error(), "max_question 4096, max_answer 4096") {
		t.Errorf("outputs as long as the context: %v", err)
	}
}

// TestPlanWork: the work of a step against sums by hand, and the same however many groups go
// together.
func TestPlanWork(t *testing.T) {
	m := model.Config{Family: "llama", Vocab: 100, Hidden: 16, FF: 24, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 8,
		NormEps: 1e-6, Context: 1024, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
	b := backend(t, 1)
	c := small()
	c.Questions = 5
	c = c.Tight(64, 4, 16)
	p, err := NewPlan(b, m, model.F32, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Time(tally.Rates{}); err != nil {
		t.Fatal(err)
	}
	const q, kv, mlp, head, layers = 16 * 16, 2 * 16 * 8, 3 * 16 * 24, 16 * 100, 2
	// The last block of a prompt computes keys and values, and all else for the row that the
	// answers follow.
	read := 5 * 2 * (64*(2*q+kv+mlp) + 64*kv + 2*q + mlp)
	// All 4 answers draw their first token from that row: the head's input is gathered once an
	// answer.
	read += 5 * 2 * 4 * head
	if f := p.Steps[0].Work.Flops[tally.Product]; f != float64(read) {
		t.Errorf("reading takes %g operations, want %d", f, read)
	}
	answer := 5 * 4 * 15 * 2 * (layers*(2*q+kv+mlp) + head)
	if f := p.Steps[1].Work.Flops[tally.Product]; f != float64(answer) {
		t.Errorf("answering takes %g operations, want %d", f, answer)
	}
	pairs := 0 // of a token of an answer and what it sees
	for i := range 15 {
		pairs += 64 + i + 1
	}
	if f := p.Steps[1].Work.Flops[tally.Attend]; f != float64(5*4*layers*4*16*pairs) {
		t.Errorf("attention takes %g operations for %d pairs", f, pairs)
	}
	if f := &p.Steps[2].Work.Flops; f[tally.ProductGradX] != f[tally.ProductGradW] ||
		!(f[tally.ProductGradX] > p.Steps[0].Work.Flops[tally.Product]) {
		t.Errorf("gradients take %v operations", f)
	}
	before := p.Steps[2].Work.Total()
	p.Config.PassTokens, p.Config.BatchTokens, p.Config.CacheTokens = 3*64, 3*64, 4096
	if err := p.Time(tally.Rates{Read: 1, Update: 1}); err != nil {
		t.Fatal(err)
	}
	if n := p.Steps[2].Work.Total(); n != before || !(p.Steps[2].Work.Seconds > 0) {
		t.Errorf("gradients take %g operations together and %g apart, %g seconds", n, before, p.Steps[2].Work.Seconds)
	}
	if f := p.Steps[0].Work.Flops[tally.Product]; f != float64(read) {
		t.Errorf("reading together takes %g operations, want %d", f, read)
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
		b := backend(t, 2)
		m := model.Config{Family: "llama", Vocab: 4096, Hidden: 384, FF: 1152, Layers: 4, Heads: 6, KVHeads: 3,
			HeadDim: 64, Tied: true,
			NormEps: 1e-6, Context: 4096, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}
		c := small()
		c.Int8 = p == model.F32
		c.PassTokens, c.BatchTokens, c.CacheTokens = 512, 128, 2048
		plan, err := NewPlan(b, m, p, c)
		if err != nil {
			t.Fatal(err)
		}
		w, err := model.NewWeights(b, m, p, model.Training)
		if err != nil {
			t.Fatal(err)
		}
		w.Initialize(b, 1, model.Init{Embedding: 0.1, Matrix: 1, Residual: 0.1})
		r, err := rl.NewMachine(&c.Config, b, w)
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
		held, planned := resident()-before, plan.Total-200<<20
		t.Logf("%s: %s held, %s planned", p.Name, fit.Size(held), fit.Size(planned))
		if float64(held) > 1.05*float64(planned)+200e6 || held < planned/2 {
			t.Errorf("%s: %s held, %s planned", p.Name, fit.Size(held), fit.Size(planned))
		}
		r.Free()
		w.Free()
		b.Close()
	}
}
