package bench

import (
	"context"
	"flag"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/rl/corpus/folder"
	"spell/rl/pretrain"
	"spell/rl/runner"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

var (
	docsDir     = flag.String("docs", "", "folder of .txt and .md files to train small models on")
	momentSteps = flag.Int("steps", 400, "updates of these models")
	momentSeed  = flag.Uint64("seed", 1, "of these models")
)

// BenchmarkMoments trains the same decoder of 5.5 million parameters on the same batches with each
// way to keep the optimizer's moments. nats is the mean loss over the last quarter of the updates,
// bytes what parameters, gradients and moments take of each parameter.
func BenchmarkMoments(b *testing.B) {
	if *docsDir == "" {
		b.Skip("no texts to train on; name a folder with -docs")
	}
	docs, _, err := folder.Texts(context.Background(), *docsDir, folder.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var texts []string
	for _, d := range docs {
		texts = append(texts, d.Text)
	}
	r := pretrain.Text()
	r.Seed, r.PassTokens, r.Optim.Beta2 = *momentSeed, 2048, 0.999
	s := &r.Stages[0]
	s.Steps, s.Tokens, s.Warmup = *momentSteps, r.PassTokens, 20
	tok, err := pretrain.Tokenizer(&r, texts)
	if err != nil {
		b.Fatal(err)
	}
	for _, r.Moments = range []model.Moments{model.FullMoments, model.BF16Moments, model.Int8Moments} {
		b.Run(r.Moments.String(), func(b *testing.B) {
			k, err := cpu.New(cpu.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			for range b.N {
				w := fresh(b, k, &r, tok)
				run, err := pretrain.New(r, runner.Model{Backend: k, Weights: w, Text: &chat.Dialog{Tok: tok}}, docs)
				if err != nil {
					b.Fatal(err)
				}
				loss, from := 0.0, *momentSteps*3/4
				for done, total := run.Steps(); done < total; done, total = run.Steps() {
					rep, err := run.Step(context.Background(), nil)
					if err != nil {
						b.Fatal(err)
					}
					if line := rep.Metrics.(*pretrain.Report); line.Step > from {
						loss += line.Loss / float64(*momentSteps-from)
					}
				}
				b.ReportMetric(loss, "nats")
				b.ReportMetric(float64(model.Total(w.Memory()))/float64(w.Config.Params()), "bytes/param")
				run.Free()
				w.Free()
			}
		})
	}
}

// fresh returns the weights that a run begins with.
func fresh(b *testing.B, k kernels.Backend, r *pretrain.Config, tok *tokenizer.Tokenizer) *model.Weights {
	b.Helper()
	eos, _ := tok.Special(pretrain.End)
	p := model.F32
	p.Moments = r.Moments
	w, err := model.NewWeights(k, r.Model(tok.VocabSize(), eos), p, model.Training)
	if err != nil {
		b.Fatal(err)
	}
	w.Initialize(k, r.Seed, r.Init)
	return w
}
