package pretrain

import "spell/rl/corpus/reading"

// Reading is the recipe for a base that answers questions about the documents of a folder, asks such questions
// and compares answers: a decoder of 2.6 million parameters. Copying is drilled first, over few words of the
// vocabulary and then over all; short passages follow, and then all roles over longer ones.
//
// The drills are mastered after 0.6, 1.7 and 2.9 million tokens; three times this learning rate, right for the
// smaller decoder of World, taught none of them in 5. Without them nothing is found in a document for long.
// Questions over short passages are answered from what they say after another million. What a question of a questioner
// is made of, copying without a slip, comes while the rate falls.
//
// Positions go up to 300 beyond the passages: documents of twice their length are read as well, longer ones have
// positions that are new. They are what self-play is for.
func Reading() Config {
	r := World()
	r.Vocab, r.Hidden, r.FF, r.Layers, r.Heads, r.KV, r.Context = 4096, 192, 512, 4, 6, 6, 4096
	few := Stage{Name: "drill, few words", Data: "copy", Steps: 6000, LR: 1e-3, Warmup: 100, Flat: 1, Final: 1,
		Embed: 0.3, Batch: 48, Text: 20, Words: 32, StopAt: 0.9}
	more, all := few, few
	more.Name, more.Words = "drill, more words", 256
	all.Name, all.Words, all.Batch, all.Text, all.Slack = "drill, all words", r.Vocab, 24, 48, 200
	mixture := func(name string, steps, tokens, slack int, change func(*reading.TrainingOptions)) Stage {
		mix := reading.DefaultTraining()
		change(&mix)
		return Stage{Name: name, Data: "reading", Steps: steps, LR: 1e-3, Warmup: 20, Flat: 1, Final: 1, Embed: 0.3,
			Tokens: tokens, Slack: slack, Reading: &mix, DocWeight: 0.05, FreeWeight: 0.5}
	}
	wide := func(m *reading.TrainingOptions) {
		m.Docs, m.MaxDocs, m.Length, m.MaxLength = 1, 3, 64, 128
		m.Documents, m.Verifier = 0.72, 0.24
		m.Responder, m.Questioner, m.Copy = 0.45, 0.53, 0.02
	}
	fall := mixture("reading, at falling rates", 10000, 8192, 300, wide)
	fall.Flat, fall.Final = 0.5, 0.02
	r.Measure = 1000
	r.Stages = []Stage{few, more, all,
		mixture("copying", 1000, 6144, 200, func(m *reading.TrainingOptions) {
			m.Docs, m.MaxDocs, m.Length, m.MaxLength = 1, 2, 40, 96
			m.Responder, m.Questioner, m.Copy = 0.4, 0.35, 0.25
			m.Documents, m.Verifier, m.Arithmetic, m.History = 0.86, 0.1, 0.02, 0.2
		}),
		mixture("reading", 1600, 8192, 400, func(m *reading.TrainingOptions) {
			m.Docs, m.MaxDocs, m.Length, m.MaxLength = 1, 2, 48, 128
		}),
		mixture("reading, wider", 1600, 8192, 300, wide),
		fall,
	}
	return r
}
