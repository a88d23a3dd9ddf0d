package build

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

// A store is files that are appended to together. What was appended counts once a checkpoint has noted it:
// whatever else a killed process left is cut off when the store is opened again.
type store struct {
	path  string // of the file that notes how far the others reach
	files map[string]*appended
}

// appended is a file of a store.
type appended struct {
	file *os.File
	w    *bufio.Writer
	size int64
}

// noted is what a checkpoint writes.
type noted struct {
	Sizes map[string]int64 `json:"sizes"`
	Done  bool             `json:"done"`
	State json.RawMessage  `json:"state"`
}

// openStore opens files in a folder where the last checkpoint of that name left them, and reads its state if
// there is any.
func openStore(dir, name string, state any, files ...string) (s *store, done bool, err error) {
	s = &store{path: filepath.Join(dir, name), files: map[string]*appended{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	n := noted{}
	if _, err := readJSON(s.path, &n); err != nil {
		return s, false, err
	}
	if n.State != nil {
		if err := json.Unmarshal(n.State, state); err != nil {
			return s, false, fmt.Errorf("%s is damaged: %w; remove the folder and begin again", s.path, err)
		}
	}
	for _, file := range files {
		path := filepath.Join(dir, file)
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return s, false, err
		}
		a := &appended{file: f, size: n.Sizes[file]}
		s.files[file] = a
		info, err := f.Stat()
		if err != nil {
			return s, false, err
		}
		if info.Size() < a.size {
			return s, false, fmt.Errorf("%s has lost bytes, %d are left of %d; remove the folder and begin again", path,
				info.Size(), a.size)
		}
		if !n.Done {
			if err := f.Truncate(a.size); err != nil {
				return s, false, err
			}
		}
		if _, err := f.Seek(a.size, io.SeekStart); err != nil {
			return s, false, err
		}
		a.w = bufio.NewWriterSize(f, 1<<18)
	}
	return s, n.Done, nil
}

// add appends bytes to a file and returns where they begin.
func (s *store) add(file string, raw []byte) (at int64, err error) {
	a := s.files[file]
	at = a.size
	n, err := a.w.Write(raw)
	a.size += int64(n)
	return at, err
}

// checkpoint makes all that was appended count.
func (s *store) checkpoint(state any, done bool) error {
	n := noted{Sizes: map[string]int64{}, Done: done}
	for name, a := range s.files {
		if err := a.w.Flush(); err != nil {
			return err
		}
		if err := a.file.Sync(); err != nil {
			return err
		}
		n.Sizes[name] = a.size
	}
	var err error
	if n.State, err = json.Marshal(state); err != nil {
		return err
	}
	return writeJSON(s.path, n)
}

func (s *store) close() {
	for _, a := range s.files {
		a.file.Close()
	}
}

// readJSON reads a file that may not be there.
func readJSON(path string, to any) (found bool, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return false, fmt.Errorf("%s is damaged: %w; remove the folder and begin again", path, err)
	}
	return true, nil
}

// writeJSON replaces a file by a value.
func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(raw, '\n'))
}

// exists reports whether there is a file of that path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
