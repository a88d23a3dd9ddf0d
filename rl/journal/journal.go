// Package journal keeps the files of a run that grow by lines. A line counts once a checkpoint says so: what was
// written after the newest checkpoint is cut off on resume and written again.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Lengths are those of a run's files in bytes, by name. They belong in its checkpoints.
type Lengths map[string]int

// Append writes values to the end of a file in dir, a line of JSON each.
func (l Lengths) Append(dir, name string, lines ...any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, v := range lines {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	at := int64(l[name])
	if err = f.Truncate(at); err == nil { // lines after the newest checkpoint are of a run that was cut off
		_, err = f.WriteAt(buf.Bytes(), at)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Truncate(path, at)
		return fmt.Errorf("writing %s: %w; earlier lines and checkpoints are untouched", path, err)
	}
	l[name] += buf.Len()
	return nil
}

// Restore cuts the files in dir back to their lengths at a checkpoint.
func (l Lengths) Restore(dir string, saved Lengths) error {
	for name, n := range saved {
		if err := truncate(filepath.Join(dir, name), n); err != nil {
			return err
		}
		l[name] = n
	}
	return nil
}

func truncate(path string, n int) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && n == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() < int64(n) {
		return fmt.Errorf("%s has %d bytes and had %d at the checkpoint; it was cut or replaced since", path, info.Size(), n)
	}
	return os.Truncate(path, int64(n))
}
