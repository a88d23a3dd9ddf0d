package hf

import (
	"encoding/json"
	"fmt"
)

// others are fields that change what some classes compute and that these decoders know nothing of, each
// with the value by which it changes nothing. null and its absence are such values, too.
var others = []struct {
	name    string
	neutral any // a bool or a float64
}{
	{"is_causal", true},
	{"use_bidirectional_attention", false},
	{"attn_logit_softcapping", 0.},
	{"final_logit_softcapping", 0.},
	{"logit_scale", 1.},
	{"logits_scaling", 1.},
	{"embedding_multiplier", 1.},
	{"residual_multiplier", 1.},
	{"rotary_pct", 1.},
}

// checkOthers refuses a config.json with a field of others that changes what is computed.
func checkOthers(raw []byte) error {
	var there map[string]json.RawMessage
	if err := readJSON(raw, &there); err != nil {
		return err
	}
	for _, o := range others {
		var v any
		if raw, ok := there[o.name]; !ok || json.Unmarshal(raw, &v) == nil && (v == nil || v == o.neutral) {
			continue
		}
		return fmt.Errorf("%s is %.40s, which is not supported; %v is", o.name, there[o.name], o.neutral)
	}
	return nil
}
