package hf

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// insteadOfQuantized is the way on from weights that are quantized in a way that is not read.
const insteadOfQuantized = "use the unquantized model, its FP8 version with block scales, or a GGUF file of it"

// checkQuantization returns an error unless weights that quantization_config describes can be read:
// FP8 with a factor per block. What it says of activations is of no account, which are not quantized
// here.
func checkQuantization(raw json.RawMessage) error {
	var q struct {
		Method string `json:"quant_method"`
		Format string `json:"fmt"`
		Block  []int  `json:"weight_block_size"`
	}
	if err := readJSON(raw, &q); err != nil {
		return fmt.Errorf("quantization_config: %w", err)
	}
	switch {
	case q.Method != "fp8":
		return fmt.Errorf("quantization_config (%s) is not supported; %s; remove it if the weights are not quantized",
			cmp.Or(q.Method, "of an unnamed method"), insteadOfQuantized)
	case q.Format != "" && q.Format != "e4m3":
		return fmt.Errorf("quantization_config has fmt %q, which is not supported; e4m3 is", q.Format)
	case !slices.Equal(q.Block, []int{scaleBlock, scaleBlock}):
		return fmt.Errorf("quantization_config has weight_block_size %v, which is not supported; %v is", q.Block,
			[]int{scaleBlock, scaleBlock})
	}
	return nil
}

// companions end the names of tensors that lie beside quantized weights.
var companions = []struct{ ending, method string }{
	{".qweight", "GPTQ or AWQ"},
	{".scales", "MLX"}, // and those before
	{".absmax", "bitsandbytes"},
	{".SCB", "bitsandbytes"},
	{".weight_packed", "compressed-tensors"},
	{".weight_scale_2", "NVFP4"},
	{".weight_scale", "a factor per tensor or channel"},
}

// quantized returns an error if the weights are quantized in a way that is not read, as their tensors
// tell also where config.json says nothing of it.
func (m *Model) quantized() error {
	for _, c := range companions {
		for _, name := range m.files.Names() {
			if strings.HasSuffix(name, c.ending) {
				return fmt.Errorf("%s: the weights are quantized (%s, by tensor %s), which is not supported; %s",
					m.files.Path(name), c.method, name, insteadOfQuantized)
			}
		}
	}
	return nil
}
