// Package tool is what the commands of bench have in common beside their measuring: how they end, how they get the
// program, and files of results that a later call goes on with.
package tool

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"spell/rl/journal"
)

// Main runs a command of a name to its end, with the arguments of the program. An error is printed and makes the exit
// code 1; one that asks for help is none.
func Main(name string, run func(args []string) error) {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Build builds spell into a folder and returns its path. A program that is given is returned as it is.
func Build(given, dir string) (path string, err error) {
	if given != "" {
		return given, nil
	}
	path = filepath.Join(dir, "spell")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd/spell").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building spell: %w\n%s", err, out)
	}
	return path, nil
}

// Begun reports whether a folder holds a run of spell to go on with. One that was killed before it wrote anything
// begins anew.
func Begun(out string) bool {
	steps, _ := filepath.Glob(filepath.Join(out, "step-*"))
	_, err := os.Stat(filepath.Join(out, "run.json"))
	return len(steps) > 0 || err == nil
}

// Results reads a file of results, a line of JSON each. If it is not there, there are none. A last line without its
// end, as a command that was killed leaves it, is passed over.
func Results[T any](path string) (list []T, err error) {
	for line, err := range journal.Lines(path) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		var r T
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w; remove the line to measure it again", path, len(list)+1, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// Add adds a line to such a file.
func Add(path string, result any) error {
	return journal.New(filepath.Dir(path)).Append(filepath.Base(path), result)
}
