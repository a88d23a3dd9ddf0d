package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestExportCard: a folder that is exported keeps its card to the byte; one without gets a card,
// and so does a model that adapters are folded into, which tells of both.
func TestExportCard(t *testing.T) {
	const card = "README.md"
	base := nanoModel(t)
	export := func(args ...string) string {
		out := filepath.Join(t.TempDir(), "out")
		runs(t, append([]string{"export", "--to", "hf", "--out", out, "--quiet"}, args...)...)
		return string(read(t, filepath.Join(out, card)))
	}
	holds := func(text string, say ...string) {
		t.Helper()
		for _, s := range say {
			if !strings.Contains(text, s) {
				t.Errorf("%s\nlacks %q", text, s)
			}
		}
	}
	holds(export("--model", base), "# base\n", "library_name: transformers", "pipeline(")
	own := "---\r\nlicense: mit\r\n---\n# Mine\n"
	write(t, filepath.Join(base, card), own)
	if got := export("--model", base, "--type", "bf16"); got != own {
		t.Errorf("the card became %q", got)
	}
	_, at := adapterRun(t, base)
	trained := string(read(t, filepath.Join(at, card)))
	holds(trained, "library_name: peft", "license: mit", "# base, fine-tuned", "rank 4", "PeftModel", "lora.rank: 4")
	merged := export("--model", at)
	holds(merged, "library_name: transformers", "license: mit", "# base with adapters", "`step-000002`", "pipeline(",
		"### Settings", "spell sft")
	for _, text := range []string{trained, merged} {
		if strings.Contains(text, filepath.Dir(base)) || strings.Contains(text, "Mine") {
			t.Errorf("it tells of a path, or is the base's:\n%s", text)
		}
	}
}
