package train_test

import (
	"context"
	"fmt"
	"log"

	"spell/kernels/open"
	"spell/model"
	"spell/model/forest"
	"spell/model/train"
)

// Steps of next-token training on one sequence. A loss is a function from log-probabilities to
// their derivatives: here the loss is the mean of -log p.
func ExampleTrainer() {
	b, err := open.Backend(open.Options{Workers: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	weights, err := model.NewWeights(b, model.Config{
		Family: "llama", Vocab: 50, Hidden: 32, FF: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		Tied: true, NormEps: 1e-6, Context: 128, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1,
	}, model.F32, model.Training)
	if err != nil {
		log.Fatal(err)
	}
	defer weights.Free()
	weights.Initialize(b, 1, model.Init{Embedding: 0.5, Matrix: 1, Residual: 0.5})

	optim := train.Optim{LR: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, ClipNorm: 1}
	limits := forest.Limits{Shared: 64, Batch: 64}
	trainer, err := train.New(b, weights, optim, limits, model.KeepActivations)
	if err != nil {
		log.Fatal(err)
	}
	defer trainer.Free()

	text := forest.Forest{{Parent: -1, Tokens: []int32{3, 14, 15, 9, 26, 5, 35, 8, 9, 7}, Scored: true}}
	meanNLL := func(scored []forest.ScoredToken, _ []model.Stat, dLogProb, _ []float32) {
		for i := range scored {
			dLogProb[i] = -1 / float32(len(scored))
		}
	}
	for range 3 {
		stats, err := trainer.Accumulate(context.Background(), text, meanNLL) // any number, then
		if err != nil {
			log.Fatal(err)
		}
		norm, err := trainer.Update(1) // one update
		if err != nil {
			log.Fatal(err)
		}
		loss := 0.0
		for _, s := range stats {
			loss -= float64(s.LogProb) / float64(len(stats))
		}
		fmt.Printf("update %d: loss %.2f nats a token, gradient norm %.1f\n", trainer.Steps, loss, norm)
	}
	// Output:
	// update 1: loss 11.02 nats a token, gradient norm 21.4
	// update 2: loss 3.97 nats a token, gradient norm 10.6
	// update 3: loss 1.58 nats a token, gradient norm 5.4
}
