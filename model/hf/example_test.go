package hf_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"spell/kernels/open"
	"spell/model"
	"spell/model/forest"
	"spell/model/hf"
	"spell/model/nano"
	"spell/tensor"
	"spell/tokenizer"
)

// A model is loaded in one type, saved in another, and scores a text.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := nano.Extract(nano.World, dir); err != nil { // any Hugging Face directory does
		log.Fatal(err)
	}
	b, err := open.Backend(open.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		log.Fatal(err)
	}
	score := func(dir string, p model.Precision) {
		weights, err := hf.Load(b, dir, p, model.Inference)
		if err != nil {
			log.Fatal(err)
		}
		defer weights.Free()
		scorer, err := model.NewScorer(b, weights, forest.Limits{Batch: 64})
		if err != nil {
			log.Fatal(err)
		}
		defer scorer.Free()
		text := forest.Forest{{Parent: -1, Tokens: tok.Encode("mayor Fenham Velwick ."), Scored: true}}
		stats, err := scorer.Score(context.Background(), text)
		if err != nil {
			log.Fatal(err)
		}
		mean := 0.0
		for _, s := range stats {
			mean += float64(s.LogProb) / float64(len(stats))
		}
		fmt.Printf("%s: %d parameters, %.2f nats a token\n", p.Name, weights.Config.Params(), -mean)
	}
	score(dir, model.F32)

	weights, err := hf.Load(b, dir, model.F32, model.Inference)
	if err != nil {
		log.Fatal(err)
	}
	defer weights.Free()
	half := filepath.Join(dir, "half")
	if err := hf.Save(b, weights, half, tensor.BF16); err != nil { // config.json and the weights
		log.Fatal(err)
	}
	score(half, model.BF16)
	// Output:
	// f32: 730240 parameters, 4.23 nats a token
	// bf16: 730240 parameters, 4.23 nats a token
}
