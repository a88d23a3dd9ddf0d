package peft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/ref"
	"spell/model"
	"spell/tensor/bounded"
)

// FuzzConfig: no text of adapter_config.json makes reading it panic, or take memory to speak of.
func FuzzConfig(f *testing.F) {
	f.Add(`{"peft_type":"LORA","r":3,"lora_alpha":6,"target_modules":["q_proj"],"rank_pattern":{"a":1}}`)
	f.Add(`{"peft_type":"LORA","target_modules":".*(q|k)_proj","layers_to_transform":[0,1],"alpha_pattern":{".*":2.5}}`)
	f.Add(`{"peft_type":"LORA","target_modules":"((q|v)_proj|\\pL{9}){100}"}`)
	f.Add("\ufeff{}")
	f.Fuzz(func(t *testing.T, s string) {
		bounded.Read(t, len(s), func() {
			c := &Config{path: "adapter_config.json"}
			if c.parse([]byte(s)) == nil {
				c.LoRA(&shape)
			}
		})
	})
}

// FuzzLoad: whatever the two files of a folder hold, they are adapters of the model or refused by their
// name.
func FuzzLoad(f *testing.F) {
	b := ref.New[float32]()
	rs := plain
	rs.RSLoRA, rs.Rank = true, 1
	var dir string
	for _, l := range []model.LoRA{plain, rs} {
		dir = saved(f, b, l)
		config, err := os.ReadFile(filepath.Join(dir, configName))
		if err != nil {
			f.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join(dir, weightsName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config, weights)
		f.Add(config, weights[:len(weights)-4])
	}
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		for name, raw := range map[string][]byte{configName: config, weightsName: weights} {
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		named := func(err error) {
			if err != nil && !strings.Contains(err.Error(), dir) {
				t.Fatalf("%v does not name the folder", err)
			}
		}
		w := base(t, b)
		bounded.Read(t, len(config)+len(weights), func() {
			_, err := Verify(dir)
			named(err)
			_, err = Load(b, w, dir, model.Inference)
			named(err)
		})
	})
}

// TestBounded: the most expensive configurations of a megabyte take no memory but their own and 64 MB.
func TestBounded(t *testing.T) {
	many := func(n int, entry string) string {
		var s strings.Builder
		for i := range n {
			s.WriteString(strings.ReplaceAll(entry, "#", string(rune('a'+i%26))+strings.Repeat("b", i/26%40)))
			s.WriteByte(',')
		}
		return strings.TrimSuffix(s.String(), ",")
	}
	for name, key := range map[string]string{
		"patterns": `"rank_pattern":{` + many(20000, `"#":1`) + `}`,
		"literals": `"alpha_pattern":{` + many(10000, `"model.layers.#.self_attn.q_proj":1`) + `}`,
		"classes":  `"target_modules":"` + strings.Repeat(`\\pL`, 1<<17) + `"`,
		"repeats":  `"rank_pattern":{` + many(1000, `"((#|.|c){30}){30}":1`) + `}`,
		"names":    `"target_modules":[` + many(20000, `"#"`) + `]`,
		"keys":     many(20000, `"#":0`),
		"layers":   `"layers_to_transform":[` + strings.Repeat("1,", 1<<18) + `1]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := `{"peft_type":"LORA",` + key + `}`
			if len(s) > maxConfig {
				t.Fatalf("%d bytes are not read", len(s))
			}
			bounded.Read(t, len(s), func() {
				c := &Config{path: "adapter_config.json"}
				if c.parse([]byte(s)) == nil {
					c.LoRA(&shape)
				}
			})
		})
	}
}
