package bench

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"spell/bench/rounds"
	"spell/bench/shapes"
	"spell/kernels"
	"spell/kernels/cpu"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
	"spell/rl/grpo"
	"spell/rl/spell"
)

// The sizes of BenchmarkGRPO, in tokens but for the number of answers.
const grpoPrompt, grpoAnswers, grpoAnswer = 2048, 8, 128

// BenchmarkGRPO measures a step of full fine-tuning in f32: a prompt of 2,048 tokens is read and
// answered 8 times with 128 tokens, the answers are trained on, and the weights updated. Beside its
// seconds stand those of the plan at rates measured before and after, and the memory that is
// resident beside the plan's.
func BenchmarkGRPO(b *testing.B) {
	for _, m := range []struct {
		name  string
		shape model.Config
	}{{"135M", shapes.Smol135M}, {"0.5B", shapes.Qwen05B}} {
		b.Run(m.name, func(b *testing.B) {
			k, err := cpu.New(cpu.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			c := spell.Default().Tight(grpoPrompt, grpoAnswers, grpoAnswer)
			c.Questions, c.BatchTokens, c.HeldOut = 1, grpoAnswers*grpoAnswer, 0
			plan, err := spell.NewPlan(b.Context(), k, m.shape, model.F32, c, nil)
			if err != nil {
				b.Fatal(err)
			}
			w, err := shapes.Random(k, m.shape, model.F32, model.Training)
			if err != nil {
				b.Fatal(err)
			}
			defer w.Free()
			engine, err := rollout.New(k, w, rollout.Options{Slots: c.CacheTokens, Rows: min(c.PassTokens, 1024)})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Free()
			trainer, err := train.New(k, w, c.Optim, c.Limits(), model.KeepActivations)
			if err != nil {
				b.Fatal(err)
			}
			defer trainer.Free()
			stepGRPO(b, engine, trainer) // memory is touched, weights are packed
			var took, expected float64
			for b.Loop() {
				before, t := plannedGRPO(b, k, plan)
				s := stepGRPO(b, engine, trainer)
				after, u := plannedGRPO(b, k, plan)
				took, expected = took+s[0]+s[1]+s[2]+s[3], expected+(t+u)/2
				b.Logf("seconds (planned before, after): read %.1f (%.1f, %.1f), answer %.1f (%.1f, %.1f), "+
					"gradients %.1f (%.1f, %.1f), optimizer %.2f (%.2f, %.2f)",
					s[0], before[0], after[0], s[1], before[1], after[1],
					s[2], before[2], after[2], s[3], before[3], after[3])
			}
			b.ReportMetric(expected/took, "planned/took")
			b.ReportMetric(float64(grpoPrompt+grpoAnswers*grpoAnswer)*float64(b.N)/took, "tokens/s")
			b.ReportMetric(float64(plan.Total())/(1<<20), "MiB-planned")
			b.ReportMetric(rounds.Resident(), "MiB-resident")
		})
	}
}

// stepGRPO makes a step and returns the seconds of reading the prompt, of its answers, of their
// gradients and of the update.
func stepGRPO(b *testing.B, engine *rollout.Engine, trainer *train.Trainer) (seconds [4]float64) {
	last := time.Now()
	lap := func(i int) {
		seconds[i] += time.Since(last).Seconds()
		last = time.Now()
	}
	var f forest.Forest
	f.Chain(-1, group(grpoPrompt, 1, 1, true)[0].Tokens)
	engine.OnProgress = func(_, _, _, sampled int) {
		if sampled == 0 {
			lap(0)
		}
	}
	how := rollout.Sampling{Temperature: 1, TopP: 1}
	branch := rollout.Branch{N: grpoAnswers, MaxTokens: grpoAnswer, Sampling: how}
	res, err := engine.Generate(context.Background(),
		[]rollout.Request{{Prompt: f, Branches: []rollout.Branch{branch}}})
	if err != nil {
		b.Fatal(err)
	}
	lap(1)
	if _, err := trainer.Accumulate(context.Background(), res[0].Forest, contrast); err != nil {
		b.Fatal(err)
	}
	lap(2)
	if _, err := trainer.Update(1); err != nil {
		b.Fatal(err)
	}
	lap(3)
	return seconds
}

// plannedGRPO returns what a plan says of those at rates measured now, and their sum.
func plannedGRPO(b *testing.B, k kernels.Backend, plan *spell.Plan) (seconds [4]float64, total float64) {
	r, err := tally.Measure(k, plan.Shape, runtime.GOMAXPROCS(0))
	if err != nil {
		b.Fatal(err)
	}
	phases, err := plan.Group(r)
	if err != nil {
		b.Fatal(err)
	}
	for i, p := range phases {
		seconds[i] = p.Work.Seconds
		total += p.Work.Seconds
	}
	return seconds, total
}

// contrast computes GRPO's loss on one group of which every other answer is good.
func contrast(scored []forest.ScoredToken, stats []model.Stat, dl, de []float32) {
	var rows grpo.Rows
	for i, s := range scored {
		rows.Logp = append(rows.Logp, stats[i].LogProb)
		if i+1 == len(scored) || scored[i+1].Segment != s.Segment {
			rows.Ends = append(rows.Ends, i+1)
			rows.Advantage = append(rows.Advantage, float64(1-2*(s.Segment%2)))
			rows.Weight = append(rows.Weight, 1/float64(len(scored)))
		}
	}
	grpo.DefaultPolicy().Coefficients(&rows, dl, de)
}

// BenchmarkLongContext measures forward and backward of one text, every token of which is scored:
// 32,768 tokens in the 135M shape and 131,072 in two layers of it.
//
//	go test ./bench -run xxx -bench LongContext -benchtime 1x -timeout 2h
func BenchmarkLongContext(b *testing.B) {
	for _, c := range []struct{ tokens, layers int }{{8192, 30}, {32768, 30}, {131072, 2}} {
		b.Run(fmt.Sprintf("%d-tokens/%d-layers", c.tokens, c.layers), func(b *testing.B) {
			k, err := cpu.New(cpu.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			shape := shapes.Smol135M
			shape.Layers = c.layers
			dry := tally.New(tally.Rates{})
			paper, err := model.NewWeights(dry, shape, model.F32, model.Training)
			if err != nil {
				b.Fatal(err)
			}
			w, err := shapes.Random(k, shape, model.F32, model.Training)
			if err != nil {
				b.Fatal(err)
			}
			defer w.Free()
			text := forest.Forest{{Parent: -1, Tokens: group(c.tokens, 1, 1, true)[0].Tokens, Scored: true}}
			minus := func(_ []forest.ScoredToken, _ []model.Stat, dl, _ []float32) {
				for i := range dl {
					dl[i] = -1 / float32(len(dl))
				}
			}
			room := forest.Limits{Batch: c.tokens}
			on, err := model.NewTrainingDecoder(dry, paper, room, model.RecomputeActivations)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := on.Step(context.Background(), text, minus); err != nil {
				b.Fatal(err)
			}
			packs, scratch := paper.HostMemory(k, dry.Weights())
			planned := model.Total(w.Memory()) + on.Bytes() + packs.Bytes + scratch.Bytes
			d, err := model.NewTrainingDecoder(k, w, room, model.RecomputeActivations)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Free()
			for b.Loop() {
				if _, err := d.Step(context.Background(), text, minus); err != nil {
					b.Fatal(err)
				}
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(c.tokens)/seconds, "tokens/s")
			b.ReportMetric(dry.Work.Total()/seconds/1e9, "GFLOP/s")
			b.ReportMetric(float64(planned)/(1<<20), "MiB-planned")
			b.ReportMetric(rounds.Resident(), "MiB-resident")
		})
	}
}
