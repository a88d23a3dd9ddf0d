package hf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// wide returns a configuration whose matrices take several blocks each way, the last not whole.
func wide() model.Config {
	c := small("qwen3", true)
	c.Hidden, c.FF, c.Heads, c.KVHeads, c.HeadDim = 136, 264, 17, 17, 16
	return c
}

// writeFP8 writes the model of a configuration with blocks of the given factors: matrices of a block's
// layers hold codes, everything else ones.
func writeFP8(t *testing.T, dir string, c *model.Config, factor func(i, j int) float32,
	edit func(*safetensors.Tensor)) {
	t.Helper()
	raw, err := MarshalConfig(c, "bfloat16")
	if err != nil {
		t.Fatal(err)
	}
	raw = []byte(strings.Replace(string(raw), "{", `{"quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
		"activation_scheme": "dynamic", "weight_block_size": [128, 128]},`, 1))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	var list []safetensors.Tensor
	for _, s := range model.Shapes(c) {
		if s.Kind != model.Matrix && s.Kind != model.Residual {
			ones := slices.Repeat([]float32{1}, s.Rows*s.Cols)
			list = append(list, safetensors.FromSlice(s.Name, tensor.BF16, stored(s), ones))
			continue
		}
		list = append(list, safetensors.Tensor{Name: s.Name, DType: "F8_E4M3", Shape: stored(s),
			Write: func(w io.Writer) error {
				codes := make([]byte, s.Rows*s.Cols)
				for i := range codes {
					codes[i] = byte(i % 127)
				}
				_, err := w.Write(codes)
				return err
			}})
		shape := []int{blocks(s.Rows), blocks(s.Cols)}
		factors := make([]float32, shape[0]*shape[1])
		for i := range factors {
			factors[i] = factor(i/shape[1], i%shape[1])
		}
		list = append(list, safetensors.FromSlice(s.Name+scaleSuffix, tensor.BF16, shape, factors))
	}
	for i := range list {
		edit(&list[i])
	}
	if err := safetensors.Write(filepath.Join(dir, weightsFile), nil, list); err != nil {
		t.Fatal(err)
	}
}

// TestFP8 loads weights in F8_E4M3 with a factor per block of 128 by 128.
func TestFP8(t *testing.T) {
	b := opentest.CPU(t, 1)
	dir, c := t.TempDir(), wide()
	factor := func(i, j int) float32 { return float32(1+i) / float32(int(4)<<j) }
	writeFP8(t, dir, &c, factor, func(*safetensors.Tensor) {})
	w, err := Load(b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	if len(w.Notes) > 0 {
		t.Errorf("notes are %q", w.Notes)
	}
	f, err := safetensors.Open(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range w.Params {
		want := make([]float32, p.Rows*p.Cols)
		if err := safetensors.Read(f, p.Name, want); err != nil {
			t.Fatal(err)
		}
		if p.Kind == model.Matrix || p.Kind == model.Residual {
			for i := range want {
				want[i] *= factor(i/p.Cols/128, i%p.Cols/128)
			}
		}
		if !slices.Equal(values(b, p.W), want) {
			t.Errorf("%s differs", p.Name)
		}
	}
}

// TestFP8Refused wants a sentence for factors that do not fit, and for other quantized models.
func TestFP8Refused(t *testing.T) {
	b := opentest.CPU(t, 1)
	const gate = "model.layers.1.mlp.gate_proj.weight"
	c := wide()
	for name, edit := range map[string]func(*safetensors.Tensor){
		"no " + gate + "_scale_inv": func(s *safetensors.Tensor) {
			if s.Name == gate+scaleSuffix {
				s.Name = "elsewhere"
			}
		},
		"have [3 2]": func(s *safetensors.Tensor) {
			if s.Name == gate+scaleSuffix {
				slices.Reverse(s.Shape)
			}
		},
	} {
		dir := t.TempDir()
		writeFP8(t, dir, &c, func(int, int) float32 { return 1 }, edit)
		refused(t, b, dir, name, gate, "download the file again")
	}
	for config, want := range map[string]string{
		`{"quant_method": "gptq", "bits": 4}`:                                     `quantization_config (gptq)`,
		`{"quant_method": "fp8", "fmt": "e5m2", "weight_block_size": [128, 128]}`: "e5m2",
		`{"quant_method": "fp8", "weight_block_size": [64, 128]}`:                 "weight_block_size [64 128]",
		`{"quant_method": "fp8"}`:                                                 "weight_block_size []",
		`[]`:                                                                      "quantization_config",
	} {
		if err := checkQuantization([]byte(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", config, err, fmt.Sprintf("%q", want))
		}
	}
}
