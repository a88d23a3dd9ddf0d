package main

import (
	"os"
	"path/filepath"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/rl/spell"
)

// workplaceOf returns a place with a tiny decoder and its documents.
func workplaceOf(t *testing.T, n sizes) workplace {
	t.Helper()
	at := workplace{t.TempDir()}
	if err := writeCheckpoint(at.checkpoint(), runnertest.Tiny(3000, 4096, 0)); err != nil {
		t.Fatal(err)
	}
	text, err := runner.TextOf(at.checkpoint(), 3000)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeDocuments(at.documents(n), text.Tok, n); err != nil {
		t.Fatal(err)
	}
	return at
}

// TestScript: every stage of a step is played with outputs as long as they may be, all roles train, and the
// tokens of the script have the probabilities at which they are trained.
func TestScript(t *testing.T) {
	ctx, s := t.Context(), &script{}
	r := row{Phase: "lora", Precision: "int8", sizes: sizes{Prompt: 768, Questions: 2, Answers: 4, Answer: 64}}
	m, err := newMethod(r, workplaceOf(t, r.sizes), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Read(ctx, "", runner.NewConsole(os.Stderr, os.Stderr, true)); err != nil {
		t.Fatal(err)
	}
	b, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w, text, err := m.Load(ctx, b, model.F32)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	loop, err := m.Begin(ctx, runner.Model{Backend: sampler{b, s}, Weights: w, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Free()
	rep, err := loop.Step(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	said := rep.Metrics.(*spell.Report)
	if said.Cut > 0 || said.PassRate != 0.5 || said.RuleRate != 0.5 || said.Agree != 1 || said.Counts.Good != 2 {
		t.Errorf("the step is not that of the script: %+v", said)
	}
	documents := map[string][]string{}
	for _, line := range rep.Transcript {
		if d, ok := line.(spell.Documents); ok {
			documents[d.Cluster] = d.Documents
			continue
		}
		said := line.(spell.Record)
		n := len(text.Tok.Encode(said.Pieces.Join(documents[said.Cluster])))
		if said.Stage == "respond" && (n < r.Prompt-220 || n > r.Prompt) {
			t.Errorf("a prompt that is answered has %d tokens", n) // a questioner's instructions are longer
		}
	}
	for i, samples := range []int{2, 2 + 8, 32} {
		want := []float64{64, 64, 16}[i]
		if r := said.Roles[i]; r.Length != want || r.Samples < samples-2 {
			t.Errorf("%v: %d samples of %g tokens, want %d of %g", r.Role, r.Samples, r.Length, samples, want)
		}
		if p := said.Update.Parts[i]; p.Tokens == 0 {
			t.Errorf("nothing trained the %s", p.Name)
		}
	}
	if d := said.Update.MaxLogpDiff; d != 0 {
		t.Errorf("tokens are trained at log-probabilities that differ by %g", d)
	}
	if len(s.pending) > 0 || s.outputs != 2*(2+4*5) {
		t.Errorf("%d outputs were said, %d are under way", s.outputs, len(s.pending))
	}
}

// TestMeasure: a row is measured as the program's own process does it, and leaves nothing behind.
func TestMeasure(t *testing.T) {
	step := sizes{Prompt: 768, Questions: 1, Answers: 2, Answer: 64, Recompute: true}
	at := workplaceOf(t, step)
	for _, r := range []row{
		{Phase: "score", Precision: "int8", sizes: sizes{Prompt: 768}},
		{Phase: "full", Precision: "bf16", Moments: "int8", sizes: step},
	} {
		res, err := measure(t.Context(), r, at)
		if err != nil {
			t.Fatalf("%s: %v", r.name(), err)
		}
		if res.row != r || res.Tokens < r.Prompt || res.Seconds <= 0 || res.Planned <= 0 || res.Refused != "" {
			t.Errorf("%s came to %+v", r.name(), res)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(at.dir, "*")); len(left) != 2 {
		t.Errorf("the folder holds %q", left)
	}
}
