package grpo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWeights(t *testing.T) {
	lengths := []int{2, 4, 0, 6}
	group := []int{0, 0, 1, 2}
	near(t, "global", GlobalTokenMean.Weights(lengths, group, nil), []float64{1. / 12, 1. / 12, 0, 1. / 12}, 1e-15)
	near(t, "global without groups", GlobalTokenMean.Weights(lengths, nil, nil),
		[]float64{1. / 12, 1. / 12, 0, 1. / 12}, 1e-15)
	near(t, "global by role", GlobalTokenMean.Weights(lengths, group, []float64{1, 2, 1, 0.5}),
		[]float64{1. / 12, 2. / 12, 0, 0.5 / 12}, 1e-15)
	// Group 0 has 6 tokens, group 1 none, group 2 has 6: the mean of two group means.
	near(t, "group", GroupTokenMean.Weights(lengths, group, nil), []float64{1. / 12, 1. / 12, 0, 1. / 12}, 1e-15)
	near(t, "unequal groups", GroupTokenMean.Weights([]int{1, 3, 16}, []int{0, 0, 1}, nil),
		[]float64{1. / 8, 1. / 8, 1. / 32}, 1e-15)
	near(t, "nothing", GroupTokenMean.Weights([]int{0}, []int{0}, nil), []float64{0}, 0)
}

func TestOnPolicyByHand(t *testing.T) {
	// 7 right, 1 wrong would be the paper's group; here 2 answers of 2
	// and 3 tokens with advantages ±0.7071.
	r := &Rows{
		Ends:      []int{2, 5},
		Advantage: []float64{0.7071, -0.7071},
		Weight:    GlobalTokenMean.Weights([]int{2, 3}, nil, nil),
		Logp:      []float32{-1, -2, -0.5, -1.5, -3},
	}
	coef, entropy := make([]float32, 5), []float32{9, 9, 9, 9, 9}
	s := DefaultPolicy().Coefficients(r, coef, entropy)
	for i, want := range []float64{-0.14142, -0.14142, 0.14142, 0.14142, 0.14142} {
		if math.Abs(float64(coef[i])-want) > 1e-6 || entropy[i] != 0 {
			t.Errorf("row %d: %g and %g, want %g and 0", i, coef[i], entropy[i], want)
		}
	}
	if math.Abs(s.Loss-0.14142) > 1e-6 || s.Tokens != 5 || s.Clipped != 0 || s.MaxLogRatio != 0 {
		t.Errorf("stats %+v", s)
	}
}

// With Old equal to Logp the clipped loss must be the on-policy loss, to the bit.
func TestRatioOneIsOnPolicy(t *testing.T) {
	r := randomRows(3)
	r.Old, r.Sampler, r.Ref = nil, nil, nil
	p := DefaultPolicy()
	a, b := make([]float32, len(r.Logp)), make([]float32, len(r.Logp))
	p.Coefficients(r, a, nil)
	r.Old, r.Sampler = r.Logp, r.Logp
	s := p.Coefficients(r, b, nil)
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("row %d: %g, on-policy %g", i, b[i], a[i])
		}
	}
	if s.MaxLogRatio != 0 || s.Clipped != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestClipByHand(t *testing.T) {
	tests := []struct {
		name              string
		advantage, ratio  float64
		wantLoss, wantLog float64 // loss and d loss/d logp of the one row
	}{
		{"inside, good", 2, 1.1, -2.2, -2.2}, {"inside, bad", -2, 0.9, 1.8, 1.8},
		{"high, good", 2, 1.5, -2.4, 0}, {"high, bad", -2, 1.5, 3, 3},
		{"low, good", 2, 0.5, -1, -1}, {"low, bad", -2, 0.5, 1.6, 0},
		{"beyond the dual clip", -2, 4, 6, 0}, {"no advantage", 0, 4, 0, 0},
		{"ratio off the scale", -2, math.Exp(25), 6, 0}, {"ratio off the scale below", 2, math.Exp(-25), -2 * math.Exp(-20), 0},
	}
	for _, tt := range tests {
		r := &Rows{Ends: []int{1}, Advantage: []float64{tt.advantage}, Weight: []float64{1},
			Logp: []float32{float32(math.Log(tt.ratio)) - 1}, Old: []float32{-1}}
		coef := make([]float32, 1)
		s := DefaultPolicy().Coefficients(r, coef, nil)
		if math.Abs(s.Loss-tt.wantLoss) > 1e-5 || math.Abs(float64(coef[0])-tt.wantLog) > 1e-5 {
			t.Errorf("%s: loss %g, coefficient %g; want %g, %g", tt.name, s.Loss, coef[0], tt.wantLoss, tt.wantLog)
		}
		if clipped := tt.wantLog == 0 && tt.advantage != 0; (s.Clipped == 1) != clipped {
			t.Errorf("%s: %d rows clipped", tt.name, s.Clipped)
		}
	}
}

func TestSamplerCorrection(t *testing.T) {
	for _, tt := range []struct{ sampler, want float64 }{
		{-1, -1}, {-1 - math.Log(1.5), -1.5}, {-5, -2}, {-1 + math.Log(4), -0.25},
	} {
		r := &Rows{Ends: []int{1}, Advantage: []float64{1}, Weight: []float64{1},
			Logp: []float32{-1}, Sampler: []float32{float32(tt.sampler)}}
		coef := make([]float32, 1)
		s := DefaultPolicy().Coefficients(r, coef, nil)
		if math.Abs(float64(coef[0])-tt.want) > 1e-6 || math.Abs(s.MaxLogRatio-math.Abs(-1-tt.sampler)) > 1e-6 {
			t.Errorf("sampler %g: coefficient %g, largest log-ratio %g; want %g",
				tt.sampler, coef[0], s.MaxLogRatio, tt.want)
		}
		if (Policy{}).Coefficients(r, coef, nil); coef[0] != -1 {
			t.Errorf("sampler %g without correction: coefficient %g", tt.sampler, coef[0])
		}
	}
}

func randomRows(seed uint64) *Rows {
	g := rand.New(rand.NewPCG(seed, 0))
	r := &Rows{}
	var lengths, group []int
	for i := range 12 {
		n := g.IntN(9)
		lengths, group = append(lengths, n), append(group, i/4)
		r.Advantage = append(r.Advantage, g.NormFloat64()*2)
		for range n {
			logp := -3 * g.Float64()
			r.Logp = append(r.Logp, float32(logp))
			r.Old = append(r.Old, float32(logp+g.NormFloat64()*0.6))
			r.Sampler = append(r.Sampler, float32(logp+g.NormFloat64()*0.6))
			r.Ref = append(r.Ref, float32(logp+g.NormFloat64()*0.6))
			r.Entropy = append(r.Entropy, float32(3*g.Float64()))
		}
		r.Ends = append(r.Ends, len(r.Logp))
	}
	r.Weight = GroupTokenMean.Weights(lengths, group, nil)
	return r
}

// The coefficients must be the derivatives of the scalar loss. The
// sampler's correction is a constant to the gradient, which it is
// here because Old, from which it is made, does not move with Logp.
func TestCoefficientsAreDerivatives(t *testing.T) {
	p := DefaultPolicy()
	p.KL, p.Entropy = 0.05, 0.01
	const h = 1.0 / 1024 // exact in float32 beside log-probabilities of this size
	checked := 0
	for seed := range uint64(8) {
		r := randomRows(seed)
		coef, entropy := make([]float32, len(r.Logp)), make([]float32, len(r.Logp))
		scratch := make([]float32, len(r.Logp))
		if s := p.Coefficients(r, coef, entropy); s.Clipped == 0 || s.Clipped == s.Tokens {
			t.Fatalf("seed %d clips %d of %d rows: the test sees one branch only", seed, s.Clipped, s.Tokens)
		}
		derivative := func(at *float32) float64 {
			x := *at
			*at = x + h
			up, high := p.Coefficients(r, scratch, nil).Loss, *at
			*at = x - h
			down, low := p.Coefficients(r, scratch, nil).Loss, *at
			*at = x
			return (up - down) / (float64(high) - float64(low))
		}
		for i := range r.Logp {
			if want := derivative(&r.Entropy[i]); math.Abs(float64(entropy[i])-want) > 1e-7 {
				t.Errorf("seed %d row %d: dLoss/dentropy %g, numerically %g", seed, i, entropy[i], want)
			}
			ratio := math.Exp(float64(r.Logp[i] - r.Old[i]))
			if min(math.Abs(ratio-0.8), math.Abs(ratio-1.2), math.Abs(ratio-3)) < 0.01 {
				continue // a kink within the step
			}
			if want := derivative(&r.Logp[i]); math.Abs(float64(coef[i])-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("seed %d row %d: dLoss/dlogp %g, numerically %g", seed, i, coef[i], want)
			}
			checked++
		}
	}
	if checked < 200 {
		t.Errorf("only %d rows were checked", checked)
	}
}

// Cutting the sequences into two calls changes no coefficient, and the losses add up.
func TestMicroBatchesAddUp(t *testing.T) {
	p := DefaultPolicy()
	r := randomRows(5)
	whole := make([]float32, len(r.Logp))
	total := p.Coefficients(r, whole, nil)
	const cut = 5
	at := r.Ends[cut-1]
	first := &Rows{Ends: r.Ends[:cut], Advantage: r.Advantage[:cut], Weight: r.Weight[:cut],
		Logp: r.Logp[:at], Old: r.Old[:at], Sampler: r.Sampler[:at]}
	second := &Rows{Advantage: r.Advantage[cut:], Weight: r.Weight[cut:],
		Logp: r.Logp[at:], Old: r.Old[at:], Sampler: r.Sampler[at:]}
	for _, e := range r.Ends[cut:] {
		second.Ends = append(second.Ends, e-at)
	}
	parts := make([]float32, len(r.Logp))
	a, b := p.Coefficients(first, parts[:at], nil), p.Coefficients(second, parts[at:], nil)
	for i := range whole {
		if parts[i] != whole[i] {
			t.Fatalf("row %d: %g in parts, %g whole", i, parts[i], whole[i])
		}
	}
	if math.Abs(a.Loss+b.Loss-total.Loss) > 1e-12 || a.Tokens+b.Tokens != total.Tokens ||
		a.Clipped+b.Clipped != total.Clipped {
		t.Errorf("%+v and %+v do not add up to %+v", a, b, total)
	}
}
