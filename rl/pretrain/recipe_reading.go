package pretrain

import (
	"slices"

	"spell/model"
	"spell/rl/corpus/reading"
)

// Reading is the recipe for a base that answers questions about the documents of a folder, asks such questions
// and compares answers: a decoder of some 6 million parameters. Recall is drilled first, over few words of the
// vocabulary and then over many; copying and short passages follow, and then all roles over longer ones.
func Reading() Config {
	r := World()
	r.Vocab, r.Hidden, r.FF, r.Layers, r.Heads, r.KV, r.Context = 6000, 256, 704, 6, 8, 8, 4096
	r.Init = model.Init{Embedding: 0.07, Matrix: 1, Residual: 0.1}
	drill := r.Stages[0]
	drill.Name, drill.Words = "drill, few words", 128
	wider := drill
	wider.Name, wider.Words = "drill, many words", 1000
	mixture := func(s Stage, name string, steps int, change func(*reading.TrainingOptions)) Stage {
		mix := reading.DefaultTraining()
		change(&mix)
		s.Name, s.Data, s.Steps, s.Mixture, s.Reading = name, "reading", steps, nil, &mix
		s.Words = wider.Words
		return s
	}
	begin, end := r.Stages[1], r.Stages[2] // rates and weights of the world's
	begin.LR, end.LR = 1e-3, 1e-3
	r.Stages = slices.Concat([]Stage{drill, wider}, []Stage{
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
