package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"spell/model"
)

// configFile is the part of config.json that shapes a decoder.
type configFile struct {
	Architectures classes         `json:"architectures,omitempty"`
	ModelType     string          `json:"model_type"`
	HiddenAct     *string         `json:"hidden_act"`
	Hidden        *int            `json:"hidden_size"`
	FF            *int            `json:"intermediate_size"`
	Layers        *int            `json:"num_hidden_layers"`
	Heads         *int            `json:"num_attention_heads"`
	KVHeads       *int            `json:"num_key_value_heads"`
	HeadDim       *int            `json:"head_dim"`
	Vocab         *int            `json:"vocab_size"`
	Context       *int            `json:"max_position_embeddings"`
	NormEps       *float64        `json:"rms_norm_eps"`
	Theta         *float64        `json:"rope_theta"`
	Scaling       *scalingFile    `json:"rope_scaling"`
	Rope          *scalingFile    `json:"rope_parameters,omitempty"` // newer files: rope_theta and rope_scaling in one
	Original      *int            `json:"original_max_position_embeddings,omitempty"`
	RotaryShare   *float64        `json:"partial_rotary_factor,omitempty"`
	Tied          *bool           `json:"tie_word_embeddings"`
	AttentionBias bool            `json:"attention_bias"`
	MLPBias       bool            `json:"mlp_bias,omitempty"`
	UseWindow     bool            `json:"use_sliding_window,omitempty"`
	Window        **int           `json:"sliding_window,omitempty"`    // may be written as null
	FullLayers    *int            `json:"max_window_layers,omitempty"` // the layers before the first with a window
	LayerTypes    []string        `json:"layer_types,omitempty"`
	InitRange     float64         `json:"initializer_range,omitempty"`
	BOS           *int32          `json:"bos_token_id"`
	EOS           tokenIDs        `json:"eos_token_id"`
	DType         string          `json:"torch_dtype,omitempty"`
	Quantization  json.RawMessage `json:"quantization_config,omitempty"`
	MLX           json.RawMessage `json:"quantization,omitempty"`
	mixtureFile
}

// fieldsOf returns the fields of a family whose null means something else than their absence, as
// they are if absent.
func fieldsOf(f *model.Family) *configFile {
	d := f.Defaults
	c := &configFile{EOS: slices.Clone(d.EOS)}
	if d.KVHeads != 0 {
		c.KVHeads = &d.KVHeads
	}
	if d.HeadDim != 0 {
		c.HeadDim = &d.HeadDim
	}
	if d.Window != 0 {
		c.Window = some(&d.Window)
	}
	if d.BOS >= 0 {
		c.BOS = &d.BOS
	}
	return c
}

// some returns a pointer to p.
func some(p *int) **int { return &p }

// or returns what p points to, or otherwise.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// tokenIDs are the ids of a field that holds one, a list, or null.
type tokenIDs []int32

// maxTokenIDs is how many a list may have; published models name a handful.
const maxTokenIDs = 1 << 10

func (t *tokenIDs) UnmarshalJSON(b []byte) error {
	*t = nil
	if string(b) == "null" {
		return nil
	}
	var one int32
	if json.Unmarshal(b, &one) == nil {
		*t = tokenIDs{one}
		return nil
	}
	var many []*int32 // null stands for none
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("eos_token_id is neither a token id nor a list of them; mend the field")
	}
	if len(many) > maxTokenIDs {
		return fmt.Errorf("eos_token_id lists %d tokens, more than %d; mend the field", len(many), maxTokenIDs)
	}
	for _, id := range many {
		if id != nil {
			*t = append(*t, *id)
		}
	}
	return nil
}

func (t tokenIDs) MarshalJSON() ([]byte, error) {
	switch len(t) {
	case 0:
		return []byte("null"), nil
	case 1:
		return json.Marshal(t[0])
	}
	return json.Marshal([]int32(t))
}

// within returns the ids that a vocabulary has. Small copies of large models keep ids that no token
// of theirs can be, and -1 stands for none.
func (t tokenIDs) within(vocab int) []int32 {
	var ids []int32
	for _, id := range t {
		if id >= 0 && int(id) < vocab {
			ids = append(ids, id)
		}
	}
	return ids
}

// classes are names of Hugging Face's classes. What is no list of them says nothing.
type classes []string

func (c *classes) UnmarshalJSON(b []byte) error {
	*c = nil
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*c = list
	}
	return nil
}

// headless returns the class that config.json names if it is one without a head that predicts tokens,
// such as a classifier, and "" otherwise.
func (c classes) headless() string {
	if len(c) == 0 || strings.HasSuffix(c[0], "ForCausalLM") || strings.HasSuffix(c[0], "LMHeadModel") {
		return ""
	}
	return c[0]
}
