package hf

import (
	"fmt"
	"strings"

	"spell/model"
	"spell/tensor/safetensors"
)

// names says how a checkpoint spells the names of parameters: what is named model.norm.weight by
// Hugging Face's classes for language modelling is norm.weight in those for embeddings, and wrappers
// of other programs put a word before all names.
type names struct {
	wrapper string // before every name, such as "module."
	decoder string // before the names of the decoder's parameters after that: "model." or nothing
}

// decoderPrefix begins the names of all parameters but the head's.
const decoderPrefix = "model."

// embedding ends the name by which namesIn knows a spelling.
const embedding = "embed_tokens.weight"

// namesIn returns the spelling of the tensors of those names.
func namesIn(all []string) names {
	for _, name := range all {
		before, ok := strings.CutSuffix(name, embedding)
		if !ok {
			continue
		}
		if wrapper, ok := strings.CutSuffix(before, decoderPrefix); ok {
			return names{wrapper, decoderPrefix}
		}
		return names{before, ""}
	}
	return names{"", decoderPrefix}
}

// of returns the name of a parameter's tensor.
func (n names) of(param string) string {
	if rest, ok := strings.CutPrefix(param, decoderPrefix); ok {
		return n.wrapper + n.decoder + rest
	}
	return n.wrapper + param
}

// missing returns the error about a tensor that a parameter needs and the weights do not have. It says
// what they are instead, if that is known, or names a tensor that no parameter needs.
func (m *Model) missing(name string) error {
	if err := m.quantized(); err != nil {
		return err
	}
	wanted := map[string]bool{m.names.of(headName): true}
	for _, s := range model.Shapes(&m.Config) {
		for _, t := range s.Tensors() {
			wanted[m.names.of(t.Name)] = true
		}
	}
	for _, other := range m.files.Names() {
		if strings.Contains(other, ".base_layer.") || strings.Contains(other, ".lora_A.") {
			return fmt.Errorf("%s: the weights are those of a model with adapters that are not merged into it (tensor "+
				"%s); merge them, as merge_and_unload of PEFT does, and save it again", m.files.Path(other), other)
		}
	}
	err := m.files.Missing(name)
	for _, other := range m.files.Names() {
		if !wanted[other] {
			return fmt.Errorf("%w; they hold %s, of another model or in the names of another program", err, other)
		}
	}
	return err
}

// misshapen returns the error about a tensor that has another shape than its parameter.
func (m *Model) misshapen(at place, info safetensors.Info) error {
	if err := m.quantized(); err != nil {
		return err
	}
	why := "restore the config.json that belongs to the weights"
	if info.Elements == 0 {
		why = "it was saved in one of several processes that share the weights, as by ZeRO-3 without " +
			"stage3_gather_16bit_weights_on_model_save: save the model again"
	}
	return fmt.Errorf("%s: tensor %s has shape %v, and config.json makes it %v; %s", m.files.Path(at.name), at.name,
		info.Shape, at.shape, why)
}

// leftovers looks at tensors that no parameter wants. One inside a block would change what the model
// computes and is an error; others, such as the value heads of trainers, are passed over with a note.
func (m *Model) leftovers(wanted map[string]bool) error {
	blocks := m.names.of(decoderPrefix + "layers.")
	var passed []string
	for _, name := range m.files.Names() {
		info, _ := m.files.Info(name)
		switch {
		case wanted[name], info.Elements == 0:
		case strings.HasSuffix(name, "rotary_emb.inv_freq"): // buffers of early versions
		case strings.HasPrefix(name, blocks):
			return fmt.Errorf("%s: tensor %s has no place in a %s model of %d layers as config.json describes it; "+
				"restore the config.json that belongs to the weights", m.files.Path(name), name, m.Config.Family,
				m.Config.Layers)
		default:
			passed = append(passed, name)
		}
	}
	if len(passed) > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("%s: passed over, because the decoder has no such parameters: %s", m.dir,
			strings.Join(passed[:min(len(passed), 4)], ", ")+more(len(passed)-4)))
	}
	return nil
}

// more says how many names a list left out, if any.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
