// Command spell makes a decoder language model better at long documents by self-play.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"spell/kernels"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and returns the exit code. Whatever goes wrong is one sentence
// on standard error.
func run(args []string) (code int) {
	ignoreFileSizeSignal()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *kernels.Fault:
			fmt.Fprintln(os.Stderr, "spell:", r)
			code = 1
		default:
			panic(r)
		}
	}()
	root := newRoot()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "spell:", oneLine(err))
		return 1
	}
	return 0
}

// oneLine keeps an error to one line whatever a file name in it holds.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "spell",
		Short: "Make a language model better at long documents by self-play",
		Long: "spell trains a decoder language model on a folder of raw documents without labels:\n" +
			"the model asks questions about the documents, answers them and judges the answers\n" +
			"(SPELL, arXiv 2509.23863).",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	var e engine
	e.flags(root)
	root.AddCommand(scoreCommand(&e), generateCommand(&e), tokenizeCommand(), pretrainCommand(&e), trainCommand(&e), sftCommand(&e), planCommand(&e), doctorCommand(&e))
	return root
}

// errInterrupted is what a command returns after Ctrl-C, once it has said how to go on.
var errInterrupted = errors.New("interrupted")
