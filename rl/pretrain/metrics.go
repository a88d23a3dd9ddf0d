package pretrain

import "spell/rl/metrics"

// Metrics describes the lines of pretraining.
func (*Method) Metrics() []metrics.Line {
	return []metrics.Line{
		{What: "An update of pretrain", Value: Report{}, Docs: map[string]string{
			"stage":     "name of the stage",
			"step":      "the update, from 1, in all",
			"in_stage":  "the update within the stage, from 1",
			"steps":     "updates of the stage",
			"tokens":    "tokens trained on, in all",
			"loss":      "weighted mean over scored tokens, nats",
			"recall":    "share of scored tokens of probability over a half",
			"grad_norm": "of the gradient before clipping",
			"lr":        "learning rate"}},
		{What: "A measurement of pretrain, on the world or documents", Value: Measurement{}, Docs: map[string]string{
			"step":            "updates before it",
			"tests":           "accuracy, by number of documents",
			"tests/documents": "documents that each question is asked over",
			"tests/result":    "the outcome",
			"reading":         "accuracy on questions about documents, by their length",
			"reading/length":  "tokens of the documents that each question is asked over, about",
			"reading/result":  "the outcome",
			"gates":           "what self-play needs of its base",
			"gates/what":      "what is measured",
			"gates/count":     "the outcome",
			"gates/least":     "least share that holds the gate"}},
	}
}
