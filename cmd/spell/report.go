package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	pages "spell/rl/report"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run as a page for the browser: plots and every question",
		Long: "report writes RUN/" + pages.Name + ", which needs no network: plots of the run's metrics, and every\n" +
			"question with its documents, answers, votes and rewards, to be filtered by step, outcome and kind.\n" +
			"A page has 20 MB at most; further questions are in numbered ones beside it. The run may be at work.",
		Example: "  spell report runs/mine && open runs/mine/" + pages.Name,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name the folder of one run, which it was given as --out")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := pages.Write(args[0], pages.MaxPage)
			for _, path := range paths {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}
