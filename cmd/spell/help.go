package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"spell/rl/metrics"
	"spell/rl/runner"
)

// helpCommand returns the command help, which knows when there is nothing to say about its
// arguments.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Describe a command and its flags",
		Long: "help describes a command with its flags and examples, or spell as a whole. help " + metricsTopic +
			"\nexplains every field of " + runner.MetricsFile + ".",
		Example:           "  spell help train\n  spell help " + metricsTopic,
		ValidArgsFunction: completeCommands,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == metricsTopic {
				return explainMetrics(cmd.OutOrStdout())
			}
			c, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(c, rest[0])
			}
			c.InitDefaultHelpFlag()
			c.InitDefaultVersionFlag()
			return c.Help()
		},
	}
}

// metricsTopic is what help knows beside commands.
const metricsTopic = "metrics"

// metricLines are the lines of metrics of every method.
func metricLines() (lines []metrics.Line) {
	for _, m := range methods() {
		if d, ok := m.(interface{ Metrics() []metrics.Line }); ok {
			lines = append(lines, d.Metrics()...)
		}
	}
	return lines
}

// explainMetrics writes what every field of a run's metrics means.
func explainMetrics(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s has a JSON object per line, a line per step and measurement. Fields within others\n"+
		"stand further in. In TensorBoard (setting tensorboard) the names that lead to a number, with / between\n"+
		"them, are its tag.\n", runner.MetricsFile)
	for _, l := range metricLines() {
		if err == nil {
			_, err = fmt.Fprintln(w)
		}
		if err == nil {
			err = l.Write(w)
		}
	}
	return err
}

// completeCommands completes the name of a command.
func completeCommands(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, c := range cmd.Root().Commands() {
			if c.IsAvailableCommand() {
				names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		}
		names = append(names, cobra.CompletionWithDesc(metricsTopic, "Explain "+runner.MetricsFile))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// knownCommand refuses the arguments of a command that only has others below it.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	hint := ""
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "? "
	}
	return fmt.Errorf("unknown command %q for %q; %ssee spell help", name, cmd.CommandPath(), hint)
}

// nearest returns the name that was most likely meant, or "" if none is like it.
func nearest(typed string, names []string) string {
	best, least := "", max(1, len(typed)/2)+1
	for _, n := range names {
		d := distance(typed, n)
		if len(typed) > 2 && strings.HasPrefix(n, typed) {
			d = 1
		}
		if d < least {
			best, least = n, d
		}
	}
	return best
}

// distance returns how many letters are to be inserted, removed, changed or swapped with the next
// to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
