package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spell/rl/role"
)

func promptsCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "prompts SET [--out DIR]",
		Short: "Print a prompt set, or write it to a folder to change it",
		Long: "prompts prints the texts of a built-in prompt set, " + strings.Join(role.Sets(), " or ") + ",\n" +
			"or of a folder, a file after the other. With --out it writes them to a new folder, which the\n" +
			"setting \"prompts\" of train takes: change the texts there, keep the {{fields}} they have.",
		Example: "  spell prompts compact\n" +
			"  spell prompts full --out my-prompts\n" +
			"  spell train --model DIR --docs my-documents --set prompts=my-prompts",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("prompts takes one prompt set, %s or a folder, and was given %d; %s",
					strings.Join(role.Sets(), ", "), len(args), helpOf(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := role.Files(args[0])
			if err != nil {
				return err
			}
			names, err := fs.Glob(set, "*.txt")
			if err != nil {
				return err
			}
			if out != "" {
				return writePrompts(set, names, out)
			}
			for _, name := range names {
				text, err := fs.ReadFile(set, name)
				if err != nil {
					return err
				}
				body := strings.TrimSuffix(string(text), "\n")
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "--- %s\n%s\n", name, body); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to write the texts to; it must not be there yet")
	return cmd
}

// writePrompts writes the files of a prompt set to a new folder.
func writePrompts(set fs.FS, names []string, out string) error {
	if err := os.Mkdir(out, 0o777); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--out %s is there already; name a new folder, so that no text of yours is written over", out)
	} else if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(set, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
