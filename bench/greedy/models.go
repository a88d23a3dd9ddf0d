package main

import (
	"fmt"
	"maps"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
)

// A source loads a model by its name.
type source struct {
	name string
	load func() (*model.Weights, error)
}

// models are those in the folders, and random ones.
func (o *options) models(b kernels.Backend) (list []source) {
	for _, folder := range o.folders {
		list = append(list, source{folder, func() (*model.Weights, error) {
			return hf.Load(b, folder, model.F32, model.Inference)
		}})
	}
	if !o.random {
		return list
	}
	all := shapes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		list = append(list, source{name, func() (*model.Weights, error) {
			w, err := model.NewWeights(b, c, model.F32, model.Inference)
			if err == nil {
				w.Initialize(b, 1, model.Init{Embedding: 1, Matrix: 2, Residual: 1})
			}
			return w, err
		}})
	}
	return list
}

// shapes returns a model of each architecture, with heads of 64 and of 128, by what they are.
func shapes() map[string]model.Config {
	list := map[string]model.Config{}
	for _, dim := range []int{64, 128} {
		c := model.Config{Family: "llama", Vocab: 512, Hidden: 4 * dim, FF: 512, Layers: 3, Heads: 4, KVHeads: 2,
			HeadDim: dim, Tied: true, NormEps: 1e-6, Context: 512, Rope: model.Rope{Theta: 1e4, Type: "default"},
			BOS: -1}
		qwen2, qwen3 := c, c
		qwen2.Family, qwen2.QKVBias, qwen2.Tied = "qwen2", true, false
		qwen3.Family, qwen3.QKNorm = "qwen3", true
		mixture := qwen3
		mixture.Family = "qwen3_moe"
		mixture.Mixture = model.Mixture{Experts: 8, TopK: 2, ExpertFF: 128, NormTopK: true, SparseStep: 1}
		for _, c := range []model.Config{c, qwen2, qwen3, mixture} {
			list[fmt.Sprintf("random %s, heads of %d", c.Family, dim)] = c
		}
	}
	return list
}
