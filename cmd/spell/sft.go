package main

import (
	"errors"

	"github.com/spf13/cobra"

	"spell/model/nano"
	"spell/rl/runner"
	"spell/rl/sft"
)

// sftFlags are what the user said.
type sftFlags struct {
	runFlags
	adapterFlags
	model, data          string
	epochs, steps, batch int
	lr, heldOut          float64
}

func sftCommand(e *engine) *cobra.Command {
	var t sftFlags
	c := sft.Default()
	cmd := &cobra.Command{
		Use:   "sft --data FILE.jsonl [--model DIR] [--out DIR]",
		Short: "Teach a model the answers of a file of prompts and answers",
		Long: "sft fine-tunes a model on FILE: JSON lines, a JSON list, CSV or Parquet, each also as .gz. An\n" +
			"object or row has the fields of one of these layouts:\n\n" +
			"  prompt, answer         prompt, completion      prompt, response\n" +
			"  question, answer       input, output\n" +
			"  instruction, output    Alpaca's, which may have input and history, too\n" +
			`  messages               a list of {"role": "system" | "user" | "assistant", "content": …}` + "\n" +
			`  conversations          ShareGPT's, a list of {"from": "human" | "gpt", "value": …}` + "\n\n" +
			"A field system may stand beside each. It learns the tokens of the answers, or of all the\n" +
			"assistant's messages, each with the model's end of sequence behind it, and no others. The loss is\n" +
			"their mean negative log-likelihood over the lines of an update.\n\n" +
			"If the model has a chat template, a prompt is a user's turn in it, and an answer follows what the\n" +
			"template opens the reply with; without one both are plain text, one right behind the other. What\n" +
			"looks like a special token is text, but for <think> and </think> in answers. Lines with the same\n" +
			"prompt share its computation. A line that is too long for the model's context or a pass is an error\n" +
			"that names it; see \"long\" in --print-config for other ways. Without --model\n" +
			"it trains embedded:world.",
		Example: "  spell sft --data answers.jsonl --model path/to/model --out tuned --epochs 3 --lr 1e-5",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.sft(cmd, t) },
	}
	t.add(cmd, "spell-sft", "checkpoints and metrics")
	f := cmd.Flags()
	modelFlag(cmd, &t.model, nano.Path(nano.World))
	f.StringVar(&t.data, "data", "", "prompts and answers or conversations: JSON lines, a JSON list, CSV or Parquet")
	t.adapterFlags.describe(cmd)
	f.IntVar(&t.epochs, "epochs", c.Epochs, "times that every line is learned from")
	f.IntVar(&t.steps, "steps", c.Steps, "updates at most; 0: as many as the epochs have")
	f.IntVar(&t.batch, "batch", c.Batch, "lines of an update")
	f.Float64Var(&t.lr, "lr", c.Optim.LR, "largest learning rate")
	f.Float64Var(&t.heldOut, "held-out", c.HeldOut, "share of the lines that only measure the loss")
	return cmd
}

func (e *engine) sft(cmd *cobra.Command, t sftFlags) error {
	m := &sft.Method{OnModel: runner.OnModel{Path: t.model, Adapter: t.adapter}, Config: sft.Default(), Data: t.data}
	if t.data == "" && !t.print {
		return errors.New("--data is missing: name a file of prompts and answers; see spell help sft")
	}
	if !t.resume {
		if err := t.read(m.OnModel); err != nil {
			return err
		}
	}
	t.say(e)
	c := &m.Config
	given := t.adapterFlags.given(&c.LoRA)
	given["epochs"] = func() { c.Epochs = t.epochs }
	given["steps"] = func() { c.Steps = t.steps }
	given["batch"] = func() { c.Batch = t.batch }
	given["lr"] = func() { c.Optim.LR = t.lr }
	given["held-out"] = func() { c.HeldOut = t.heldOut }
	k := &job{method: m, model: t.model, adapter: t.adapter, given: given}
	if _, ok := nano.Named(t.model); !ok && !e.quiet { // an embedded base takes seconds
		k.rates = e.measure
	}
	return e.run(cmd, &t.runFlags, k)
}
