//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestOutput: an error of writing is kept for the end, and one of a reader that has gone is none.
func TestOutput(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
		code int
	}{
		{nil, "", 0},
		{syscall.ENOSPC, "writing to standard output: no space left on device", exitError},
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, "", 0},
		{syscall.EIO, "writing to standard output: input/output error", exitError}, // of a file
	} {
		out := &output{w: writer(func(p []byte) (int, error) { return len(p), c.err })}
		_, err := fmt.Fprintln(out, "a line")
		_, again := fmt.Fprintln(out, "another")
		if _, run := io.WriteString(steady{out}, "a line"); run != nil {
			t.Errorf("%v ends a run: %v", c.err, run)
		}
		if (err == nil) != (c.err == nil) || !errors.Is(again, err) || !errors.Is(out.err, err) {
			t.Errorf("%v: first %v, then %v, kept %v", c.err, err, again, out.err)
		}
		if c.want != "" && out.err.Error() != c.want {
			t.Errorf("%v, want %s", out.err, c.want)
		}
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestFullOutput: no command loses its results silently, and a run goes on.
func TestFullOutput(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	f := newFixture(t)
	for _, args := range [][]string{
		{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "2"},
		{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "2", "--n", "2"},
		{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "2", "--json"},
		{"score", "--model", f.dir, "--ids", f.ids},
		{"score", "--model", f.dir, "--ids", f.ids, "--json"},
		{"tokenize", "--model", f.dir, "--text", "a"},
		{"help"}, {"help", "train"}, {"version"}, {"--version"}, {"version", "--json"}, {"completion", "bash"},
		{"train", "--print-config"},
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := command(t, "free", args...)
		c.Stdout = full
		c.Run()
		full.Close()
		c.result().fails(t, "writing to standard output", "no space left")
	}
}

// TestClosedOutput: a command that was started without a standard output fails if its results are
// lost, and a run goes on.
func TestClosedOutput(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil || !cgo() {
		t.Skip("it takes sh to close the output and C to notice it")
	}
	f := newFixture(t)
	root := t.TempDir()
	run := []string{"pretrain", "--workers", "1", "--docs", filepath.Join(root, "docs"),
		"--config", smallRecipe(t, root)}
	for _, c := range []struct {
		lost bool
		args []string
	}{
		{true, []string{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "2"}},
		{true, []string{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "2", "--json"}},
		{true, []string{"score", "--model", f.dir, "--ids", f.ids}},
		{true, []string{"tokenize", "--model", f.dir, "--text", "a"}},
		{true, []string{"help"}}, {true, []string{"version"}}, {true, []string{"--version"}},
		{true, []string{"train", "--print-config"}},
		{true, append(run, "--out", filepath.Join(root, "dry"), "--dry-run")},
		{false, append(run, "--out", filepath.Join(root, "out"))},
	} {
		child := command(t, "free")
		child.Path, child.Stdout = shell, nil
		child.Args = append([]string{"sh", "-c", `exec "$0" "$@" >&-`, os.Args[0]}, c.args...)
		child.Run()
		if o := child.result(); c.lost {
			o.fails(t, "standard output", "closed")
		} else if o.code != 0 || strings.Contains(o.stderr, "closed") {
			t.Errorf("spell %s: %+v", strings.Join(c.args, " "), o)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "out", "model", "model.safetensors")); err != nil {
		t.Error(err)
	}
}

// cgo reports whether C is part of this program.
func cgo() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}

// smallRecipe writes documents and a recipe of pretrain that takes a second.
func smallRecipe(t *testing.T, root string) string {
	t.Helper()
	write(t, filepath.Join(root, "docs", "ferry.txt"), strings.Repeat(prose, 20))
	return write(t, filepath.Join(root, "recipe.json"), `{"vocab": 300, "hidden": 32, "ff": 48, "layers": 1,
		"heads": 2, "kv_heads": 1, "head_dim": 16, "context": 64, "pass_tokens": 128, "checkpoint": 1,
		"stages": [{"name": "text", "data": "text", "steps": 3, "tokens": 64}]}`)
}

// TestUnreadOutput: a reader that has gone ends a command without a word.
func TestUnreadOutput(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"help"}},
		{"", []string{"score", "--model", f.dir, "--ids", f.ids}},
		{strings.Repeat("\"a\"\n", 1e5), []string{"tokenize", "--model", f.dir}},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		child := command(t, "free", c.args...)
		child.Stdin, child.Stdout = strings.NewReader(c.stdin), w
		child.Run()
		w.Close()
		if o := child.result(); o.code != 0 || o.stderr != "" {
			t.Errorf("spell %s: exit code %d, %q", strings.Join(c.args, " "), o.code, o.stderr)
		}
	}
}

// TestRunWithoutOutput: a run goes on whatever becomes of what it says, and a full disk is told at
// the end.
func TestRunWithoutOutput(t *testing.T) {
	root := t.TempDir()
	config := smallRecipe(t, root)
	for name, code := range map[string]int{"unread": 0, "/dev/full": exitError} {
		var stdout *os.File
		if name == "unread" {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			stdout = w
		} else {
			full, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				continue // this system has none
			}
			stdout = full
		}
		out := filepath.Join(root, filepath.Base(name))
		c := command(t, "free", "pretrain", "--docs", filepath.Join(root, "docs"), "--config", config,
			"--out", out, "--workers", "1")
		c.Stdout = stdout
		c.Run()
		stdout.Close()
		if o := c.result(); o.code != code || (code != 0) != strings.Contains(o.stderr, "no space left") {
			t.Errorf("%s: %+v", name, o)
		}
		if _, err := os.Stat(filepath.Join(out, "model", "model.safetensors")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// command is the command in a process that has not been started.
func command(t *testing.T, mode string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	c.Env = append(os.Environ(), asCommand+"="+mode)
	c.Stdout, c.Stderr = &c.out, &c.stderr
	return c
}

// result is what a process did that has ended.
func (c *child) result() outcome {
	return outcome{c.ProcessState.ExitCode(), c.out.String(), string(bytes.TrimLeft(c.stderr.Bytes(), "\n"))}
}
