package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/model/open"
	"spell/rl/runner"
)

func exportCommand(e *engine) *cobra.Command {
	var x exporter
	var to string
	cmd := &cobra.Command{
		Use:   "export --model DIR|FILE --to gguf|hf --out PATH",
		Short: "Write a model as other programs read it",
		Long: "export writes a model as a GGUF file, which llama.cpp and ollama load, or as a Hugging Face\n" +
			"folder, which transformers and vLLM load, with its tokenizer and chat template. --model may be\n" +
			"either. The weights keep the type that they have unless --type names another; quantized ones\n" +
			"become bf16 in a folder. In GGUF files, matrices whose rows are no whole blocks of q8_0 are f16,\n" +
			"norms, biases and routers f32.\n\n" +
			"--adapter folds LoRA adapters into the weights; this alone takes the memory of the model. A --model\n" +
			"that holds adapters alone stands for these and the model that they name.\n\n" +
			"--out must not be there yet, and is there whole or not at all. Weights pass through in pieces:\n" +
			"export takes little memory, whatever the size of the model.",
		Example: "  spell export --model runs/mine/step-000100 --to gguf --out mine.gguf --type q8_0\n" +
			"  spell export --model mine.gguf --to hf --out mine\n" +
			"  spell export --model path/to/model --to hf --out half --type bf16\n" +
			"  spell export --model path/to/model --adapter runs/lora/step-000100 --to gguf --out tuned.gguf",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch to {
			case "gguf":
				x.Format = open.GGUF
			case "hf":
				x.Format = open.Folder
			default:
				return fmt.Errorf("--to %q: give gguf, for llama.cpp and ollama, or hf, for transformers and vLLM", to)
			}
			if x.Type != "" && !slices.Contains(exportTypes, x.Type) {
				return fmt.Errorf("--type %q: give %s", x.Type, strings.Join(exportTypes, ", "))
			}
			if x.Type == "q8_0" && x.Format == open.Folder {
				return fmt.Errorf("--type q8_0 is for --to gguf; a folder takes f32, f16 or bf16")
			}
			x.Open = func() (kernels.Backend, error) {
				b, _, err := e.open()
				return b, err
			}
			heed(cmd.Context())
			console := runner.NewConsole(cmd.OutOrStdout(), os.Stderr, e.quiet)
			defer console.Done()
			return x.Run(cmd.Context(), console)
		},
	}
	f := cmd.Flags()
	modelFlag(cmd, &x.Model, "")
	f.StringVar(&x.Adapter, "adapter", "", "folder of LoRA adapters of the model, as PEFT saves them, to fold in")
	f.StringVar(&to, "to", "", "gguf: a file; hf: a Hugging Face folder")
	f.StringVar(&x.Out, "out", "", "file or folder to write; it must not be there yet")
	f.StringVar(&x.Type, "type", "", "type of the weights: f32, f16, bf16, or q8_0 in GGUF; none: the one they have")
	for _, name := range []string{"model", "to", "out"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}
