package spell

import "spell/rl/metrics"

// Metrics describes the lines of self-play.
func (*Method) Metrics() []metrics.Line {
	return []metrics.Line{
		{What: "A step of train; means and shares of nothing are 0", Value: Report{}},
		{What: "A measurement of train, on the generated world", Value: accuracy{}, Docs: map[string]string{
			"step":     "steps before it",
			"held_out": "the tests, over few documents and over many"}},
	}
}
