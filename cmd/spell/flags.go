package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spell/model/nano"
	"spell/model/open"
)

// noArguments refuses what stands on a command line outside of flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "quote a text that has spaces or *"
	if cmd.Flags().Lookup("docs") != nil {
		hint += ", and name a folder of documents with --docs"
	}
	return fmt.Errorf("%s takes no arguments beside its flags, and %q is one: %s; %s",
		cmd.CommandPath(), args[0], hint, helpOf(cmd))
}

// checkFlags refuses a command line that leaves out what a command requires, or has flags that
// exclude each other, or a --model that is none. cobra completes command lines by the same marks.
func checkFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		required := slices.Contains(f.Annotations[cobra.BashCompOneRequiredFlag], "true")
		if err == nil && required && f.Value.String() == "" {
			err = fmt.Errorf("--%s is missing (%s); %s", f.Name, f.Usage, helpOf(cmd))
		}
		if err != nil || !f.Changed {
			return
		}
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			for _, other := range strings.Fields(group) {
				if other != f.Name && cmd.Flags().Changed(other) {
					err = fmt.Errorf("--%s and --%s exclude each other; leave one out", f.Name, other)
					return
				}
			}
		}
	})
	if err != nil {
		return err
	}
	return checkModel(cmd)
}

// modelFlag describes --model, with what it is if it is not given; empty: it has to be, or does without.
func modelFlag(cmd *cobra.Command, to *string, otherwise string) {
	usage := "Hugging Face model folder, GGUF file, " + nano.Paths()
	if otherwise != "" {
		usage += ";\nempty: " + otherwise
	}
	cmd.Flags().StringVar(to, "model", "", usage)
}

// checkModel refuses a --model, and a --before that is another one, that is no folder, GGUF file or embedded base,
// before anything is read.
func checkModel(cmd *cobra.Command) error {
	if given(cmd, "resume") > 0 { // a run that goes on has its own
		return nil
	}
	for _, name := range []string{"model", "before"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.String() != "" {
			if err := checkPath(cmd, name, f.Value.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPath refuses a path that a flag does not take as a model's.
func checkPath(cmd *cobra.Command, flag, path string) error {
	if _, ok := nano.Named(path); ok {
		return nil
	}
	if err := nano.Check(path); err != nil {
		return fmt.Errorf("--%s %w", flag, err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--%s %s is not there, %s", flag, path, insteadOf(path))
	case errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir():
		if cmd.Name() == "plan" && filepath.Ext(path) == ".json" { // it needs no more
			return nil
		}
		if format, err := open.FormatOf(path); err == nil && format == open.GGUF {
			return nil
		}
		return fmt.Errorf("--%s %s is not a folder: name the folder that holds the model's files, such as %s, or a "+
			"GGUF file", flag, path, filepath.Dir(path))
	}
	return err
}

// flagError says an error of parsing flags in one sentence: which flag was meant, what it takes,
// and where it is described.
func flagError(cmd *cobra.Command, err error) error {
	hint := ""
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		typed := cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName())
		if near := nearest(typed, names); near != "" && len(typed) > 1 {
			hint = "did you mean --" + near + "? "
		}
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		err = fmt.Errorf("--%s takes %s, not %q", f.Name, taken(f), invalid.GetValue())
	case errors.As(err, &bare):
		err = fmt.Errorf("--%s has no value; it takes %s", bare.GetSpecifiedName(), taken(bare.GetFlag()))
	}
	return fmt.Errorf("%w; %s%s", err, hint, helpOf(cmd))
}

// taken says what a flag takes.
func taken(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "no value, or true or false"
	case "uint64":
		return "a whole number of at least 0, of at most 19 digits"
	case "int":
		return "a whole number of at most 18 digits"
	case "float64":
		return "a plain number, as 0.05, without a unit or %"
	}
	return "a text"
}

// helpOf says where a command is described.
func helpOf(cmd *cobra.Command) string {
	_, name, _ := strings.Cut(cmd.CommandPath(), " ")
	return strings.TrimSpace("see spell help " + name)
}
