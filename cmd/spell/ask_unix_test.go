//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptedAsk: a signal ends the reply at work, with what was answered before it printed and counted.
func TestInterruptedAsk(t *testing.T) {
	f := newFixture(t)
	config := filepath.Join(f.dir, "config.json")
	const context = `"max_position_embeddings": `
	write(t, config, strings.Replace(string(read(t, config)), context+"96", context+"1000000", 1))
	docs := write(t, filepath.Join(t.TempDir(), "ferry.txt"), prose)
	for wait := 500 * time.Millisecond; ; wait *= 2 {
		child := start(t, "free", "ask", "--model", f.dir, "--docs", docs, "--prompts", "compact", "--max-tokens",
			"900000", "When does it leave?")
		time.Sleep(wait)
		child.Process.Signal(syscall.SIGINT)
		child.Wait()
		o := child.result()
		said := strings.TrimSpace(o.stderr)
		if o.code != exitInterrupted || o.out != "" || !strings.HasPrefix(said, "spell: interrupted") {
			t.Fatalf("exit code %d, %q, %q", o.code, o.out, o.stderr)
		}
		if o.stderr == "spell: interrupted: 0 of 1 questions are answered\n" {
			break
		}
		if wait > 20*time.Second { // else it was still loading
			t.Fatalf("%q", o.stderr)
		}
	}
}
