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

	"spell/tensor/atomicfile"
)

// Unfinished is what a step that was cut short has kept.
type Unfinished interface {
	Len() int
	Write(w io.Writer) error
	// Read adds what Write wrote; the step that is made next goes on from it.
	Read(r io.Reader) error
}

// A stepHeader is the first line of unfinishedFile: which step it belongs to.
type stepHeader struct {
	Done int `json:"done"` // steps before it
}

// keep writes what the step at work has kept and returns how much that is.
func (r *run) keep() (int, error) {
	k, ok := r.recipe.(Keeper)
	if !ok || k.Unfinished().Len() == 0 {
		return 0, nil
	}
	u := k.Unfinished()
	done, _ := r.recipe.Steps()
	err := atomicfile.Write(filepath.Join(r.folder.Dir, unfinishedFile), func(w io.Writer) error {
		if err := json.NewEncoder(w).Encode(stepHeader{done}); err != nil {
			return err
		}
		return u.Write(w)
	})
	return u.Len(), err
}

// unkeep gives the recipe what the step that it makes next has kept. What belongs to another step, or
// cannot be read, is passed over: the step is made anew.
func (r *run) unkeep() error {
	k, ok := r.recipe.(Keeper)
	if !ok {
		return nil
	}
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
	in := bufio.NewReader(f)
	var h stepHeader
	line, err := in.ReadBytes('\n')
	done, _ := r.recipe.Steps()
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
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
