package bench

import (
	"context"
	"flag"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/rl/corpus/folder"
	"spell/rl/pretrain"
)

var (
	docsDir     = flag.String("docs", "", "folder of .txt and .md files to train small models on")
	momentSteps = flag.Int("steps", 400, "updates of these models")
	momentSeed  = flag.Uint64("seed", 1, "of these models")
)

// BenchmarkMoments trains the same decoder of 5.5 million parameters on the same batches with each way to keep the
// optimizer's moments. nats is the mean loss over the last quarter of the updates, bytes what parameters, gradients
// and moments take of each parameter.
func BenchmarkMoments(b *testing.B) {
	if *docsDir == "" {
		b.Skip("no texts to train on; name a folder with -docs")
	}
	docs, _, err := folder.Read(context.Background(), *docsDir, folder.Options{DocChars: 1 << 20, MinDocs: 1})
	if err != nil {
		b.Fatal(err)
	}
	var texts []string
	for _, c := range docs.Clusters {
		for _, d := range c.Docs {
			texts = append(texts, d.Text)
		}
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
				run, err := pretrain.New(r, k, model.F32, tok, texts)
				if err != nil {
					b.Fatal(err)
				}
				loss, from := 0.0, *momentSteps*3/4
				for !run.Done() {
					line, err := run.Step(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					if line.Total > from {
						loss += line.Loss / float64(*momentSteps-from)
					}
				}
				b.ReportMetric(loss, "nats")
				b.ReportMetric(float64(model.Total(run.Weights.Memory()))/float64(run.Weights.Config.Params()), "bytes/param")
				run.Weights.Free()
			}
		})
	}
}
