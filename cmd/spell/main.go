// Command spell makes a decoder language model better at long documents by self-play.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	code := run(os.Args[1:])
	if err := os.Stdout.Close(); err != nil && code == 0 { // a network's disk tells of a failed write here
		code = report(fmt.Errorf("closing standard output: %w", err))
	}
	os.Exit(code)
}

// run executes one command line and returns the exit code. Whatever goes wrong is one sentence
// on standard error.
func run(args []string) (code int) {
	ignoreSignals()
	if err := reserveThreads(0); err != nil {
		return report(err)
	}
	ctx, stop := interruptible(context.Background())
	defer stop()
	defer func() {
		if r := recover(); r != nil {
			code = report(panicked(r))
		}
	}()
	out := standardOutput()
	root := newRoot(out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err
	}
	return report(named(ctx, err))
}

// The groups of commands in the root's help.
const (
	trainingGroup = "training"
	usingGroup    = "using"
	machineGroup  = "machine"
)

func newRoot(out *output) *cobra.Command {
	root := &cobra.Command{
		Use:   "spell",
		Short: "Make a language model better at long documents by self-play",
		Long: "spell trains a decoder language model on a folder of raw documents without labels:\n" +
			"the model asks questions about the documents, answers them and judges the answers\n" +
			"(SPELL, arXiv 2509.23863).\n\n" + exitCodes,
		Example: "  spell train                                      a small model on a generated world\n" +
			"  spell train --docs my-documents --model DIR      a model of yours on documents of yours\n" +
			"  spell generate --model DIR --chat --prompt \"Hi\"  ask a model",
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: checkFlags,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           version().line(),
	}
	root.SetOut(out)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.AddGroup(&cobra.Group{ID: trainingGroup, Title: "Training:"},
		&cobra.Group{ID: usingGroup, Title: "Using a model:"},
		&cobra.Group{ID: machineGroup, Title: "This machine and this program:"})
	root.SetHelpCommandGroupID(machineGroup)
	root.SetCompletionCommandGroupID(machineGroup)
	var e engine
	e.flags(root)
	for _, c := range []*cobra.Command{trainCommand(&e), sftCommand(&e), pretrainCommand(&e), corpusCommand(&e)} {
		c.GroupID = trainingGroup
		c.SetOut(steady{out}) // nobody has to read along
		c.PreRun = func(cmd *cobra.Command, _ []string) {
			heed(cmd.Context())
			if out.isClosed() && given(cmd, "dry-run", "print-config") == 0 { // what it makes is in --out
				cmd.SetOut(io.Discard)
			}
		}
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{askCommand(&e), generateCommand(&e), scoreCommand(&e), evalCommand(&e),
		measureCommand(&e), tokenizeCommand(), exportCommand(&e), promptsCommand(), inspectCommand(), reportCommand()} {
		c.GroupID = usingGroup
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{planCommand(&e), doctorCommand(&e), versionCommand()} {
		c.GroupID = machineGroup
		root.AddCommand(c)
	}
	return root
}
