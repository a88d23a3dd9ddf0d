package hf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedConfig: a file of the model that is no JSON, or has a field of another kind, is told
// with its name and the line or the field, in no words of a library.
func TestDamagedConfig(t *testing.T) {
	good := `{"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
		"num_attention_heads": 1, "vocab_size": 8, "max_position_embeddings": 8,
		"rms_norm_eps": 1e-6, "hidden_act": "silu"}`
	for _, c := range []struct{ config, generation, want string }{
		{"{", "{}", "config.json: not valid JSON at line 1"},
		{"", "{}", "config.json: it is empty"},
		{"<!DOCTYPE html>", "{}", "config.json: it is a web page"},
		{"version https://git-lfs.github.com/spec/v1\n", "{}", "config.json: it is a Git LFS pointer"},
		{"{\n\"hidden_size\": 8,\n}", "{}", "config.json: not valid JSON at line 3"},
		{"{\n\"hidden_size\": x}", "{}", "config.json: not valid JSON at line 2"},
		{"[]", "{}", "config.json: a JSON array"},
		{`{"model_type": "llama", "hidden_size": "8"}`, "{}", "config.json: hidden_size is a string"},
		{`{"model_type": "llama", "hidden_size": 1.5}`, "{}", "config.json: hidden_size is 1.5"},
		{`{"model_type": "llama", "hidden_size": {}}`, "{}", "config.json: hidden_size is an object"},
		{`{"model_type": "llama", "eos_token_id": "a"}`, "{}", "config.json: eos_token_id is neither"},
		{good, "{\n\n", "generation_config.json: not valid JSON at line"},
		{good, "7", "generation_config.json: a JSON number"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"config.json": c.config, "generation_config.json": c.generation} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := ReadConfig(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q and %q: %v", c.config, c.generation, err)
			continue
		}
		for _, foreign := range []string{"Go ", "json: cannot", "invalid character", "unexpected end"} {
			if strings.Contains(err.Error(), foreign) {
				t.Errorf("%q and %q: %v", c.config, c.generation, err)
			}
		}
	}
}
