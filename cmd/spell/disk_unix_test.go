//go:build unix

package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asCommand, set, makes the test binary the command itself, for tests that limit or interrupt
// it. The value "limited" keeps every file below fileLimit bytes: the nearest thing to a full
// disk that needs no privileges.
const (
	asCommand = "SPELL_TEST_AS_COMMAND"
	fileLimit = 64 << 10
)

// limited sets the limit that another value asks for, on systems that have it.
var limited = func(mode string) {}

func TestMain(m *testing.M) {
	switch os.Getenv(asCommand) {
	case "":
		os.Exit(m.Run())
	case "deaf":
		deaf()
	case "limited":
		limit := syscall.Rlimit{Cur: fileLimit, Max: fileLimit}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			panic(err)
		}
	default:
		limited(os.Getenv(asCommand))
	}
	os.Exit(run(os.Args[1:]))
}

// A child is the command in a process of its own.
type child struct {
	*exec.Cmd
	out, stderr bytes.Buffer
}

func start(t *testing.T, mode string, args ...string) *child {
	t.Helper()
	c := command(t, mode, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) wait() outcome {
	c.Wait()
	return outcome{c.ProcessState.ExitCode(), c.out.String(), c.stderr.String()}
}

// interrupt presses Ctrl-C as soon as done says so.
func (c *child) interrupt(t *testing.T, done func() bool) outcome {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Process.Kill()
			t.Fatalf("nothing happened for a minute: %+v", c.wait())
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return c.wait()
}

// TestFullDisk interrupts a run, resumes it on a full disk and then on one with room: nothing
// that was saved is lost.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	docs, out := filepath.Join(root, "docs"), filepath.Join(root, "out")
	write(t, filepath.Join(docs, "ferry.txt"), strings.Repeat(prose, 20))
	write(t, filepath.Join(docs, "moor.txt"), strings.Repeat(moor, 20))
	config := write(t, filepath.Join(root, "recipe.json"), `{
		"vocab": 300, "hidden": 32, "ff": 48, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 16,
		"context": 64, "pass_tokens": 128, "checkpoint": 1,
		"stages": [{"name": "text", "data": "text", "steps": 100000, "tokens": 64}]}`)
	args := []string{"pretrain", "--docs", docs, "--out", out, "--config", config, "--workers", "1", "--quiet"}
	saved := func() []string {
		list, err := filepath.Glob(filepath.Join(out, "step-*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}

	stopped := start(t, "free", args...).interrupt(t, func() bool { return len(saved()) == 2 })
	stopped.ends(t, exitInterrupted, "interrupted after", "--resume")
	before := files(t, out)
	if len(saved()) != 2 || len(before) < 8 {
		t.Fatalf("%v was saved", saved())
	}

	full := start(t, "limited", append(args, "--resume")...).wait()
	full.fails(t, "writing checkpoint "+filepath.Join(out, "step-"), syscall.EFBIG.Error(),
		"earlier checkpoints are untouched")
	after, metrics := files(t, out), filepath.Join(out, "metrics.jsonl")
	if !strings.HasPrefix(after[metrics], before[metrics]) { // it has a step that was not saved
		t.Errorf("the metrics have become\n%s\nand were\n%s", after[metrics], before[metrics])
	}
	after[metrics] = before[metrics]
	if !reflect.DeepEqual(after, before) {
		t.Errorf("the full disk changed what was there: %d files before, %d after", len(before), len(after))
	}
	spell(t, "", args...).fails(t, out, "--resume")

	newest := saved()[1]
	succeed(t, "", "generate", "--model", newest, "--prompt", "The ferry", "--max-tokens", "3", "--workers", "1")
	resumed := start(t, "free", append(args, "--resume")...).interrupt(t, func() bool {
		list := saved()
		return len(list) > 0 && list[len(list)-1] > newest
	})
	resumed.ends(t, exitInterrupted, "interrupted after", "--resume")
}

// files returns the contents of every file under dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all[path] = string(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
