package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/model/peft"
	"spell/tensor/atomicfile"
)

// A checkpoint is a directory named step-N with
//
//	config.json, model.safetensors   a Hugging Face model, weights in the type training uses
//	training/optimizer.safetensors   moments in the bits that they have in memory, and the master
//	                                 copies if the weights are bf16
//	adapter_config.json, adapter_model.safetensors
//	                                 of a run that trains adapters, instead of a model: these as PEFT
//	                                 keeps them, and not the model that they belong to
//	training/state.json              the counters, the caller's own state, and the digest of every file
//	                                 but README.md
//
// and what the caller adds: all that a run needs to go on as if it had not stopped. What is no part of
// the model lies in a folder of its own since loaders take any *.safetensors beside the weights for
// weights. A checkpoint is written under another name and renamed when complete, so a directory of
// that name is whole. Files that are added to it later do not matter, unless a run would read them.
const (
	trainingDir   = "training"
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.json"
)

// trainingAt returns the folder of the optimizer and the state in the checkpoint dir. In one of version 2
// that is dir itself.
func trainingAt(dir string) string {
	at := filepath.Join(dir, trainingDir)
	if !exists(filepath.Join(at, stateFile)) && exists(filepath.Join(dir, stateFile)) {
		return dir
	}
	return at
}

// Save writes the checkpoint dir/step-N, and then removes what killed saves left and, of the
// checkpoints up to this one, all but the newest keep. extra, if not nil, writes further files (a
// tokenizer) into the directory before it is complete. run is the caller's own state, stored as
// JSON. If it fails, earlier checkpoints are as they were. An error that is an Untidied tells that the
// checkpoint is complete and an older one could not be removed.
func (t *Trainer) Save(dir string, n, keep int, run any, extra func(dir string) error) error {
	if _, err := t.encodeState(run, nil); err != nil { // before anything is written
		return err
	}
	final, tmp := filepath.Join(dir, Name(n)), filepath.Join(dir, unfinished+Name(n))
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	fail := func(err error) error {
		os.RemoveAll(tmp)
		return fmt.Errorf("writing checkpoint %s: %w; earlier checkpoints are untouched", final, err)
	}
	if err := t.writeWeights(tmp); err != nil {
		return fail(err)
	}
	if err := t.writeOptimizer(filepath.Join(tmp, trainingDir)); err != nil {
		return fail(err)
	}
	if extra != nil {
		if err := extra(tmp); err != nil {
			return fail(err)
		}
	}
	if err := t.writeState(tmp, run); err != nil {
		return fail(err)
	}
	if err := moveInto(dir, Name(n)); err != nil {
		return fail(err)
	}
	if err := atomicfile.SyncDir(dir); err != nil { // before any other goes
		return fmt.Errorf("checkpoint %s is complete, but its folder could not be synced: %w; "+
			"earlier checkpoints are untouched", final, err)
	}
	t.Broken = slices.DeleteFunc(t.Broken, func(name string) bool { return name == Name(n) })
	return tidy(dir, n, keep, t.Broken)
}

// writeState writes stateFile into dir, where all other files of a checkpoint are. Their digests are those
// of what was just written and is still in memory.
func (t *Trainer) writeState(dir string, run any) error {
	files, err := digests(dir)
	if err != nil {
		return err
	}
	raw, err := t.encodeState(run, files)
	if err != nil {
		return err
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, trainingDir, stateFile), raw)
}

// writeWeights writes what is trained into dir: the model, or its adapters alone.
func (t *Trainer) writeWeights(dir string) error {
	w := t.Weights
	if len(w.Adapters()) > 0 {
		return peft.Save(t.Backend, w, dir, t.Base)
	}
	return hf.Save(t.Backend, w, dir, w.Weight)
}

// moveInto gives a finished checkpoint its name. One of the same name is kept until the new one is
// in place; what is no checkpoint stays, and is an error.
func moveInto(dir, name string) error {
	if err := CheckName(dir, name); err != nil {
		return err
	}
	tmp, final, old := filepath.Join(dir, unfinished+name), filepath.Join(dir, name), filepath.Join(dir, replaced+name)
	if _, err := os.Lstat(final); err == nil {
		if err := os.RemoveAll(old); err != nil { // of a run that was killed here
			return err
		}
		if err := os.Rename(final, old); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, final); err != nil {
		os.Rename(old, final)
		return err
	}
	return nil
}

// Resume loads the weights of the checkpoint in dir for training. It returns them with a function
// that, given the trainer made of them, restores the optimizer. run receives the caller's state. It does
// not check digests, which VerifyAll does. Of adapters it is ResumeOn.
func Resume(b kernels.Backend, dir string, p model.Precision, run any) (*model.Weights, func(*Trainer) error, error) {
	return ResumeOn(context.Background(), b, dir, p, run, func() (*model.Weights, error) {
		return nil, fmt.Errorf("%s holds adapters alone, and not the model that they belong to", dir)
	})
}

// ResumeOn is Resume for a checkpoint that may be one of adapters: base loads the model that they belong
// to, for inference. Loading ends with the context.
func ResumeOn(ctx context.Context, b kernels.Backend, dir string, p model.Precision, run any,
	base func() (*model.Weights, error)) (*model.Weights, func(*Trainer) error, error) {
	at := trainingAt(dir)
	path := filepath.Join(at, stateFile)
	state, err := readState(dir)
	if err == nil {
		err = state.decode(path, run)
	}
	if err != nil {
		return nil, nil, err
	}
	if state.Precision != p.Name {
		return nil, nil, fmt.Errorf("%s was written with --precision %s; resume with the same", path, state.Precision)
	}
	if state.Moments != p.Moments {
		return nil, nil, fmt.Errorf(
			"%s was written with moments %q and now they are %q; resume with the same",
			path, state.Moments, p.Moments)
	}
	w, err := loadTrained(ctx, b, dir, p, base)
	if err != nil {
		return nil, nil, err
	}
	restore := func(t *Trainer) error {
		t.Steps = state.Steps
		return t.readOptimizer(filepath.Join(at, optimizerFile))
	}
	return w, restore, nil
}

// loadTrained loads the weights of a checkpoint for training.
func loadTrained(ctx context.Context, b kernels.Backend, dir string, p model.Precision,
	base func() (*model.Weights, error)) (*model.Weights, error) {
	if !peft.Is(dir) {
		return hf.LoadContext(ctx, b, dir, p, model.Training)
	}
	w, err := base()
	if err != nil {
		return nil, err
	}
	if _, err := peft.Load(b, w, dir, model.Training); err != nil {
		w.Free()
		return nil, err
	}
	return w, nil
}
