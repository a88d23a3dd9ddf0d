package hf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor"
)

// TestJoinedExperts reads a checkpoint whose experts are joined, in any mix with those that are not, to
// the bits of one in which each expert has tensors of its own, and writes the latter.
func TestJoinedExperts(t *testing.T) {
	b := opentest.CPU(t, 1)
	const block = "model.layers.1.mlp.experts."
	for _, names := range []string{"gate_up_proj", "down_proj", "gate_up_proj down_proj"} {
		t.Run(names, func(t *testing.T) {
			dir, parts := saved(t, b, "qwen3_moe", true)
			was, err := Load(b, dir, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer was.Free()
			for _, name := range strings.Fields(names) {
				parts[block+name] = joined(parts, block, name, was.Experts)
			}
			parts.write(t, dir)
			got, err := Load(b, dir, model.F32, model.Inference)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Free()
			for i, p := range was.Params {
				if !slices.Equal(values(b, got.Params[i].W), values(b, p.W)) {
					t.Errorf("%s differs", p.Name)
				}
			}
			for _, out := range Tensors(b, got, tensor.F32) {
				if strings.HasSuffix(out.Name, "experts.gate_up_proj") ||
					strings.HasSuffix(out.Name, "experts.down_proj") {
					t.Errorf("%s was written", out.Name)
				}
			}
		})
	}
}

// joined takes the tensors of n experts out of c and returns them as one.
func joined(c checkpoint, block, name string, n int) *part {
	var list []string
	for e := range n {
		if name == "gate_up_proj" {
			list = append(list, fmt.Sprintf("%s%d.gate_proj.weight", block, e))
			list = append(list, fmt.Sprintf("%s%d.up_proj.weight", block, e))
			continue
		}
		list = append(list, fmt.Sprintf("%s%d.down_proj.weight", block, e))
	}
	all := &part{}
	for _, one := range list {
		all.shape = []int{n, len(list) / n * c[one].shape[0], c[one].shape[1]}
		all.v = append(all.v, c[one].v...)
		delete(c, one)
	}
	return all
}

// TestLoadRefusesExperts names the tensor of an expert that is missing, of another shape, or one too
// many.
func TestLoadRefusesExperts(t *testing.T) {
	b := opentest.CPU(t, 1)
	const block = "model.layers.1.mlp.experts."
	for _, c := range []struct {
		name string
		edit func(c checkpoint)
		want []string
	}{
		{"no router", func(c checkpoint) { delete(c, "model.layers.1.mlp.gate.weight") },
			[]string{"no tensor model.layers.1.mlp.gate.weight"}},
		{"no matrix of an expert", func(c checkpoint) { delete(c, block+"2.up_proj.weight") },
			[]string{"no tensor " + block + "2.up_proj.weight"}},
		{"another width", func(c checkpoint) { slices.Reverse(c[block+"1.down_proj.weight"].shape) },
			[]string{block + "1.down_proj.weight", "[10 24]", "[24 10]"}},
		{"one expert more", func(c checkpoint) { c[block+"3.up_proj.weight"] = c[block+"0.up_proj.weight"] },
			[]string{block + "3.up_proj.weight", "no place"}},
		{"experts in a dense layer", func(c checkpoint) {
			c["model.layers.0.mlp.gate.weight"] = c["model.layers.1.mlp.gate.weight"]
		}, []string{"model.layers.0.mlp.gate.weight", "no place"}},
		{"joined, one expert less", func(c checkpoint) {
			c[block+"down_proj"] = joined(c, block, "down_proj", 3)
			c[block+"down_proj"].shape[0], c[block+"down_proj"].v = 2, c[block+"down_proj"].v[:2*24*10]
		}, []string{block + "down_proj", "[2 24 10]", "[3 24 10]"}},
		{"joined and transposed", func(c checkpoint) {
			c[block+"gate_up_proj"] = joined(c, block, "gate_up_proj", 3)
			c[block+"gate_up_proj"].shape = []int{3, 24, 20}
		}, []string{block + "gate_up_proj", "[3 24 20]", "[3 20 24]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, parts := saved(t, b, "qwen3_moe", true)
			c.edit(parts)
			parts.write(t, dir)
			refused(t, b, dir, c.want...)
		})
	}
}
