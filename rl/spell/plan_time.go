package spell

import "spell/kernels/tally"

// Measured is what to measure a machine's rates by (tally.Measure): products and attention of the
// plan's model.
func (p *Plan) Measured() tally.Shape {
	m, t := &p.Model, &p.Precision
	return tally.Shape{Rows: min(512, p.Config.PassTokens), In: min(m.Hidden, 1024), Out: min(m.FF, 4096),
		Weight: t.Weight, Act: t.Act, Acc: t.Acc, Heads: m.Heads, KVHeads: m.KVHeads, Dim: m.HeadDim}
}

// A Phase is a part of a step.
type Phase struct {
	Name   string
	Tokens int
	Work   tally.Work
}

// Time finds the work of a step, and at a machine's rates its time: Groups prompts, as long as they
// may be, are read, answered by Answers answers as long as they may be, and trained on. Questions
// and votes, whose number and length depend on the documents, are not in it. Groups that go through
// the program together are run on a backend without memory; all such are alike.
func (p *Plan) Time(r tally.Rates) error {
	d, err := newDryRun(r, p.Model, p.Precision, p.Config, nil)
	if err != nil {
		return err
	}
	c := &p.Config
	used := func(do func() error) (tally.Work, error) {
		before := d.b.Work
		err := do()
		return d.b.Work.Add(before, -1), err
	}
	// batches is the work of all groups, so many at a time.
	batches := func(together int, do func(groups int) error) (sum tally.Work, err error) {
		for _, batch := range []struct{ times, groups int }{{p.Groups / together, together}, {1, p.Groups % together}} {
			if batch.times == 0 || batch.groups == 0 {
				continue
			}
			w, err := used(func() error { return do(batch.groups) })
			if err != nil {
				return sum, err
			}
			sum = sum.Add(w, float64(batch.times))
		}
		return sum, nil
	}
	live := d.machine.Engine.Concurrency(&requests(1, p.Prompt, c.Answers, c.MaxAnswer)[0])
	read, err := batches(live, func(n int) error { return d.generate(n, p.Prompt, c.Answers, 1) })
	if err != nil {
		return err
	}
	generated, err := batches(live, func(n int) error { return d.generate(n, p.Prompt, c.Answers, c.MaxAnswer) })
	if err != nil {
		return err
	}
	gradients, err := batches(max(1, c.PassTokens/p.Prompt),
		func(n int) error { return d.update(n, p.Prompt, c.Answers, c.MaxAnswer) })
	if err != nil {
		return err
	}
	optimizer, err := used(func() error {
		_, err := d.machine.Trainer.Update(1)
		if d.machine.Copied != nil {
			d.machine.Copied.CopyFrom(d.b, d.w)
		}
		return err
	})
	prompts, answers := p.Groups*p.Prompt, p.Groups*c.Answers*c.MaxAnswer
	p.Steps = []Phase{
		{"read prompts", prompts, read},
		{"answer", answers, generated.Add(read, -1)},
		{"gradients", prompts + answers, gradients},
		{"optimizer", 0, optimizer},
	}
	return err
}
