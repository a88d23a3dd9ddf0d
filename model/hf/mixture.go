package hf

import (
	"strings"

	"spell/model"
)

// mixtureFile is the part of config.json that describes mixtures of experts.
type mixtureFile struct {
	Experts      *int     `json:"num_experts,omitempty"`
	TopK         *int     `json:"num_experts_per_tok,omitempty"`
	ExpertFF     *int     `json:"moe_intermediate_size,omitempty"`
	NormTopK     *bool    `json:"norm_topk_prob,omitempty"`
	SparseStep   *int     `json:"decoder_sparse_step,omitempty"`
	DenseLayers  *[]int   `json:"mlp_only_layers,omitempty"`
	AuxLoss      *float64 `json:"router_aux_loss_coef,omitempty"`
	RouterLogits *bool    `json:"output_router_logits,omitempty"`
}

// mixture returns the mixture that f describes, with the values of d for absent fields.
func (f *mixtureFile) mixture(d *model.Mixture) model.Mixture {
	return model.Mixture{
		Experts: or(f.Experts, d.Experts), TopK: or(f.TopK, d.TopK), ExpertFF: or(f.ExpertFF, d.ExpertFF),
		NormTopK: or(f.NormTopK, d.NormTopK), SparseStep: or(f.SparseStep, d.SparseStep),
		DenseLayers: append([]int(nil), or(f.DenseLayers, nil)...),
		AuxLoss:     or(f.AuxLoss, d.AuxLoss), RouterLogits: or(f.RouterLogits, d.RouterLogits),
	}
}

// mixtureOf is what config.json says of m.
func mixtureOf(m model.Mixture) mixtureFile {
	dense := append([]int{}, m.DenseLayers...) // null in no file
	return mixtureFile{&m.Experts, &m.TopK, &m.ExpertFF, &m.NormTopK, &m.SparseStep, &dense, &m.AuxLoss,
		&m.RouterLogits}
}

// A place is where the weights hold some rows of a parameter: in a tensor of that shape, from an
// element on.
type place struct {
	name  string
	shape []int
	first int
}

// places lists where files may hold one of the tensors of a parameter: under its own name or, if it is
// an expert's, in one that joins all experts, as Transformers 5 writes them if it is told to:
// gate_up_proj [experts, 2*ff, hidden], gate before up, and down_proj [experts, hidden, ff].
func places(s model.Shape, t model.Tensor) []place {
	list := []place{{name: t.Name, shape: stored(s)}}
	if s.Experts == 0 {
		return list
	}
	list[0].shape = []int{t.Rows, s.Cols}
	prefix, kind, _ := strings.Cut(strings.TrimSuffix(s.Name, "_proj.weight"), ".experts.")
	all := place{prefix + ".experts." + kind + "_proj", []int{s.Experts, t.Rows, s.Cols}, t.Row * s.Cols}
	if kind != "down" {
		all = place{prefix + ".experts.gate_up_proj", []int{s.Experts, 2 * t.Rows, s.Cols}, 2 * t.Row * s.Cols}
	}
	if kind == "up" {
		all.first += t.Rows * s.Cols
	}
	return append(list, all)
}

// find returns where the weights hold a tensor of a parameter. The error names it by its own name.
func (m *Model) find(s model.Shape, t model.Tensor) (place, error) {
	for _, p := range places(s, t) {
		p.name = m.names.of(p.name)
		if _, ok := m.files.Info(p.name); ok {
			return p, nil
		}
	}
	return place{}, m.missing(m.names.of(t.Name))
}
