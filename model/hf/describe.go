package hf

import (
	"encoding/json"

	"spell/model"
)

// MarshalConfig writes c as config.json, with weights of the given torch_dtype.
func MarshalConfig(c *model.Config, dtype string) ([]byte, error) {
	family, err := model.FamilyNamed(c.Family)
	if err != nil {
		return nil, err
	}
	act := "silu"
	f := configFile{
		Architectures: []string{family.Class}, ModelType: c.Family, HiddenAct: &act,
		Hidden: &c.Hidden, FF: &c.FF, Layers: &c.Layers, Heads: &c.Heads, KVHeads: &c.KVHeads, HeadDim: &c.HeadDim,
		Vocab: &c.Vocab, Context: &c.Context, NormEps: &c.NormEps, Tied: &c.Tied,
		AttentionBias: c.QKVBias, MLPBias: c.MLPBias, InitRange: c.InitRange, EOS: c.EOS, DType: dtype,
	}
	if c.BOS >= 0 {
		f.BOS = &c.BOS
	}
	if family.Defaults.Experts > 0 {
		f.mixtureFile = mixtureOf(c.Mixture)
	}
	f.describePositions(&c.Rope)
	f.describeWindows(c, family.Windows)
	return json.MarshalIndent(f, "", "  ")
}
