package model

import (
	"fmt"
	"slices"
)

// A Mixture says which layers are mixtures of experts and how they choose. The zero Mixture has
// none.
type Mixture struct {
	Experts  int  // per layer; 0: every layer is dense
	TopK     int  // experts of a token
	ExpertFF int  // width of an expert
	NormTopK bool // the weights of a token's experts are divided by their sum
	// SparseStep makes a mixture of every SparseStep-th layer, DenseLayers none of those it lists.
	SparseStep  int
	DenseLayers []int
	// AuxLoss and RouterLogits are kept for config.json: nothing here computes an auxiliary loss.
	AuxLoss      float64
	RouterLogits bool
}

// MoELayer reports whether layer l is a mixture of experts.
func (m *Mixture) MoELayer(l int) bool {
	return m.Experts > 0 && (l+1)%m.SparseStep == 0 && !slices.Contains(m.DenseLayers, l)
}

// someLayer reports whether some layer is a mixture of experts, or dense.
func (c *Config) someLayer(mixture bool) bool {
	for l := range c.Layers {
		if c.MoELayer(l) == mixture {
			return true
		}
	}
	return false
}

// maxExperts is the most experts of a layer.
const maxExperts = 1 << 12

// validate returns an error that names the field if no mixture can be so.
func (m *Mixture) validate() error {
	if m.Experts == 0 {
		return nil
	}
	for _, f := range []struct {
		name   string
		v, max int
	}{
		{"num_experts", m.Experts, maxExperts}, {"num_experts_per_tok", m.TopK, m.Experts},
		{"moe_intermediate_size", m.ExpertFF, maxWidth}, {"decoder_sparse_step", m.SparseStep, MaxLayers},
	} {
		if f.v < 1 || f.v > f.max {
			return fmt.Errorf("%s is %d; it must lie between 1 and %d", f.name, f.v, f.max)
		}
	}
	for _, l := range m.DenseLayers {
		if l < 0 {
			return fmt.Errorf("mlp_only_layers holds %d, which is no layer", l)
		}
	}
	return nil
}
