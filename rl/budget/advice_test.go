package budget_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/rl/budget"
	"spell/rl/settings"
	"spell/rl/spell"
)

var shape = model.Config{Family: "llama", Vocab: 4000, Hidden: 64, FF: 192, Layers: 2, Heads: 2, KVHeads: 1,
	HeadDim: 32, Tied: true, NormEps: 1e-6, Context: 1 << 16, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1}

func backend(t testing.TB) *cpu.Backend {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// waysOf returns the ways that an error proposes, each as assignments for settings.Set.
func waysOf(t *testing.T, err error) (ways [][]string) {
	t.Helper()
	_, list, ok := strings.Cut(err.Error(), "; it would fit with ")
	if !ok {
		return nil
	}
	for _, w := range strings.Split(list, ", or with ") {
		var way []string
		for _, part := range regexp.MustCompile(`, | and `).Split(w, -1) {
			name, value, ok := strings.Cut(part, " ")
			if !ok {
				t.Fatalf("%q in %q is no setting and value", part, err)
			}
			way = append(way, name+"="+value)
		}
		ways = append(ways, way)
	}
	return ways
}

// TestAdviceCanBeFollowed: whatever the limit, a run that does what it is told fits; one that goes on is
// told settings that may change; and no way is another one with more changes.
func TestAdviceCanBeFollowed(t *testing.T) {
	b := backend(t)
	random := rand.New(rand.NewPCG(1, 2))
	presets := map[string]spell.Config{"embedded": spell.Small(), "paper": spell.Default()}
	laptop, err := spell.PresetNamed("laptop", spell.OwnModel, 0)
	if err != nil {
		t.Fatal(err)
	}
	presets["laptop"] = laptop.Config
	for name, c := range presets {
		p, err := spell.NewPlan(t.Context(), b, shape, model.F32, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		advised, hopeless := 0, 0
		for i := range 9 {
			resuming := i%3 == 0
			limit := int64(float64(p.Total()) * (0.05 + 0.94*random.Float64()))
			err := p.Fit(t.Context(), b, nil, limit, resuming)
			if err == nil {
				t.Fatalf("%s: %d of %d bytes are enough", name, limit, p.Total())
			}
			ways := waysOf(t, err)
			if len(ways) == 0 {
				hopeless++
				if !strings.Contains(err.Error(), "with the smallest settings") {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			advised++
			for _, way := range ways {
				d := c
				for _, s := range way {
					if err := settings.Set(&d, s); err != nil {
						t.Fatalf("%s: %v in %v", name, err, way)
					}
				}
				if err := d.Validate(); err != nil {
					t.Errorf("%s: %v is refused: %v", name, way, err)
					continue
				}
				q, err := spell.NewPlan(t.Context(), b, shape, model.F32, d, nil)
				if err != nil {
					t.Fatal(err)
				}
				if int64(q.Total()) > limit {
					t.Errorf("%s: %v takes %d of %d bytes", name, way, q.Total(), limit)
				}
				if err := settings.Same(&c, &d); resuming && err != nil {
					t.Errorf("%s: a run that goes on is told %v: %v", name, way, err)
				}
			}
			minimal(t, ways)
			if resuming && len(ways) > 1 {
				t.Errorf("%s: a run that goes on has the choice of %v", name, ways)
			}
		}
		if advised < 4 || hopeless == 9 {
			t.Errorf("%s: %d limits had advice and %d had none", name, advised, hopeless)
		}
	}
}

// minimal checks that no way changes all that another changes.
func minimal(t *testing.T, ways [][]string) {
	t.Helper()
	names := func(way []string) (all []string) {
		for _, s := range way {
			name, _, _ := strings.Cut(s, "=")
			all = append(all, name)
		}
		return all
	}
	for i, v := range ways {
		for _, w := range ways[i+1:] {
			more := names(w)
			if !slices.ContainsFunc(names(v), func(n string) bool { return !slices.Contains(more, n) }) {
				t.Errorf("%v has all changes of %v", w, v)
			}
		}
	}
}

// A toy needs memory by a formula.
type toy struct {
	A     int  `json:"a" resume:"free"`
	B     int  `json:"b"`
	Small bool `json:"small" resume:"free"`
	Other bool `json:"other"`
}

// TestFit: which ways are proposed, and with which numbers.
func TestFit(t *testing.T) {
	need := func(c toy) (budget.Memory, error) {
		n := int64(64*c.A + 64*c.B)
		if c.Small {
			n /= 2
		}
		if c.Other {
			n /= 8
		}
		return budget.Memory{Host: n}, nil
	}
	knobs := budget.Knobs[toy]{
		Room:     []budget.Size[toy]{{Least: 1, Most: 9, Set: func(c *toy, n int) { c.A = n }}},
		Sizes:    []budget.Size[toy]{{Least: 1, Most: 9, Set: func(c *toy, n int) { c.B = n }}},
		Switches: [][]func(*toy){{func(c *toy) { c.Small = true }}},
	}
	c := toy{A: 10, B: 10} // 1,280 bytes
	for _, x := range []struct {
		name      string
		available int64
		resuming  bool
		want      string // behind "; "; empty: it fits
	}{
		{"unknown", 0, false, ""},
		{"just enough", 1280, false, ""},
		{"one number, the largest, or a switch", 1279, false, "it would fit with a 9, or with small true, or with b 9"},
		{"a number no more", 650, false, "it would fit with small true"},
		{"both", 600, false, "it would fit with a 8 and small true, or with b 8 and small true"},
		{"nothing to spare", 352, false, "it would fit with a 1 and small true, or with b 1 and small true"},
		{"one way for a run that goes on", 1279, true, "it would fit with a 9"},
		{"and only what is free", 360, true, "it would fit with a 1 and small true"},
		{"nothing", 100, false, "use a smaller model"},
		{"nothing on resume", 300, true, "go on where more is free"},
	} {
		err := budget.Fit(c, budget.Memory{Host: x.available}, need, knobs, x.resuming)
		switch {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.want != "" && (err == nil || !strings.HasSuffix(err.Error(), x.want)):
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
	// What is proposed otherwise is if nothing else would do, and not to a run that goes on.
	knobs.Otherwise = []func(*toy){func(c *toy) {}, func(c *toy) { c.Other = true }}
	for available, want := range map[int64]string{
		650: "it would fit with small true",
		100: "it would fit with a 2 and other true, or with small true and other true, or with b 2 and other true",
	} {
		err := budget.Fit(c, budget.Memory{Host: available}, need, knobs, false)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", available, err, want)
		}
	}
	const none = "where more is free"
	err := budget.Fit(c, budget.Memory{Host: 300}, need, knobs, true)
	if err == nil || !strings.HasSuffix(err.Error(), none) {
		t.Errorf("on resume: %v", err)
	}
}

// TestText: sizes and times as they are read.
func TestText(t *testing.T) {
	for n, want := range map[int64]string{0: "0.0 MiB", 3 << 19: "1.5 MiB", 5 << 29: "2.5 GiB", 3 << 39: "1.5 TiB"} {
		if got := budget.Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	for s, want := range map[float64]string{0.0021: "3 ms", 1.9: "1900 ms", 2: "2.0 s", 119: "119 s", 150: "2.5 min",
		3600 * 30: "30 h", 3600 * 24 * 3: "3.0 days", 2.9e8: "9.2 years"} {
		if got := budget.Duration(s); got != want {
			t.Errorf("%g seconds are %q, want %q", s, got, want)
		}
	}
}
