package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"spell/tensor/fixture"
)

// unstretched is a copy of a checkpoint with YaRN whose config.json does not say so.
func unstretched(t *testing.T) (dir string, want golden, ids string) {
	t.Helper()
	from := fixture.Path(t, "tiny/qwen2-yarn")
	dir = t.TempDir()
	config := decode[map[string]any](t, string(read(t, filepath.Join(from, "config.json"))))
	delete(config, "rope_scaling")
	config["max_position_embeddings"] = 64
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "config.json"), string(raw))
	write(t, filepath.Join(dir, "model.safetensors"), string(read(t, filepath.Join(from, "model.safetensors"))))
	want = decode[golden](t, string(read(t, filepath.Join(from, "golden.json"))))
	raw, err = json.Marshal(want.IDs)
	if err != nil {
		t.Fatal(err)
	}
	return dir, want, write(t, filepath.Join(t.TempDir(), "ids.json"), string(raw))
}

// TestYaRN stretches a model whose config.json says nothing of it to what one says that does.
func TestYaRN(t *testing.T) {
	dir, want, ids := unstretched(t)
	got := decode[golden](t, succeed(t, "", "score", "--model", dir, "--ids", ids, "--json", "--yarn", "4"))
	worst := 0.0
	for i, w := range want.LogProb {
		worst = max(worst, math.Abs(got.LogProb[i]-w))
	}
	if !(worst <= 2e-4) {
		t.Errorf("a log-probability is off by %g", worst)
	}
	int8 := spell(t, "", "score", "--model", dir, "--ids", ids, "--json", "--yarn", "4", "--precision", "int8")
	if int8.code != 0 {
		t.Errorf("int8 weights: %s", int8.stderr)
	}
	generate := func(more ...string) outcome {
		return spell(t, "", append([]string{"generate", "--model", dir, "--ids", "7,8,9", "--max-tokens", "100",
			"--json"}, more...)...)
	}
	for _, c := range []struct {
		name   string
		tokens int
		args   []string
	}{{"as it is", 61, nil}, {"stretched", 100, []string{"--yarn", "4"}}} {
		out := generate(c.args...)
		if out.code != 0 {
			t.Errorf("%s: %s", c.name, out.stderr)
			continue
		}
		answers := decode[[]struct {
			IDs    []int32 `json:"ids"`
			Finish string  `json:"finish"`
		}](t, out.out)
		if a := answers[0]; len(a.IDs) != c.tokens && a.Finish != "stop" {
			t.Errorf("%s: %d tokens, want %d", c.name, len(a.IDs), c.tokens)
		}
	}

	spell(t, "", "score", "--model", dir, "--ids", ids).fails(t, "beyond the model's context of 64")
	for _, factor := range []string{"0", "1", "-2", "NaN"} {
		generate("--yarn", factor).fails(t, "--yarn", "above 1")
	}
	generate("--yarn", "1e300").fails(t, "--yarn", dir, "below 134217728")
	spell(t, "", "score", "--model", fixture.Path(t, "tiny/qwen2-yarn"), "--ids", ids, "--yarn", "4").
		fails(t, "--yarn 4", "scaled already (rope_scaling yarn)")
}

// TestEndOfTheTokenizer: what the tokenizer names as the end ends an answer, whatever config.json
// says.
func TestEndOfTheTokenizer(t *testing.T) {
	f := newFixture(t)
	answer := func() (ids []int32, finish string) {
		t.Helper()
		out := succeed(t, "", "generate", "--model", f.dir, "--prompt", "The harbour", "--temperature", "0",
			"--max-tokens", "40", "--json")
		got := decode[[]struct {
			IDs    []int32 `json:"ids"`
			Finish string  `json:"finish"`
		}](t, out)
		return got[0].IDs, got[0].Finish
	}
	ids, finish := answer()
	if finish != "length" || len(ids) != 40 {
		t.Fatalf("%d tokens, %s", len(ids), finish)
	}
	tok, n := learned(t, prose, vocab), 0
	for !utf8.Valid(tok.TokenBytes(ids[n])) {
		n++ // a file of JSON cannot name half a character
	}
	config, err := json.Marshal(map[string]string{"eos_token": string(tok.TokenBytes(ids[n]))})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.dir, "tokenizer_config.json"), string(config))
	if got, finish := answer(); finish != "stop" || !slices.Equal(got, ids[:n+1]) {
		t.Errorf("answer %v ends by %s; want %v, by stop", got, finish, ids[:n+1])
	}
}
