package train

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// tuningFactor is the schedule of supervised tuning as its runs began with it.
func tuningFactor(decay string, warmup, floor float64, n, total int) float64 {
	rise := int(math.Ceil(warmup * float64(total)))
	if n < rise {
		return float64(n+1) / float64(rise)
	}
	x := float64(n-rise) / float64(max(1, total-1-rise))
	switch decay {
	case "cosine":
		return floor + (1-floor)*(1+math.Cos(math.Pi*x))/2
	case "linear":
		return floor + (1-floor)*(1-x)
	}
	return 1
}

// stageRate is the schedule of a stage of pretraining as its runs began with it.
func stageRate(peak float64, warmup int, flat, final float64, n, total int) float64 {
	if n < warmup {
		return peak * float64(n+1) / float64(warmup)
	}
	x := min(1, float64(n)/float64(total))
	if x <= flat {
		return peak
	}
	return peak * (1 + (final-1)*(x-flat)/(1-flat))
}

// TestSchedule: runs that began with the formulas of their recipes go on with the same bits.
func TestSchedule(t *testing.T) {
	shares := []float64{0, 0.03, 0.1, 1.0 / 3, 0.5, 1}
	for _, total := range []int{1, 2, 3, 7, 10, 97, 100} {
		for _, floor := range shares {
			for _, warmup := range shares {
				for _, decay := range []Decay{NoDecay, Linear, Cosine} {
					s := Schedule{Steps: total, Warmup: WarmupSteps(warmup, total), Decay: decay, Floor: floor}
					for n := range total {
						if got, want := s.Factor(n), tuningFactor(string(decay), warmup, floor, n, total); got != want {
							t.Fatalf("%+v: the factor of update %d is %v, want %v", s, n, got, want)
						}
					}
				}
			}
			for _, flat := range shares {
				for _, warmup := range []int{0, 1, 5, total} {
					for _, peak := range []float64{3e-3, 1e-4, 0.7} {
						s := Schedule{Steps: total, Warmup: warmup, Decay: WSD, Flat: flat, Floor: floor}
						for n := range total + 3 {
							got, want := s.Rate(peak, n), stageRate(peak, warmup, flat, floor, n, total)
							if got != want {
								t.Fatalf("%+v: the rate of update %d is %v, want %v", s, n, got, want)
							}
						}
					}
				}
			}
		}
	}
}

// TestScheduleBeyondEnd: updates after the last have the rate of the end, not less.
func TestScheduleBeyondEnd(t *testing.T) {
	for _, d := range []Decay{NoDecay, Linear, Cosine, WSD} {
		s := Schedule{Steps: 10, Warmup: 2, Decay: d, Flat: 0.5, Floor: 0.25}
		want := 0.25
		if d == NoDecay {
			want = 1
		}
		for n := 10; n < 14; n++ {
			if got := s.Factor(n); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s: the factor of update %d of 10 is %v, want %v", d, n, got, want)
			}
		}
	}
}

func TestScheduleValidate(t *testing.T) {
	good := Schedule{Steps: 10, Decay: Cosine, Warmup: 3, Floor: 0.1}
	for name, tt := range map[string]struct {
		edit func(s *Schedule)
		say  string
	}{
		"good":            {func(*Schedule) {}, ""},
		"no updates":      {func(s *Schedule) { s.Steps = 0 }, "0 updates"},
		"negative warmup": {func(s *Schedule) { s.Warmup = -1 }, "-1 of warm-up"},
		"unknown decay":   {func(s *Schedule) { s.Decay = "square" }, `decay is "square"`},
		"no decay named":  {func(s *Schedule) { s.Decay = "" }, `decay is ""`},
		"floor above 1":   {func(s *Schedule) { s.Floor = 1.5 }, "floor 1.5"},
		"flat below 0":    {func(s *Schedule) { s.Flat = -0.5 }, "flat is -0.5"},
		"not a number":    {func(s *Schedule) { s.Floor = math.NaN() }, "floor NaN"},
	} {
		s := good
		tt.edit(&s)
		if err := s.Validate(); (err == nil) != (tt.say == "") || !strings.Contains(fmt.Sprint(err), tt.say) {
			t.Errorf("%s: error %v, want %q", name, err, tt.say)
		}
	}
}
