package runner

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"spell/rl/journal"
	"spell/tensor/atomicfile"
)

// Unfinished is what a step that was cut short has kept.
type Unfinished interface {
	Len() int
	Write(w io.Writer) error
	// Read adds what Write wrote; the step that is made next goes on from it.
	Read(r io.Reader) error
}

// A stepHeader is the first line of unfinishedFile: which step it belongs to. Before the first one,
// of which there is no checkpoint, it holds the logs and the state of a run that was measured.
type stepHeader struct {
	Done  int             `json:"done"` // steps before it
	Log   journal.Marks   `json:"log,omitempty"`
	State json.RawMessage `json:"state,omitempty"` // the recipe's
}

// readStepHeader reads the first line of unfinishedFile.
func readStepHeader(in *bufio.Reader) (h stepHeader, err error) {
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	return h, err
}

// keep writes what the step at work has kept, and the measurement before the first step. It returns
// how many outputs are kept, and whether there was anything to write.
func (r *run) keep() (outputs int, written bool, err error) {
	var h stepHeader
	if h.Done, _ = r.recipe.Steps(); h.Done == 0 && r.fresh {
		s, err := r.state()
		if err != nil {
			return 0, false, err
		}
		if h.Log, err = journal.At(r.folder.Dir, MetricsFile, TranscriptFile, QuestionsFile); err != nil {
			return 0, false, err
		}
		h.State = s.State
	}
	samples := func(io.Writer) error { return nil }
	if k, ok := r.recipe.(Keeper); ok {
		outputs, samples = k.Unfinished().Len(), k.Unfinished().Write
	}
	if outputs == 0 && h.State == nil {
		return 0, false, nil
	}
	err = atomicfile.Write(filepath.Join(r.folder.Dir, unfinishedFile), func(w io.Writer) error {
		if err := json.NewEncoder(w).Encode(h); err != nil {
			return err
		}
		return samples(w)
	})
	return outputs, true, err
}

// restore puts the recipe into the state of the run: that of its checkpoint or, if it has none yet,
// that after its first measurement, so far as this is kept.
func (r *run) restore() error {
	f := r.folder
	if f.Checkpoint == "" {
		if h := f.measured(); h != nil && r.recipe.Restore(h.State) == nil {
			f.saved.Log, r.fresh = h.Log, true
			return nil
		}
	}
	return r.recipe.Restore(f.saved.State)
}

// measured returns the header that holds a first measurement; nil if there is none that can be
// read.
func (f *Folder) measured() *stepHeader {
	file, err := os.Open(filepath.Join(f.Dir, unfinishedFile))
	if err != nil {
		return nil
	}
	defer file.Close()
	h, err := readStepHeader(bufio.NewReader(file))
	if err != nil || h.Done != 0 || h.State == nil {
		return nil
	}
	return &h
}

// unkeep gives the recipe what the step that it makes next has kept. What belongs to another step, or
// cannot be read, is passed over: the step is made anew.
func (r *run) unkeep() error {
	path := filepath.Join(r.folder.Dir, unfinishedFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r.unfinished = true
	k, ok := r.recipe.(Keeper)
	if !ok {
		return nil
	}
	in := bufio.NewReader(f)
	h, err := readStepHeader(in)
	done, _ := r.recipe.Steps()
	if err == nil && h.Done != done {
		return nil
	}
	if err == nil {
		err = k.Unfinished().Read(in)
	}
	if err != nil {
		r.console.Note(fmt.Sprintf("%s cannot be read (%v): step %d is made anew", path, err, done+1))
	}
	return nil
}

// finished removes what a step that was cut short had kept, once it is done.
func (r *run) finished() error {
	if !r.unfinished {
		return nil
	}
	r.unfinished = false
	return os.RemoveAll(filepath.Join(r.folder.Dir, unfinishedFile))
}
