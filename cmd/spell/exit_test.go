package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"spell/kernels"
)

// fellBehind is an error of another package that has an exit code.
type fellBehind struct{}

func (fellBehind) Error() string { return "the model got worse" }
func (fellBehind) ExitCode() int { return exitWorse }

// TestReport: every kind of end has its exit code and at most one sentence.
func TestReport(t *testing.T) {
	live := context.Background()
	interrupted, cancel := context.WithCancelCause(live)
	cancel(signalled{os.Interrupt})
	killed, cancel := context.WithCancelCause(live)
	cancel(signalled{os.Kill})
	for _, c := range []struct {
		name, want string
		ctx        context.Context
		err        error
		code       int
	}{
		{"done", "", live, nil, 0},
		{"an error", "spell: no such\n", live, errors.New("no\n such"), exitError},
		{"nobody reads", "", live, fmt.Errorf("line 1: %w", errUnread), 0},
		{"a code of another package", "spell: step 3: the model got worse\n", live, fmt.Errorf("step 3: %w", fellBehind{}), exitWorse},
		{"interrupted, with how to go on", "spell: interrupted after step 3\n", interrupted, fmt.Errorf("%w after step 3", errInterrupted), exitInterrupted},
		{"Ctrl-C deep below", "spell: interrupted\n", interrupted, fmt.Errorf("passes: %w", context.Canceled), exitInterrupted},
		{"another signal", "spell: interrupted by " + signalName(os.Kill) + "\n", killed, killed.Err(), exitInterrupted},
		{"the cause as the error", "spell: interrupted by " + signalName(os.Kill) + "\n", killed, context.Cause(killed), exitInterrupted},
		{"cancelled without a signal", "spell: interrupted\n", live, context.Canceled, exitInterrupted},
		{"a failure while interrupted", "spell: the disk is full\n", interrupted, errors.New("the disk is full"), exitError},
		{"a fault of the machine", "spell: lost\n", live, panicked(&kernels.Fault{Err: errors.New("lost")}), exitError},
		{"a mistake of the program", "spell: internal error: index out of range; please report it with the output of `spell version`\n",
			live, panicked("index out of range"), exitError},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := os.Stderr
			f, err := os.Create(filepath.Join(t.TempDir(), "err"))
			if err != nil {
				t.Fatal(err)
			}
			os.Stderr = f
			code := report(named(c.ctx, c.err))
			os.Stderr = was
			f.Close()
			if got := string(read(t, f.Name())); code != c.code || got != c.want {
				t.Errorf("exit code %d and %q, want %d and %q", code, got, c.code, c.want)
			}
		})
	}
}

// TestHelp: every command is in a group and has an example, its help fits a terminal, and the exit
// codes are told.
func TestHelp(t *testing.T) {
	root := newRoot(&output{})
	for _, c := range root.Commands() {
		if c.GroupID == "" || c.Example == "" || c.Long == "" {
			t.Errorf("%s: group %q, example %q, description %q", c.Name(), c.GroupID, c.Example, c.Long)
		}
	}
	help := succeed(t, "", "help")
	if bare := succeed(t, ""); bare != help {
		t.Errorf("spell alone says %q", bare)
	}
	for _, s := range []string{"Exit codes: 0 done", "130", "Training:", "Using a model:", "completion"} {
		if !strings.Contains(help, s) {
			t.Errorf("no %q in\n%s", s, help)
		}
	}
	one, other := succeed(t, "", "help", "generate"), succeed(t, "", "generate", "--help")
	if one != other || !strings.Contains(one, "Examples:") {
		t.Errorf("help generate:\n%s\ngenerate --help:\n%s", one, other)
	}
	for _, c := range root.Commands() {
		for line := range strings.Lines(succeed(t, "", "help", c.Name())) {
			if n := utf8.RuneCountInString(line) - 1; n > 110 {
				t.Errorf("help %s has a line of %d columns: %s", c.Name(), n, line)
			}
		}
	}
	if s := succeed(t, "", "completion", "bash"); !strings.Contains(s, "spell") {
		t.Error("no completion for bash")
	}
}

// TestVersion: the line and the table say the same.
func TestVersion(t *testing.T) {
	b := decode[build](t, succeed(t, "", "version", "--json"))
	text, line := succeed(t, "", "version"), succeed(t, "", "--version")
	for _, s := range []string{b.Version, b.Go, b.System} {
		if s == "" || !strings.Contains(text, s) || !strings.Contains(line, s) {
			t.Errorf("%q is missing in %q or %q", s, line, text)
		}
	}
	for _, c := range []struct {
		build
		want string
	}{
		{build{}, "unknown"},
		{build{Revision: "abc"}, "abc"},
		{build{Revision: "0123456789abcdef", Time: "2026-01-02T03:04:05Z"}, "0123456789ab of 2026-01-02T03:04:05Z"},
		{build{Revision: "0123456789abcdef", Time: "2026-01-02T03:04:05Z", Modified: true}, "0123456789ab of 2026-01-02T03:04:05Z, modified"},
	} {
		if got := c.revision(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
