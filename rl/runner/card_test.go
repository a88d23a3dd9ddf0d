package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/model/card"
	"spell/model/train"
)

// TestCard: a checkpoint has a card that tells of its run and of the model that it began with,
// whose licence it takes over and whose own card it replaces. A run that goes on writes the same.
func TestCard(t *testing.T) {
	root := t.TempDir()
	newFake().mustRun(t, filepath.Join(root, "first"), false)
	base := filepath.Join(root, "some-base")
	must(t, os.Rename(filepath.Join(root, "first", train.Name(5)), base))
	own := []byte("---\nlicense: mit\n---\n# Some base\n\nOurs.\n")
	must(t, os.WriteFile(filepath.Join(base, card.Name), own, 0o666))
	of := func() *fake {
		f := newFake()
		f.model = base
		return f
	}
	dir := filepath.Join(root, "run")
	of().mustRun(t, dir, false)
	read := func(dir string, n int) string {
		raw, err := os.ReadFile(filepath.Join(dir, train.Name(n), card.Name))
		must(t, err)
		return string(raw)
	}
	for n, more := range map[int]string{4: "| steps | 4 |", 5: "| steps | 5 |"} {
		text := read(dir, n)
		for _, want := range []string{more, "license: mit\n", "# some-base, taught\n", "| base | `some-base` |",
			"spell fake", "2528 parameters", "optim.lr: ", "library_name: transformers", "- tested after "} {
			if !strings.Contains(text, want) {
				t.Errorf("step %d:\n%s\nlacks %q", n, text, want)
			}
		}
		if strings.Contains(text, root) || strings.Contains(text, "Ours.") {
			t.Errorf("step %d: it tells of a path or is the base's:\n%s", n, text)
		}
	}
	if text := read(dir, 5); !strings.Contains(text, "- tested after 5") {
		t.Errorf("the last measurement is missing:\n%s", text)
	}
	// The card of the last step is written anew with its measurement.
	again := filepath.Join(root, "again")
	of().killAt(t, again, 5, false)
	of().mustRun(t, again, true)
	equal(t, files(t, again), files(t, dir))
}
