// Package journal keeps the files of a run that grow by lines of JSON.
//
// Lines are written at the end of whatever the file holds, be it empty, moved away since, or somebody
// else's. A checkpoint takes down how far each file reached. A run that goes on from it removes the
// lines that were written after it, because it writes them again; if the file is no longer the one that
// the checkpoint knew, or something else was written to it, nothing is removed.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"spell/tensor/atomicfile"
)

// A Mark is how far a file reached at a checkpoint.
type Mark struct {
	Bytes int64  `json:"bytes"`
	Tail  string `json:"tail"` // hash of the last bytes before it
}

// Marks are those of a run's files, by name. They belong in its checkpoints.
type Marks map[string]Mark

// A Journal appends to the files in a folder.
type Journal struct {
	dir   string
	names map[string]bool // of the files that marks are taken of
}

// New returns the journal of a folder.
func New(dir string) *Journal { return &Journal{dir: dir, names: map[string]bool{}} }

// Append writes values to the end of a file, a line of JSON each. On error the file is as it was.
func (j *Journal) Append(name string, lines ...any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, v := range lines {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	if buf.Len() == 0 {
		return nil
	}
	path := filepath.Join(j.dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return fmt.Errorf("writing %s: %w; earlier lines and checkpoints are untouched", path, atomicfile.Cause(err))
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = write(f, at, buf.Bytes())
	}
	failed := err != nil
	err = errors.Join(err, f.Close())
	if err != nil {
		if failed && at >= 0 {
			os.Truncate(path, at) // by name: on some systems a file that is appended to cannot be cut
		}
		return fmt.Errorf("writing %s: %w; earlier lines and checkpoints are untouched", path, atomicfile.Cause(err))
	}
	j.names[name] = true
	return nil
}

// write appends lines to a file of so many bytes, whose last line, somebody else's, may lack its end.
func write(f *os.File, size int64, lines []byte) error {
	if size > 0 {
		if err := endLine(f, size); err != nil {
			return err
		}
	}
	if _, err := f.Write(lines); err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() { // a device, which nothing is kept on
		return nil
	}
	return f.Sync()
}

// endLine writes the line end that a file of so many bytes lacks.
func endLine(f *os.File, size int64) error {
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err := f.Write([]byte{'\n'})
	return err
}

// Marks returns how far the files reach.
func (j *Journal) Marks() (Marks, error) {
	m := Marks{}
	for name := range j.names {
		path := filepath.Join(j.dir, name)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) { // moved away since
			continue
		}
		if err != nil {
			return nil, err
		}
		size, err := f.Seek(0, io.SeekEnd)
		if err == nil {
			m[name], err = markAt(f, size)
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, atomicfile.Cause(err))
		}
	}
	return m, nil
}

// At returns the marks of files as they are in dir; those that are not there reach nowhere.
func At(dir string, names ...string) (Marks, error) {
	j := New(dir)
	for _, name := range names {
		j.names[name] = true
	}
	m, err := j.Marks()
	for _, name := range names {
		if _, ok := m[name]; !ok && err == nil {
			m[name], err = markAt(bytes.NewReader(nil), 0)
		}
	}
	return m, err
}

// tailBytes is how many bytes before a mark tell one file from another.
const tailBytes = 4096

// markAt returns the mark after n bytes of a file.
func markAt(f io.ReaderAt, n int64) (Mark, error) {
	tail := make([]byte, min(n, tailBytes))
	if _, err := f.ReadAt(tail, n-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return Mark{}, err
	}
	sum := sha256.Sum256(tail)
	return Mark{n, hex.EncodeToString(sum[:8])}, nil
}

// Restore removes from the files what was written after their marks by a run that was cut off, lines of
// its step or later ones. Files that are no longer those the marks are of, and files in which
// anything else follows, stay as they are; notes says so in a sentence each.
func (j *Journal) Restore(marks Marks, step int) (notes []string, err error) {
	for _, name := range sorted(marks) {
		path := filepath.Join(j.dir, name)
		note, err := restore(path, marks[name], step)
		if err != nil {
			return notes, fmt.Errorf("resuming %s: %w", path, atomicfile.Cause(err))
		}
		if note != "" {
			notes = append(notes, path+" "+note)
		}
		j.names[name] = true
	}
	return notes, nil
}

func restore(path string, m Mark, step int) (note string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) && m.Bytes == 0 {
		return "", nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "is gone since the checkpoint was made: its lines go on in a new file", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	const other = "is not as the checkpoint left it: its lines go on behind what is there"
	if size < m.Bytes {
		return other, nil
	}
	now, err := markAt(f, m.Bytes)
	if err != nil {
		return "", err
	}
	if now != m {
		return other, nil
	}
	ours, err := laterLines(io.NewSectionReader(f, m.Bytes, size-m.Bytes), step)
	if err != nil {
		return "", err
	}
	if size == m.Bytes { // of a device, which cannot be cut, too
		return "", nil
	}
	if !ours {
		return "holds other lines behind those of the checkpoint: they stay, and the run's go on behind them", nil
	}
	return "", f.Truncate(m.Bytes)
}
