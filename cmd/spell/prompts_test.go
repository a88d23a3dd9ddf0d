package main

import (
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/role"
)

// TestPrompts: every built-in set is printed, whole or what it has of its own, and written to a folder that is a set
// itself; nothing of the user's is written over.
func TestPrompts(t *testing.T) {
	for _, set := range role.Sets() {
		dir := filepath.Join(t.TempDir(), "mine")
		printed := succeed(t, "", "prompts", set)
		succeed(t, "", "prompts", set, "--out", dir)
		whole := strings.Contains(printed, "--- verifier.txt\n") || strings.Contains(printed, "--- like.txt\n")
		if again := succeed(t, "", "prompts", dir); again != printed || !whole {
			t.Errorf("%s: the folder prints\n%s\nand the set\n%s", set, again, printed)
		}
		if _, err := role.Load(dir); err != nil {
			t.Error(err)
		}
		write(t, filepath.Join(dir, "verifier.txt"), "mine\n")
		spell(t, "", "prompts", set, "--out", dir).fails(t, dir, "there already")
		if got := string(read(t, filepath.Join(dir, "verifier.txt"))); got != "mine\n" {
			t.Errorf("a text of the user's became %q", got)
		}
	}
}
