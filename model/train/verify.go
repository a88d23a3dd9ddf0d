package train

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"spell/model"
	"spell/model/hf"
	"spell/model/peft"
	"spell/tensor"
	"spell/tensor/safetensors"
)

// VerifyAll checks what Verify does, and that the tensors are those that were written. That reads
// all of the checkpoint, until the context ends; then its error is the context's. show, if not nil,
// is told how many bytes are read. A checkpoint that was written when there were no digests passes
// unread.
func VerifyAll(ctx context.Context, dir string, show func(done, total int64)) error {
	return verify(dir, func(string) bool { return true }, &reading{ctx: ctx, show: show})
}

// Verify checks that the checkpoint in dir is whole, but for what its tensors hold: state.json can be
// used, the files of weights and optimizer hold every tensor, in its shape and to its last byte, and
// all other files are as they were written. The error names the file and what is wrong with it.
func Verify(dir string) error {
	small := func(name string) bool { return !strings.HasSuffix(name, ".safetensors") }
	return verify(dir, small, &reading{ctx: context.Background()})
}

// verify checks the checkpoint in dir, and the digests of the files that which accepts.
func verify(dir string, which func(name string) bool, r *reading) error {
	state, err := readState(dir)
	if err != nil {
		return err
	}
	if err := state.checkFiles(dir, which, r); err != nil {
		return err
	}
	p, err := model.ParsePrecision(state.Precision)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(trainingAt(dir), stateFile), err)
	}
	p.Moments = state.Moments
	shapes, err := trained(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(trainingAt(dir), optimizerFile)
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, s := range shapes {
		for _, o := range optimizerTensors(s, p) {
			info, ok := f.Info(o.name)
			if !ok {
				return fmt.Errorf("reading %s: there is no tensor %q", path, o.name)
			}
			if dtype, shape := o.stored(); info.DType != dtype || !slices.Equal(info.Shape, shape) {
				return fmt.Errorf("reading %s: tensor %q is %s of shape %v, and the model makes it %s of %v",
					path, o.name, info.DType, info.Shape, dtype, shape)
			}
		}
	}
	return nil
}

// trained checks that the files of what a checkpoint trains are whole, and lists their parameters: those
// of the model, or of its adapters.
func trained(dir string) ([]model.Shape, error) {
	if peft.Is(dir) {
		return peft.Verify(dir)
	}
	c, err := hf.Verify(dir)
	return model.Shapes(&c), err
}

// CheckpointBytes returns the disk space that a checkpoint of a model takes, or of its adapters if lora is
// not nil, without the caller's state and what else it adds. It is exact for the tensors and an upper
// bound for what describes them.
func CheckpointBytes(c *model.Config, p model.Precision, lora *model.LoRA) int64 {
	const (
		perFile   = 1 << 12 // config.json, state.json, and the ends of headers
		perTensor = 160     // type, shape and offsets in a header, and punctuation, without the name
	)
	bytes := int64(4 * perFile)
	shapes, weight := model.Shapes(c), p.Weight
	if lora != nil {
		shapes, weight = model.AdapterShapes(c, lora), tensor.F32
	}
	for _, s := range shapes {
		bytes += int64(s.Rows*s.Cols) * int64(weight.Size())
		for _, t := range s.Tensors() {
			bytes += int64(len(t.Name) + perTensor)
		}
		for _, o := range optimizerTensors(s, p) {
			dtype, shape := o.stored()
			size := tensor.F32.Size()
			if dtype == safetensors.DTypeName(tensor.BF16) {
				size = tensor.BF16.Size()
			}
			bytes += int64(shape[0]*shape[1])*int64(size) + int64(len(o.name)+perTensor)
		}
	}
	return bytes
}
