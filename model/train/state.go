package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"spell/model"
	"spell/tensor/atomicfile"
)

// A savedState is what stateFile holds.
type savedState struct {
	Version   int           `json:"version"`
	Steps     int           `json:"optimizer_steps"`
	Precision string        `json:"precision"`
	Moments   model.Moments `json:"moments,omitzero"`
	// Files are the digests of the other files, by their paths in the checkpoint.
	Files map[string]string `json:"files,omitempty"`
	Run   json.RawMessage   `json:"run"` // the caller's
	// Sum is the digest of the text of all this, with unsealed in its own place, which is the last.
	Sum string `json:"sha256,omitempty"`
}

// stateVersion is 3 since a checkpoint has digests and trainingDir. One of undigested has neither and is
// gone on from, unchecked.
const (
	stateVersion = 3
	undigested   = 2
)

// ErrNewer is part of the error about a checkpoint that a newer program has written, which is not broken.
var ErrNewer = errors.New("written by a newer program")

// encodeState returns the contents of stateFile beside a caller's state. Without digests it is that of
// a checkpoint that has none.
func (t *Trainer) encodeState(run any, files map[string]string) ([]byte, error) {
	precision := t.Weights.Precision
	state := savedState{Version: stateVersion, Steps: t.Steps, Precision: precision.Name, Moments: precision.Moments,
		Files: files, Sum: unsealed}
	if files == nil {
		state.Version, state.Sum = undigested, ""
	}
	var err error
	if state.Run, err = json.Marshal(run); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	raw, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	raw = append(raw, '\n')
	if files == nil {
		return raw, nil
	}
	return seal(raw), nil
}

// readState reads and checks the state of the checkpoint in dir.
func readState(dir string) (*savedState, error) {
	path := filepath.Join(trainingAt(dir), stateFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a checkpoint: it has no %s", dir, filepath.Join(trainingDir, stateFile))
	}
	if errors.Is(err, fs.ErrPermission) { // it may well be one
		return nil, fmt.Errorf("reading %s: %w", path, fs.ErrPermission)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a checkpoint: %w", dir, err)
	}
	state := &savedState{}
	if err := json.Unmarshal(raw, state); err != nil {
		return nil, fmt.Errorf("%s is not valid: %w; resume from an earlier checkpoint", path, err)
	}
	if state.Sum != "" && !sealed(raw, state.Sum) {
		return nil, fmt.Errorf("%s was damaged or edited since it was written: its SHA-256 is not the one that ends it",
			path)
	}
	if state.Version > stateVersion {
		return nil, fmt.Errorf("%s has version %d, %w than this one, which goes on from version %d; "+
			"go on with that program", path, state.Version, ErrNewer, stateVersion)
	}
	if state.Version == stateVersion && (state.Sum == "" || state.Files == nil) {
		return nil, fmt.Errorf("%s was damaged or edited since it was written: it has lost its SHA-256", path)
	}
	if state.Version != stateVersion && state.Version != undigested {
		return nil, fmt.Errorf("%s has version %d and this program goes on from version %d; "+
			"begin another run from its weights: --model %s and another --out", path, state.Version, stateVersion, dir)
	}
	if state.Steps < 0 {
		return nil, fmt.Errorf("%s counts %d updates; resume from an earlier checkpoint", path, state.Steps)
	}
	return state, nil
}

// ownState reports whether the folder at dir has a state that looks as if this program had written it.
func ownState(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(trainingAt(dir), stateFile))
	var state savedState
	return err == nil && json.Unmarshal(raw, &state) == nil && state.Version > 0 && state.Precision != ""
}

// decode reads the caller's part of the state, from the file at path, into run.
func (s *savedState) decode(path string, run any) error {
	if err := json.Unmarshal(s.Run, run); err != nil {
		return fmt.Errorf("%s: %w; resume from an earlier checkpoint", path, err)
	}
	return nil
}

// ReadState reads the caller's state from the checkpoint in dir into run, a pointer.
func ReadState(dir string, run any) error {
	state, err := readState(dir)
	if err != nil {
		return err
	}
	return state.decode(filepath.Join(trainingAt(dir), stateFile), run)
}

// SaveState replaces the caller's state in the checkpoint dir/step-N, which holds the weights and
// moments that the trainer has now.
func (t *Trainer) SaveState(dir string, n int, run any) error {
	at := filepath.Join(dir, Name(n))
	old, err := readState(at)
	if err != nil {
		return err
	}
	raw, err := t.encodeState(run, old.Files)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(trainingAt(at), stateFile), raw)
}
