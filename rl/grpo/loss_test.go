package grpo

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sequences returns some with these trained tokens, in these groups of part 0, that weigh the same.
func sequences(lengths, group []int) []Sequence {
	all := make([]Sequence, len(lengths))
	for i, n := range lengths {
		all[i] = Sequence{Length: n, Most: 10, Weight: 1}
		if group != nil {
			all[i].Group = group[i]
		}
	}
	return all
}

func TestWeights(t *testing.T) {
	// Two roles: one with two groups, of which the second has nothing to train, and one with a group.
	roles := []Sequence{{2, 0, 0, 8, 1}, {4, 0, 0, 8, 1}, {0, 1, 0, 8, 1}, {6, 2, 1, 8, 1}}
	unequal := []Sequence{{1, 0, 0, 20, 1}, {3, 0, 0, 20, 1}, {16, 1, 0, 20, 1}, {5, 2, 1, 20, 1}}
	weighted := slices.Clone(roles)
	for i, w := range []float64{1, 2, 1, 0.5} {
		weighted[i].Weight = w
	}
	for _, tt := range []struct {
		name string
		norm Norm
		all  []Sequence
		want []float64
	}{
		{"tokens", GlobalTokenMean, roles, []float64{1. / 12, 1. / 12, 0, 1. / 12}},
		{"tokens, by weight", GlobalTokenMean, weighted, []float64{1. / 12, 2. / 12, 0, 0.5 / 12}},
		// Group 0 has 6 tokens, group 1 none, group 2 has 6: the mean of two group means.
		{"groups", GroupTokenMean, roles, []float64{1. / 12, 1. / 12, 0, 1. / 12}},
		{"unequal groups", GroupTokenMean, unequal, []float64{1. / 12, 1. / 12, 1. / 48, 1. / 15}},
		{"roles", PartTokenMean, roles, []float64{1. / 6, 1. / 6, 0, 1. / 6}},
		{"unequal groups in roles", PartTokenMean, unequal, []float64{1. / 8, 1. / 8, 1. / 32, 1. / 5}},
		{"sequences", SequenceTokenMean, unequal, []float64{1. / 4, 1. / 12, 1. / 64, 1. / 20}},
		{"a constant length", ConstantMean, roles, []float64{1. / 24, 1. / 24, 0, 1. / 24}},
		{"a constant length, by weight", ConstantMean, weighted, []float64{1. / 24, 2. / 24, 0, 0.5 / 24}},
	} {
		near(t, tt.name, tt.norm.Weights(tt.all), tt.want, 1e-15)
	}
	for n := GlobalTokenMean; n <= ConstantMean; n++ {
		near(t, "nothing", n.Weights([]Sequence{{Weight: 1}}), []float64{0}, 0)
	}
}

func TestOnPolicyByHand(t *testing.T) {
	// 7 right, 1 wrong would be the paper's group; here 2 answers of 2
	// and 3 tokens with advantages ±0.7071.
	r := &Rows{
		Ends:      []int{2, 5},
		Advantage: []float64{0.7071, -0.7071},
		Weight:    GlobalTokenMean.Weights(sequences([]int{2, 3}, nil)),
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

func TestCorrection(t *testing.T) {
	for _, tt := range []struct {
		correction Correction
		ratio      float64 // of π to the sampler's
		want       float64
	}{
		{Truncated, 1, -1}, {Truncated, 1.5, -1.5}, {Truncated, 55, -2}, {Truncated, 0.25, -0.25},
		{Masked, 1, -1}, {Masked, 1.99, -1.99}, {Masked, 2.01, 0}, {Masked, 0.51, -0.51}, {Masked, 0.49, 0},
		{NoCorrection, 1, -1}, {NoCorrection, 55, -1},
	} {
		r := &Rows{Ends: []int{1}, Advantage: []float64{1}, Weight: []float64{1},
			Logp: []float32{-1}, Sampler: []float32{float32(-1 - math.Log(tt.ratio))}}
		coef := make([]float32, 1)
		p := DefaultPolicy()
		p.Correction = tt.correction
		s := p.Coefficients(r, coef, nil)
		if math.Abs(float64(coef[0])-tt.want) > 1e-6 || math.Abs(s.MaxLogRatio-math.Abs(math.Log(tt.ratio))) > 1e-6 ||
			(s.Masked == 1) != (tt.want == 0) {
			t.Errorf("correction %d of %g: coefficient %g, want %g; %+v", tt.correction, tt.ratio, coef[0], tt.want, s)
		}
	}
}

// TestSequenceRatio: the ratio of a sequence is the geometric mean of its tokens', and is clipped as one.
func TestSequenceRatio(t *testing.T) {
	log := func(x float64) float32 { return float32(math.Log(x)) }
	r := &Rows{Ends: []int{2, 4, 5}, Advantage: []float64{1, -2, 1}, Weight: []float64{1, 1, 1},
		Logp: []float32{log(0.4), log(0.9), log(0.1), log(0.4), log(0.9)},
		Old:  []float32{log(0.2), log(0.9 * 1.6), log(0.1), log(0.4), log(0.5)}} // ratios 2 and 1/1.6, 1 and 1, 1.8
	p := DefaultPolicy()
	p.Sequence = true
	coef := make([]float32, 5)
	s := p.Coefficients(r, coef, nil)
	whole := math.Sqrt(2 / 1.6)
	near(t, "coefficients", wide(coef), []float64{-whole, -whole, 2, 2, 0}, 1e-6)
	if s.Clipped != 1 || math.Abs(s.Loss-(-2*whole+4-1.2)) > 1e-6 {
		t.Errorf("%+v: want a clipped row, and the loss %g", s, -2*whole+4-1.2)
	}
}

func wide(a []float32) []float64 {
	b := make([]float64, len(a))
	for i, v := range a {
		b[i] = float64(v)
	}
	return b
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
	r.Weight = GroupTokenMean.Weights(sequences(lengths, group))
	return r
}

// The coefficients must be the derivatives of the scalar loss. The
// sampler's correction is a constant to the gradient, which it is
// here because Old, from which it is made, does not move with Logp.
func TestCoefficientsAreDerivatives(t *testing.T) {
	const h = 1.0 / 1024 // exact in float32 beside log-probabilities of this size
	for _, sequence := range []bool{false, true} {
		p := DefaultPolicy()
		p.KL, p.Entropy, p.Sequence = 0.05, 0.01, sequence
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
			begin := 0
			for _, end := range r.Ends {
				for i := begin; i < end; i++ {
					if want := derivative(&r.Entropy[i]); math.Abs(float64(entropy[i])-want) > 1e-7 {
						t.Errorf("seed %d row %d: dLoss/dentropy %g, numerically %g", seed, i, entropy[i], want)
					}
					of := r.logRatios(i, i+1)
					if sequence {
						of = r.logRatios(begin, end)
					}
					ratio := math.Exp(of.policy)
					if min(math.Abs(ratio-0.8), math.Abs(ratio-1.2), math.Abs(ratio-3)) < 0.01 {
						continue // a kink within the step
					}
					if want := derivative(&r.Logp[i]); math.Abs(float64(coef[i])-want) > 1e-5*(1+math.Abs(want)) {
						t.Errorf("seed %d row %d: dLoss/dlogp %g, numerically %g", seed, i, coef[i], want)
					}
					checked++
				}
				begin = end
			}
		}
		if checked < 200 {
			t.Errorf("only %d rows were checked", checked)
		}
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
