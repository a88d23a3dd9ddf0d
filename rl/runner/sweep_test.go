package runner

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSweep: what a run leaves that was killed while it wrote is removed when its folder is opened
// again, whatever the folder is called; what is somebody else's stays.
func TestSweep(t *testing.T) {
	for _, name := range []string{"out", "o[u]t*?"} {
		dir := filepath.Join(t.TempDir(), name)
		ours := []string{".probe-1", ".run.json.tmp0", ".settings.yaml.tmp3", ".unfinished.jsonl.tmp0",
			".writing-step-000006/model.safetensors", "step-000003/.state.json.tmp0",
			"step-000003/training/.state.json.tmp0", "model/.config.json.tmp1"}
		others := []string{".run.json", "run.json.tmp0", "notes/.state.json.tmp0", ".writing-notes.txt",
			"writing-step-000006/model.safetensors", "step-000003/state.json"}
		for _, file := range append(ours, others...) {
			path := filepath.Join(dir, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := sweep(dir); err != nil {
			t.Fatal(err)
		}
		for _, file := range ours {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err == nil {
				t.Errorf("%s: %s is still there", name, file)
			}
		}
		for _, file := range others {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s: %s is gone", name, file)
			}
		}
	}
}
