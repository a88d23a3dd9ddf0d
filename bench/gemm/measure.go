package main

import (
	"math"
	"time"
)

// secondsPerCall runs for at least warm, then for at least span, and is the mean of the latter.
func secondsPerCall(run func(), warm, span time.Duration) float64 {
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

// A schedule says how often to measure. What takes longer than slow is measured in the first
// slowRounds rounds alone.
type schedule struct {
	rounds      int
	pause, slow time.Duration
	slowRounds  int
}

// interleave takes every measure once a round, each round beginning one further on, and gives
// their figures: figures[i][r] is measure i in round r, NaN where it was left out.
func (s schedule) interleave(measures []func() float64) (figures [][]float64) {
	figures = make([][]float64, len(measures))
	late := make([]bool, len(measures))
	for r := range s.rounds {
		for step := range measures {
			i := (r + step) % len(measures)
			f := math.NaN()
			if !late[i] || r < s.slowRounds {
				time.Sleep(s.pause)
				start := time.Now()
				f = measures[i]()
				late[i] = late[i] || time.Since(start) > s.slow
			}
			figures[i] = append(figures[i], f)
		}
	}
	return figures
}
