package pretrain

import (
	"slices"

	"spell/model"
	"spell/rl/corpus/reading"
)

// Reading is the recipe for a base that answers questions about the documents of a folder, asks such questions
// and compares answers: a decoder of some 6 million parameters. Copying is drilled first, over few words of the
// vocabulary and then over all; short passages follow, and then all roles over longer ones.
//
// A decoder of 4 layers of 192 had mastered the drills over 32, 256 and 4,000 words after 0.6, 1.9 and 3.6
// million tokens, and the recall drill over 128 words after 1.8; three times this learning rate, right for the smaller
// decoder of World, taught it neither in 5.
func Reading() Config {
	r := World()
	r.Vocab, r.Hidden, r.FF, r.Layers, r.Heads, r.KV, r.Context = 6000, 256, 704, 6, 8, 8, 4096
	r.Init = model.Init{Embedding: 0.07, Matrix: 1, Residual: 0.1}
	few := Stage{Name: "drill, few words", Data: "copy", Steps: 3000, LR: 1e-3, Warmup: 100, Flat: 1, Final: 1,
		Embed: 0.3, Batch: 48, Text: 20, Words: 32, StopAt: 0.9}
	more, all := few, few
	more.Name, more.Words = "drill, more words", 256
	all.Name, all.Words, all.Batch, all.Text, all.Slack = "drill, all words", r.Vocab, 24, 48, 200
	mixture := func(s Stage, name string, steps int, change func(*reading.TrainingOptions)) Stage {
		mix := reading.DefaultTraining()
		change(&mix)
		s.Name, s.Data, s.Steps, s.Mixture, s.Reading = name, "reading", steps, nil, &mix
		s.Words = 1000
		return s
	}
	begin, end := r.Stages[1], r.Stages[2] // rates and weights of the world's
	begin.LR, end.LR = 1e-3, 1e-3
	r.Stages = slices.Concat([]Stage{few, more, all}, []Stage{
		mixture(begin, "copying", 1500, func(m *reading.TrainingOptions) {
			m.Docs, m.MaxDocs, m.Length, m.MaxLength = 1, 2, 32, 96
			m.Responder, m.Questioner, m.Copy = 0.5, 0.1, 0.4
			m.Verifier, m.Arithmetic, m.History = 0.05, 0, 0
		}),
		mixture(begin, "reading", 3000, func(m *reading.TrainingOptions) { m.Length, m.MaxLength = 64, 192 }),
		mixture(end, "reading, wider", 3000, func(m *reading.TrainingOptions) {
			m.Docs, m.MaxDocs, m.Length, m.MaxLength = 2, 5, 128, 256
			m.Responder, m.Questioner, m.Copy, m.Verifier = 0.45, 0.45, 0.1, 0.18
		}),
	})
	return r
}
