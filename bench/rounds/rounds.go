// Package rounds measures side by side on a shared machine, which changes
// its pace from second to second: rates are taken in rounds, every measure
// once a round, and only figures of one round are divided by each other.
package rounds

import (
	"math"
	"time"
)

// SecondsPerCall runs for at least warm, then for at least span, and is the mean of the latter.
func SecondsPerCall(run func(), warm, span time.Duration) float64 {
	repeat := func(d time.Duration) float64 {
		start := time.Now()
		for calls := 1; ; calls++ {
			run()
			if t := time.Since(start); t >= d {
				return t.Seconds() / float64(calls)
			}
		}
	}
	repeat(warm)
	return repeat(span)
}

// A Schedule says how often to measure. What takes longer than Slow, where that is not 0, is
// measured in the first SlowRounds rounds alone.
type Schedule struct {
	Rounds      int
	Pause, Slow time.Duration
	SlowRounds  int
}

// Interleave takes every measure once a round, each round beginning one further on, and gives
// their figures: figures[i][r] is measure i in round r, NaN where it was left out.
func (s Schedule) Interleave(measures []func() float64) (figures [][]float64) {
	figures = make([][]float64, len(measures))
	late := make([]bool, len(measures))
	for r := range s.Rounds {
		for step := range measures {
			i := (r + step) % len(measures)
			f := math.NaN()
			if !late[i] || r < s.SlowRounds {
				time.Sleep(s.Pause)
				start := time.Now()
				f = measures[i]()
				late[i] = late[i] || s.Slow > 0 && time.Since(start) > s.Slow
			}
			figures[i] = append(figures[i], f)
		}
	}
	return figures
}
