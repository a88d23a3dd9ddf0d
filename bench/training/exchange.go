package main

import (
	"encoding/binary"
	"encoding/json"
	"io"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/model/train"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// writeExchange writes what the peer reads: the weights in f32 under their Hugging Face names, the
// batches as "tokens" [batches, rows, length], and as metadata the configuration, as Hugging Face
// writes it, and the optimizer's constants.
func writeExchange(path string, b kernels.Backend, w *model.Weights, batches []batch, o train.Optim) error {
	config, err := hf.MarshalConfig(&w.Config, "float32")
	if err != nil {
		return err
	}
	constants, err := json.Marshal(o)
	if err != nil {
		return err
	}
	shape := []int{len(batches), len(batches[0]), len(batches[0][0])}
	tokens := safetensors.Tensor{Name: "tokens", DType: "I32", Shape: shape,
		Write: func(to io.Writer) error {
			for _, rows := range batches {
				for _, ids := range rows {
					if err := binary.Write(to, binary.LittleEndian, ids); err != nil {
						return err
					}
				}
			}
			return nil
		}}
	return safetensors.Write(path, map[string]string{"config": string(config), "optim": string(constants)},
		append(hf.Tensors(b, w, tensor.F32), tokens))
}
