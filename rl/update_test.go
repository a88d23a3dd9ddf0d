package rl_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
)

// TestOnPolicy: tokens are trained at the log-probabilities that they were sampled with, bit for
// bit, and with int8 weights at others.
func TestOnPolicy(t *testing.T) {
	for _, p := range []model.Precision{model.F32, model.BF16} {
		for _, int8 := range []bool{false, true} {
			c := relayConfig()
			c.Int8, c.Entropy = int8, 0.01
			l, _ := newLoop(t, c, opentest.CPU(t, 1), p)
			for range 3 {
				rep := step(t, l)
				u := rep.Metrics.(*report).Update
				if (u.MaxLogpDiff != 0) != int8 || (u.MeanLogpDiff != 0) != int8 || !(u.GradNorm > 0) ||
					!(u.Entropy > 0) {
					t.Errorf("%s, int8 %v: %+v", p.Name, int8, u)
				}
			}
		}
	}
}

// TestOnPolicyOfMixture: a mixture of experts is trained at the log-probabilities that it sampled
// with, bit for bit, and says how even its routers are.
func TestOnPolicyOfMixture(t *testing.T) {
	b, text := opentest.CPU(t, 2), dialog(t)
	c := shape(text.Tok.VocabSize())
	c.Family, c.QKNorm, c.Layers = "qwen3_moe", true, 2
	c.Mixture = model.Mixture{Experts: 6, TopK: 2, ExpertFF: 16, NormTopK: true, SparseStep: 1}
	for _, p := range []model.Precision{model.F32, model.BF16} {
		w, err := runnertest.Random(b, c, p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Free)
		l, _ := on(t, relayConfig(), runner.Model{Backend: b, Weights: w, Text: text})
		for range 3 {
			rep := step(t, l)
			u := rep.Metrics.(*report).Update
			if u.MaxLogpDiff != 0 || !(u.GradNorm > 0) {
				t.Errorf("%s: %+v", p.Name, u)
			}
			if e := u.Experts; e == nil || e.Of != 12 || !(e.Busiest >= 1.0/6 && e.Busiest <= 0.5) || e.Unused > 8 {
				t.Errorf("%s: experts %+v", p.Name, e)
			}
		}
	}
}

// isCut reports whether an output met its limit.
func isCut(s *rl.Sample) bool { return s.Finish == rollout.Length }

// without returns groups that never had the samples that met their limit.
func without(groups []rl.Group) (out []rl.Group) {
	for _, g := range groups {
		left := rl.Group{Part: g.Part, Weight: g.Weight, Most: g.Most}
		moved := map[int]int{}
		of := map[int]*rl.Sample{}
		for _, s := range g.Samples {
			of[s.Segment] = s
		}
		for i, seg := range g.Forest {
			if s := of[i]; s != nil && isCut(s) {
				continue
			}
			if seg.Parent >= 0 {
				seg.Parent = int32(moved[int(seg.Parent)])
			}
			moved[i] = len(left.Forest)
			left.Forest = append(left.Forest, seg)
		}
		for _, s := range g.Samples {
			if !isCut(s) {
				kept := *s
				kept.Segment = moved[s.Segment]
				left.Samples = append(left.Samples, &kept)
			}
		}
		if len(left.Samples) > 0 {
			out = append(out, left)
		}
	}
	return out
}

// TestSkipCut: outputs that were cut off at their limit are left out of the loss and of what is
// said about it, as if they had never been there; without the setting they train.
func TestSkipCut(t *testing.T) {
	for _, mean := range []string{"tokens", "groups", "roles", "samples", "constant"} {
		c := relayConfig()
		c.LossMean, c.Entropy = mean, 0.01
		all, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		var cut, rest int
		g.chosen = func(groups []rl.Group) []rl.Group {
			for _, g := range groups {
				for _, s := range g.Samples {
					if isCut(s) {
						cut++
					} else {
						rest++
					}
				}
			}
			return groups
		}
		rep := step(t, all)
		everything := rep.Metrics.(*report).Update
		if cut == 0 || rest == 0 {
			t.Fatalf("%d outputs are cut and %d are not", cut, rest)
		}
		removed, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		g.chosen = without
		rep = step(t, removed)
		want := rep.Metrics.(*report).Update
		c.SkipCut = true
		skipped, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		g.chosen = func(groups []rl.Group) []rl.Group {
			for _, g := range groups {
				for _, s := range g.Samples {
					if isCut(s) {
						s.Advantage = 1e6 // would be seen
					}
				}
			}
			return groups
		}
		rep = step(t, skipped)
		got := rep.Metrics.(*report).Update
		if got.Parts[0].Sequences+got.Parts[1].Sequences != rest || !reflect.DeepEqual(got.Parts, want.Parts) {
			t.Errorf("%s: trained %+v, want %+v, %d samples", mean, got.Parts, want.Parts, rest)
		}
		if n := everything.Parts[0].Sequences + everything.Parts[1].Sequences; n != cut+rest {
			t.Errorf("%s: without the setting %d of %d samples train", mean, n, cut+rest)
		}
		near := func(what string, a, b float64) {
			t.Helper()
			if !(math.Abs(a-b) <= 1e-5*math.Abs(b)) {
				t.Errorf("%s: %s is %g, want %g", mean, what, a, b)
			}
		}
		near("gradient norm", got.GradNorm, want.GradNorm)
		near("entropy", got.Entropy, want.Entropy)
		if math.Abs(everything.GradNorm-want.GradNorm) < 1e-3*want.GradNorm ||
			math.Abs(everything.Entropy-want.Entropy) < 1e-6 {
			t.Errorf("%s: the outputs that are cut make no difference", mean)
		}
		for _, it := range g.items {
			for _, group := range it.groups {
				for _, s := range group.Samples {
					if s.Trained == isCut(s) {
						t.Errorf("an output that ended by %q is said to have trained: %v", s.Finish, s.Trained)
					}
				}
			}
		}
	}
}

// TestNothingToTrainOn: a step of groups that have nothing to tell leaves the weights, the moments
// and the count of updates alone, and a run of such steps has failed.
func TestNothingToTrainOn(t *testing.T) {
	for name, chosen := range map[string]func([]rl.Group) []rl.Group{
		"no groups": func([]rl.Group) []rl.Group { return nil },
		"no differences": func(groups []rl.Group) []rl.Group {
			for _, g := range groups {
				for _, s := range g.Samples {
					s.Advantage = 0
				}
			}
			return groups
		},
		"all cut": func(groups []rl.Group) []rl.Group {
			for _, g := range groups {
				for _, s := range g.Samples {
					s.Finish = rollout.Length
				}
			}
			return groups
		},
	} {
		c := relayConfig()
		c.SkipCut = name == "all cut"
		l, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		before := numbers(l)
		if _, failed := l.Verdict(); failed {
			t.Errorf("%s: a run without steps has failed", name)
		}
		g.chosen = chosen
		rep := step(t, l)
		u := rep.Metrics.(*report).Update
		if u.Trained() || u.GradNorm != 0 || len(u.Parts) != 2 || l.Trainer().Steps != 0 ||
			!reflect.DeepEqual(numbers(l), before) {
			t.Errorf("%s: %+v after %d updates", name, u, l.Trainer().Steps)
		}
		for _, it := range g.items {
			for _, group := range it.groups {
				for _, s := range group.Samples {
					if s.Trained {
						t.Errorf("%s: a sample is said to have trained", name)
					}
				}
			}
		}
		if done, _ := l.Steps(); done != 1 {
			t.Errorf("%s: %d steps are done", name, done)
		}
		lines, failed := l.Verdict()
		if !failed || !strings.Contains(lines[len(lines)-1], "nothing was trained in 1 step:") {
			t.Errorf("%s: the verdict is %q, %v", name, lines, failed)
		}
		g.chosen = nil
		take(t, l)
		if _, failed := l.Verdict(); failed || l.Trainer().Steps != 1 {
			t.Errorf("%s: after a step that trains the run has failed", name)
		}
	}
}

// TestPartNorms: the norm of each part's gradient is measured if it is asked for, alone it is the whole one, and
// it changes neither weights nor anything else that is told.
func TestPartNorms(t *testing.T) {
	for _, updates := range []int{1, 2} {
		var weights [2][][]float32
		var told [2]rl.Update
		for i, norms := range []bool{false, true} {
			c := relayConfig()
			c.Updates, c.PartNorms = updates, norms
			l, _ := newLoop(t, c, opentest.CPU(t, 1), model.F32)
			for range 2 {
				told[i] = step(t, l).Metrics.(*report).Update
			}
			weights[i] = numbers(l)
		}
		a, b := told[1].Parts[0].GradNorm, told[1].Parts[1].GradNorm
		if whole := told[1].GradNorm; !(a > 0 && b > 0) || updates == 1 && (whole > a+b || whole < math.Abs(a-b)) {
			t.Errorf("norms %g and %g, of both %g", a, b, whole)
		}
		for i := range told[1].Parts {
			told[1].Parts[i].GradNorm = 0
		}
		if !reflect.DeepEqual(weights[0], weights[1]) || !reflect.DeepEqual(told[0], told[1]) {
			t.Errorf("with %d updates the run is another: %+v, %+v", updates, told[0], told[1])
		}
	}
	c := relayConfig()
	c.PartNorms = true
	l, g := newLoop(t, c, opentest.CPU(t, 1), model.F32)
	g.chosen = func(groups []rl.Group) []rl.Group {
		return slices.DeleteFunc(groups, func(g rl.Group) bool { return g.Part != 1 })
	}
	u := step(t, l).Metrics.(*report).Update
	if u.Parts[0].GradNorm != 0 || u.Parts[1].GradNorm != u.GradNorm || !(u.GradNorm > 0) {
		t.Errorf("of one part: %+v", u)
	}
}

// TestFloor: the learning rate of the first step is the one that is set, that of the last one floor of it.
func TestFloor(t *testing.T) {
	var after [2][2][][]float32 // by floor and step
	for i, floor := range []float64{0, 1} {
		c := relayConfig()
		c.Steps, c.Floor = 2, floor
		l, _ := newLoop(t, c, opentest.CPU(t, 1), model.F32)
		for n := range c.Steps {
			take(t, l)
			after[i][n] = numbers(l)
		}
	}
	same := func(a, b [][]float32) bool { // in weights; moments go on
		return slices.EqualFunc(a, b, func(a, b []float32) bool { return slices.Equal(a[:len(a)/4], b[:len(b)/4]) })
	}
	if !same(after[0][0], after[1][0]) || !same(after[0][0], after[0][1]) || same(after[1][0], after[1][1]) {
		t.Error("the rate does not go from the whole to the floor")
	}
}

// TestVerdict: a run fails if its game says so or if nothing was trained, and the last sentence
// says why.
func TestVerdict(t *testing.T) {
	const score, nothing = "outputs score", "nothing was trained in 1 step:"
	for _, c := range []struct {
		lost, trained bool
		failed        bool
		last          string
	}{
		{false, true, false, score}, {true, true, true, score}, {false, false, true, nothing}, {true, false, true, nothing},
	} {
		l, g := newLoop(t, relayConfig(), opentest.CPU(t, 1), model.F32)
		g.lost = c.lost
		if !c.trained {
			g.chosen = func([]rl.Group) []rl.Group { return nil }
		}
		step(t, l)
		lines, failed := l.Verdict()
		if failed != c.failed || len(lines) == 0 || !strings.Contains(lines[len(lines)-1], c.last) {
			t.Errorf("lost %v, trained %v: the verdict is %q, %v", c.lost, c.trained, lines, failed)
		}
	}
}
