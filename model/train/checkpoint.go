package train

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/hf"
	"spell/tensor/atomicfile"
	"spell/tensor/safetensors"
)

// A checkpoint is a directory named step-N: a Hugging Face model (weights in the type training
// uses), optimizer.safetensors (moments, in the bits that they have in memory, and the f32 master copies
// where the weights are bf16), and state.json, everything else a run needs to go on as if it had not stopped. It is written
// under another name and renamed when complete, so a directory of that name is whole.
const (
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.json"
	unfinished    = ".writing-"
	replaced      = ".replaced-"
)

type savedState struct {
	Version   int             `json:"version"`
	Steps     int             `json:"optimizer_steps"`
	Precision string          `json:"precision"`
	Moments   model.Moments   `json:"moments,omitzero"`
	Run       json.RawMessage `json:"run"`
}

const stateVersion = 1

// Name is the directory name of the checkpoint after n steps of a run.
func Name(n int) string { return fmt.Sprintf("step-%06d", n) }

// Save writes the checkpoint dir/step-N and then removes all but the newest keep, and what saves left that
// were killed. extra writes further files (a tokenizer) into the directory before it is complete. run is the caller's own
// state, stored as JSON.
func (t *Trainer) Save(dir string, n, keep int, run any, extra func(dir string) error) error {
	state := savedState{Version: stateVersion, Steps: t.Steps, Precision: t.Weights.Precision.Name, Moments: t.Weights.Precision.Moments}
	var err error
	if state.Run, err = json.Marshal(run); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	raw, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	final, tmp := filepath.Join(dir, Name(n)), filepath.Join(dir, unfinished+Name(n))
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	fail := func(err error) error {
		os.RemoveAll(tmp)
		return fmt.Errorf("writing checkpoint %s: %w; earlier checkpoints are untouched", final, err)
	}
	if err := hf.Save(t.Backend, t.Weights, tmp, t.Weights.Weight); err != nil {
		return fail(err)
	}
	var list []safetensors.Tensor
	for _, s := range t.optimizerTensors() {
		list = append(list, s.tensor(t.Backend))
	}
	if err := safetensors.Write(filepath.Join(tmp, optimizerFile), nil, list); err != nil {
		return fail(err)
	}
	if extra != nil {
		if err := extra(tmp); err != nil {
			return fail(err)
		}
	}
	if err := atomicfile.WriteBytes(filepath.Join(tmp, stateFile), append(raw, '\n')); err != nil {
		return fail(err)
	}
	old := filepath.Join(dir, replaced+Name(n)) // a checkpoint of the same step, kept until the new one is in place
	if _, err := os.Stat(final); err == nil {
		if err := os.RemoveAll(old); err != nil { // of a run that was killed here
			return fail(err)
		}
		if err := os.Rename(final, old); err != nil {
			return fail(err)
		}
	}
	if err := os.Rename(tmp, final); err != nil {
		os.Rename(old, final)
		return fail(err)
	}
	if err := atomicfile.SyncDir(dir); err != nil { // before any other goes
		return fmt.Errorf("checkpoint %s is complete, but its folder could not be synced: %w; earlier checkpoints are untouched", final, err)
	}
	return tidy(dir, keep)
}

// tidy removes all but the newest keep checkpoints, and what saves left that were killed.
func tidy(dir string, keep int) error {
	all, err := List(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		gone := filepath.Join(dir, unfinished+name)
		switch {
		case strings.HasPrefix(name, unfinished):
			gone = filepath.Join(dir, name)
		case strings.HasPrefix(name, replaced), slices.Contains(all[:max(0, len(all)-keep)], name):
			// Renamed first: what is killed half-way through its removal is no checkpoint.
			if err := errors.Join(os.RemoveAll(gone), os.Rename(filepath.Join(dir, name), gone)); err != nil {
				return err
			}
		default:
			continue
		}
		if err := os.RemoveAll(gone); err != nil {
			return err
		}
	}
	return nil
}

// List names the complete checkpoints in dir, oldest first. One that a killed save had set aside, and no other had
// replaced yet, is put back.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, aside := strings.CutPrefix(e.Name(), replaced)
		var n int
		if _, err := fmt.Sscanf(name, "step-%d", &n); err != nil || !e.IsDir() || name != Name(n) {
			continue
		}
		if aside {
			final := filepath.Join(dir, name)
			if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := os.Rename(filepath.Join(dir, e.Name()), final); err != nil {
				return nil, err
			}
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) // step-1000000 is longer
	return names, nil
}

// Newest is the newest checkpoint in dir.
func Newest(dir string) (string, error) {
	all, err := List(dir)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", fmt.Errorf("%s holds no checkpoint to resume from", dir)
	}
	return filepath.Join(dir, all[len(all)-1]), nil
}

// Resume loads the weights of the checkpoint in dir for training and returns them with a
// function that, given the trainer made of them, restores the optimizer; run receives the
// caller's state.
func Resume(b kernels.Backend, dir string, p model.Precision, run any) (*model.Weights, func(*Trainer) error, error) {
	path := filepath.Join(dir, stateFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is not a checkpoint: %w", dir, err)
	}
	var state savedState
	if err := json.Unmarshal(raw, &state); err != nil {
		return nil, nil, fmt.Errorf("%s is not valid: %w; resume from an earlier checkpoint", path, err)
	}
	if state.Version != stateVersion {
		return nil, nil, fmt.Errorf("%s has version %d; this program reads version %d", path, state.Version, stateVersion)
	}
	if state.Steps < 0 {
		return nil, nil, fmt.Errorf("%s counts %d updates; resume from an earlier checkpoint", path, state.Steps)
	}
	if state.Precision != p.Name {
		return nil, nil, fmt.Errorf("%s was written with --precision %s; resume with the same", path, state.Precision)
	}
	if state.Moments != p.Moments {
		return nil, nil, fmt.Errorf("%s was written with moments %q and now they are %q; resume with the same", path, state.Moments, p.Moments)
	}
	if err := json.Unmarshal(state.Run, run); err != nil {
		return nil, nil, fmt.Errorf("%s: %w; resume from an earlier checkpoint", path, err)
	}
	w, err := hf.Load(b, dir, p, model.Training)
	if err != nil {
		return nil, nil, err
	}
	restore := func(t *Trainer) error {
		t.Steps = state.Steps
		f, err := safetensors.Open(filepath.Join(dir, optimizerFile))
		if err != nil {
			return err
		}
		defer f.Close()
		for _, s := range t.optimizerTensors() {
			if err := s.read(b, f); err != nil {
				return err
			}
		}
		return nil
	}
	return w, restore, nil
}
