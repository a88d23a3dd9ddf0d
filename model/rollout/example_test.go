package rollout_test

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
	"spell/model/rollout"
	"spell/tokenizer"
)

// Two answers to one question about a document, from an embedded base. The prompt is read once.
func ExampleEngine_Generate() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := nano.Extract(nano.World, dir); err != nil { // any Hugging Face directory does
		log.Fatal(err)
	}
	tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		log.Fatal(err)
	}
	b, err := open.Backend(open.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	weights, err := hf.Load(b, dir, model.F32, model.Inference)
	if err != nil {
		log.Fatal(err)
	}
	defer weights.Free()

	engine, err := rollout.New(b, weights, rollout.Options{Slots: 1024, Rows: 64, Stop: weights.EOS, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Free()
	prompt := "mayor Fenham Velwick . size Fenham 7 . region Fenham Darland .\n" +
		"question : what is the mayor of Fenham ?\nanswer :"
	results, err := engine.Generate(context.Background(), []rollout.Request{{
		Prompt: forest.Forest{{Parent: -1, Tokens: tok.Encode(prompt)}},
		Branches: []rollout.Branch{
			{N: 2, MaxTokens: 16, Sampling: rollout.Sampling{Temperature: 1.5, TopP: 1}},
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	for _, answer := range results[0].Answers {
		ids := results[0].Forest[answer.Segment].Tokens
		fmt.Printf("%q, because of %v\n", tok.Decode(ids), answer.Finish)
	}
	// Output:
	// " mayor Fenham Velwick . the answer is Velwick .<|end|>", because of stop
	// " mayor Fenham Velwick . the answer is Velwick .<|end|>", because of stop
}
