package main

import (
	"regexp"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/budget"
	"spell/tensor"
)

// pretend makes the machine have so many bytes free, until the test ends.
func pretend(t *testing.T, bytes int64) {
	t.Helper()
	machine = func() (int64, int64) { return bytes, bytes }
	t.Cleanup(func() { machine = memory })
}

// mapped is a backend that sums up the arenas asked of it.
type mapped struct {
	kernels.Backend
	bytes int
}

func (m *mapped) Alloc(name string, bytes int) (*tensor.Arena, error) {
	m.bytes += bytes
	return m.Backend.Alloc(name, bytes)
}

// midsize is a model whose weights are more than a rounding error beside the program.
var midsize = model.Config{Family: "llama", Vocab: 32000, Hidden: 512, FF: 1536, Layers: 8,
	Heads: 8, KVHeads: 4, HeadDim: 64, Tied: true, NormEps: 1e-6, Context: 1 << 16,
	Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}

// asking is a request for n answers of so many tokens to a prompt of 100.
func asking(n, tokens int) rollout.Request {
	var f forest.Forest
	f.Add(-1, make([]int32, 100), false)
	answers := rollout.Branch{N: n, MaxTokens: tokens, Sampling: rollout.Sampling{Temperature: 1, TopP: 1}}
	return rollout.Request{Prompt: f, Branches: []rollout.Branch{answers}}
}

// TestNeedsAreTheRun: what is said to be needed has the arenas of the real thing, to the byte.
func TestNeedsAreTheRun(t *testing.T) {
	host, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	bare := struct{ kernels.Backend }{host} // takes nothing beside its arenas
	if _, ok := kernels.Backend(bare).(kernels.HostMemory); ok {
		t.Fatal("the backend takes more than arenas")
	}
	for _, p := range []model.Precision{model.F32, model.BF16, model.Int8} {
		real := &mapped{Backend: host}
		w, err := model.NewWeights(real, midsize, p, model.Inference)
		if err != nil {
			t.Fatal(err)
		}
		weights := real.bytes
		e, err := rollout.New(real, w, options(asking(3, 50)))
		if err != nil {
			t.Fatal(err)
		}
		e.Free()
		n, err := generatingNeeds(bare, &source{Config: midsize}, p, asking(3, 50))
		if err != nil || n.Host != int64(real.bytes+budget.Program(midsize.Vocab, 0).Bytes) {
			t.Errorf("%s: generating takes %d bytes, it is said to take %v, %v", p.Name, real.bytes, n, err)
		}
		real.bytes = weights
		d, err := model.NewScorer(real, w, forest.Limits{Batch: 300})
		if err != nil {
			t.Fatal(err)
		}
		d.Free()
		n, err = scoringNeeds(bare, &source{Config: midsize}, p, forest.Limits{Batch: 300})
		if err != nil || n.Host != int64(real.bytes+budget.Program(midsize.Vocab, 0).Bytes) {
			t.Errorf("%s: scoring takes %d bytes, it is said to take %v, %v", p.Name, real.bytes, n, err)
		}
		w.Free()
		with, err := generatingNeeds(host, &source{Config: midsize}, p, asking(3, 50))
		if err != nil || with.Host <= int64(weights+budget.Program(midsize.Vocab, 0).Bytes) {
			t.Errorf("%s: %v with what the kernels take, %v", p.Name, with, err)
		}
	}
}

// TestFitsGenerating: what does not fit is refused with flags that do, each of them.
func TestFitsGenerating(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	need := func(p model.Precision, n, tokens int) int64 {
		t.Helper()
		m, err := generatingNeeds(b, &source{Config: midsize}, p, asking(n, tokens))
		if err != nil {
			t.Fatal(err)
		}
		return m.Host
	}
	whole := need(model.F32, 8, 4096)
	for _, c := range []struct {
		name      string
		available int64
		want      []string
	}{
		{"unknown", 0, nil},
		{"enough", whole, nil},
		{"a little too much", whole - 1, []string{"--precision bf16", "--n 7", "--max-tokens"}},
		{"half the answers", need(model.F32, 4, 4096), []string{"--n 4", "--max-tokens"}},
		{"one in int8", need(model.Int8, 1, 100), []string{"--precision int8, --n 1 and --max-tokens"}},
		{"nothing", 1 << 20, []string{"a smaller model"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pretend(t, c.available)
			err := fitsGenerating(b, &source{Config: midsize}, model.F32, asking(8, 4096))
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is not refused")
			}
			for _, s := range append(c.want, budget.Bytes(whole), budget.Bytes(c.available)) {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q lacks %q", err, s)
				}
			}
		})
	}
}

// TestRefusedBeforeLoading: generate and score refuse before they load what does not fit, and leave
// out the comparison of int8 weights where only that does not.
func TestRefusedBeforeLoading(t *testing.T) {
	f := newFixture(t)
	pretend(t, 16<<20)
	spell(t, "", "generate", "--model", f.dir, "--ids", "1").fails(t, "the run needs", "16.0 MiB are available")
	spell(t, "", "score", "--model", f.dir, "--ids", f.ids).fails(t, "the run needs", "16.0 MiB are available")
	calls := 0
	machine = func() (int64, int64) { // enough at the start, and then no more
		if calls++; calls > 1 {
			return 1 << 20, 1 << 20
		}
		return 1 << 40, 1 << 40
	}
	note := regexp.MustCompile(`^int8 beside the weights as stored: not measured, ` +
		`the run needs .* and 1\.0 MiB are available\n$`)
	for _, args := range [][]string{{"generate", "--ids", "1", "--max-tokens", "3"}, {"score", "--ids", f.ids}} {
		calls = 0
		o := spell(t, "", append(args, "--model", f.dir, "--precision", "int8")...)
		if o.code != 0 || o.out == "" || !note.MatchString(o.stderr) {
			t.Errorf("%+v", o)
		}
	}
}
