package sft

import "spell/rl/metrics"

// Metrics describes the lines of fine-tuning.
func (*Method) Metrics() []metrics.Line {
	return []metrics.Line{
		{What: "An update of sft", Value: Report{}},
		{What: "A measurement of sft, on lines that are held out", Value: Measurement{}},
	}
}
