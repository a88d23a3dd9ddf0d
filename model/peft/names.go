package peft

import (
	"fmt"
	"regexp"
	"strings"

	"spell/tensor/safetensors"
)

// adapterName matches the names of adapters' tensors as programs write them: the module, which matrix it
// is, and perhaps the name that the adapter had in a program.
var adapterName = regexp.MustCompile(`^(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$`)

// nameOf returns PEFT's name of a tensor in a file. Wrappers of other programs before it, the base model's
// class without a head and the name of the adapter make no difference; other names stay.
func nameOf(inFile string) string {
	part := adapterName.FindStringSubmatch(inFile)
	if part == nil {
		return inFile
	}
	module := part[1]
	if at := strings.Index(module, "layers."); at == 0 || at > 0 && module[at-1] == '.' {
		module = prefix + "model." + module[at:]
	}
	return module + ".lora_" + part[2] + ".weight"
}

// namesIn returns the tensors of a file by PEFT's names for them. Two of one name are an error.
func namesIn(f *safetensors.File) (map[string]string, error) {
	names := map[string]string{}
	for _, inFile := range f.Names() {
		name := nameOf(inFile)
		if other, ok := names[name]; ok {
			return nil, fmt.Errorf("%s: tensors %s and %s are of two adapters of one module; keep one adapter in the "+
				"file", f.Path(""), other, inFile)
		}
		names[name] = inFile
	}
	return names, nil
}

// misplaced returns the error about a tensor that no adapter has a place for, by what it is.
func misplaced(f *safetensors.File, name, family string, layers int) error {
	switch isAdapter := strings.Contains(name, ".lora_"); {
	case isAdapter && strings.Contains(name, "lora_magnitude_vector"):
		return fmt.Errorf("%s: tensor %s is one of DoRA, which is not done here; merge the adapters with PEFT",
			f.Path(""), name)
	case strings.Contains(name, "lm_head.") || strings.Contains(name, "embed_tokens."):
		if isAdapter {
			return fmt.Errorf("%s: tensor %s is of an adapter of the embedding or the head, which is not done here; "+
				"merge the adapters with PEFT", f.Path(""), name)
		}
		return fmt.Errorf("%s: tensor %s is the embedding or the head as a whole, which is saved beside adapters when "+
			"tokens were added; merge the adapters with PEFT or, if it was not trained, save them again with "+
			"save_embedding_layers=False", f.Path(""), name)
	}
	return fmt.Errorf("%s: tensor %s has no place in a %s model of %d layers as %s describes its adapters; give the "+
		"model that they were trained on", f.Path(""), name, family, layers, configName)
}
