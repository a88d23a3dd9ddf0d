package train

import (
	"fmt"
	"math"
)

// A Decay is the way in which the learning rate falls after the warm-up.
type Decay string

// The ways. WSD (warm up, stay, decay) counts its progress from the first update on and reaches the
// floor after the last; the others count from the end of the warm-up and reach it in the last.
const (
	NoDecay Decay = "none"
	Linear  Decay = "linear"
	Cosine  Decay = "cosine"
	WSD     Decay = "wsd"
)

// A Schedule is the course of the learning rate over the updates of a run.
type Schedule struct {
	Steps  int     // updates in all
	Warmup int     // updates in which the rate rises to its peak, in equal steps
	Decay  Decay   // how it falls from there
	Flat   float64 // WSD: share of the updates before it falls, in [0, 1]
	Floor  float64 // share of the peak at the end, in [0, 1]
}

// WarmupSteps returns the updates of a warm-up that is a share of all, rounded up.
func WarmupSteps(share float64, steps int) int { return int(math.Ceil(share * float64(steps))) }

// Validate refuses a schedule that no run can have.
func (s Schedule) Validate() error {
	switch {
	case s.Steps < 1 || s.Warmup < 0:
		return fmt.Errorf("a schedule has %d updates and %d of warm-up; updates must be positive, warm-up not negative",
			s.Steps, s.Warmup)
	case s.Decay != NoDecay && s.Decay != Linear && s.Decay != Cosine && s.Decay != WSD:
		return fmt.Errorf("decay is %q; use cosine, linear, wsd or none", s.Decay)
	case !(s.Flat >= 0 && s.Flat <= 1) || !(s.Floor >= 0 && s.Floor <= 1):
		return fmt.Errorf("flat is %g and floor %g; they are shares, between 0 and 1", s.Flat, s.Floor)
	}
	return nil
}

// Factor returns the share of the peak rate that update n, from 0, has.
func (s Schedule) Factor(n int) float64 { return s.Rate(1, n) }

// Rate returns the learning rate of update n, from 0, for a peak. After the last update it is that
// of the end.
func (s Schedule) Rate(peak float64, n int) float64 {
	if n < s.Warmup {
		return peak * float64(n+1) / float64(s.Warmup)
	}
	if s.Decay == WSD {
		x := min(1, float64(n)/float64(s.Steps))
		if x <= s.Flat {
			return peak
		}
		return peak * (1 + (s.Floor-1)*(x-s.Flat)/(1-s.Flat))
	}
	x := min(1, float64(n-s.Warmup)/float64(max(1, s.Steps-1-s.Warmup)))
	switch s.Decay {
	case Cosine:
		return peak * (s.Floor + (1-s.Floor)*(1+math.Cos(math.Pi*x))/2)
	case Linear:
		return peak * (s.Floor + (1-s.Floor)*(1-x))
	}
	return peak
}
