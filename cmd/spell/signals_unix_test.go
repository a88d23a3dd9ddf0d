//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals: every signal to stop ends a command that has nothing to save, at once.
func TestSignals(t *testing.T) {
	f := newFixture(t)
	waiting := []string{"tokenize", "--model", f.dir}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(s) { // as under nohup, by this process and so by its children
			continue
		}
		r, w := io.Pipe() // from which nothing comes
		c := command(t, "free", waiting...)
		c.Stdout = nil
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Stdin = io.MultiReader(strings.NewReader(strings.Repeat("\"The ferry\"\n", 1e4)), r)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // it is at work
			t.Fatal(err)
		}
		c.Process.Signal(s)
		io.Copy(io.Discard, out)
		w.Close()
		c.Wait()
		o := c.result()
		o.ends(t, exitInterrupted, strings.Replace("interrupted by "+signalName(s), " by SIGINT", "", 1))
	}
}

// TestStopSignals: a hangup that is ignored, as nohup has it, stays so, and SIGQUIT is Go's for
// those who look for stacks.
func TestStopSignals(t *testing.T) {
	for debug, stops := range map[string]bool{"": true, "1": false} {
		t.Setenv(debugVariable, debug)
		if slices.Contains(stopSignals(), os.Signal(syscall.SIGQUIT)) != stops {
			t.Errorf("with %s=%q, SIGQUIT stops a run: %t", debugVariable, debug, !stops)
		}
	}
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("hangups are ignored here")
	}
	if !slices.Contains(stopSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("a hangup does not stop a run")
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if slices.Contains(stopSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("a hangup stops a run that ignores them")
	}
}

// TestInterruptedGeneration: what was generated so far is printed, marked as such.
func TestInterruptedGeneration(t *testing.T) {
	f := newFixture(t)
	config := filepath.Join(f.dir, "config.json")
	const context = `"max_position_embeddings": `
	long := strings.Replace(string(read(t, config)), context+"96", context+"1000000", 1)
	write(t, config, long)
	args := []string{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "900000", "--temperature", "0"}
	for _, c := range []struct {
		signal syscall.Signal
		flags  []string
		says   string
	}{
		{syscall.SIGINT, nil, "spell: interrupted\n"},
		{syscall.SIGTERM, []string{"--json"}, "spell: interrupted by SIGTERM\n"},
		{syscall.SIGQUIT, []string{"--json"}, "spell: interrupted by SIGQUIT\n"},
	} {
		for wait := 300 * time.Millisecond; ; wait *= 2 {
			child := start(t, "free", append(args, c.flags...)...)
			time.Sleep(wait)
			child.Process.Signal(c.signal)
			child.Wait()
			o := child.result()
			if o.code != exitInterrupted || o.stderr != c.says {
				t.Fatalf("exit code %d, %q", o.code, o.stderr)
			}
			if o.out == "" && wait < 20*time.Second { // it was still loading
				continue
			}
			if len(o.out) < 2 {
				t.Fatalf("%q was printed", o.out)
			}
			if c.flags != nil {
				a := decode[[]generated](t, o.out)
				n := len(a[0].IDs)
				if len(a) != 1 || a[0].Finish != "interrupted" || n == 0 || len(a[0].LogProbs) != n {
					t.Errorf("%.200s", o.out)
				}
			}
			break
		}
	}
}

// TestStatus: a run that gets SIGQUIT says where it is, and goes on.
func TestStatus(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	child := command(t, "free", "train", "--steps", "1000", "--eval", "0", "--config", "testdata/golden/train.json",
		"--out", out, "--quiet")
	child.Stderr = nil
	stderr, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	made := func() int { // steps
		raw, _ := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
		return strings.Count(string(raw), "\n")
	}
	said := bufio.NewReader(stderr)
	for range 2 {
		for before := made(); made() < before+2; time.Sleep(20 * time.Millisecond) {
			if t.Context().Err() != nil {
				t.Fatal("no step is made")
			}
		}
		child.Process.Signal(syscall.SIGQUIT)
		line, err := said.ReadString('\n')
		want := regexp.MustCompile(`^spell: (step \d+ of 1000: \w+(, \d+% done)?|` +
			`writing the checkpoint of step \d+); it last moved \d+ s ago\n$`)
		if err != nil || !want.MatchString(line) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	child.Process.Signal(os.Interrupt)
	io.Copy(io.Discard, said)
	child.Wait()
	if o := child.result(); o.code != exitInterrupted {
		t.Errorf("exit code %d", o.code)
	}
}

// TestSecondSignal: one that comes while a run saves after the first ends it at once.
func TestSecondSignal(t *testing.T) {
	child := command(t, "deaf")
	child.Stderr = nil
	stderr, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stderr)
	for _, step := range []struct {
		line   string
		signal syscall.Signal
	}{{"ready\n", syscall.SIGINT}, {"cancelled\n", syscall.SIGTERM}} {
		if line, err := said.ReadString('\n'); err != nil || line != step.line {
			t.Fatalf("%q, %v", line, err)
		}
		child.Process.Signal(step.signal)
	}
	end, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	child.Wait()
	const want = "\nspell: interrupted by SIGTERM again: ended at once, without saving\n"
	if o := child.result(); o.code != exitInterrupted || string(end) != want {
		t.Errorf("exit code %d, %q", o.code, end)
	}
}

// deaf is a command that heeds signals and does not end.
func deaf() {
	ctx, stop := interruptible(context.Background())
	defer stop()
	heed(ctx)
	fmt.Fprintln(os.Stderr, "ready")
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "cancelled")
	time.Sleep(time.Hour)
}
