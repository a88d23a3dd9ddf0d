// Package atomicfile replaces files whole: after a crash, a full disk or any other error,
// a path holds either what it held before or all of the new contents.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const bufferSize = 1 << 20

// Write replaces the file at path by what write writes to its buffered writer. The bytes go
// to a temporary file beside it, ".NAME.tmp" and a number, which is synced to the disk and
// then renamed; the directory is synced last. On any error, and on a panic of write, the
// temporary file is removed and path stays as it was. A file that exists keeps its permission
// bits; a new one gets 0666 less the umask. The error names path, not the temporary file.
func Write(path string, write func(io.Writer) error) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := create(dir, name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, cause(err))
	}
	done := false
	defer func() {
		if !done {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(f, path, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, cause(err))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("writing %s: %w", path, cause(err))
	}
	done = true
	if err := SyncDir(dir); err != nil {
		return fmt.Errorf("writing %s: the file is complete, but its folder could not be synced: %w", path, cause(err))
	}
	return nil
}

// create opens a new temporary file. Its name is not secret: it tells whoever finds it after
// a crash what it was to become.
func create(dir, name string) (*os.File, error) {
	if name == "" {
		return nil, errors.New("the path names a folder, not a file")
	}
	for n := 0; ; n++ {
		temp := filepath.Join(dir, fmt.Sprintf(".%s.tmp%d", name, n))
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// fill writes, syncs and closes f.
func fill(f *os.File, path string, write func(io.Writer) error) error {
	if old, err := os.Stat(path); err == nil {
		if old.IsDir() {
			return errors.New("a folder of that name is in the way")
		}
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	w := bufio.NewWriterSize(bare{f}, bufferSize)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// bare strips the temporary file's name from write errors before write can wrap them.
type bare struct{ f *os.File }

func (b bare) Write(p []byte) (int, error) {
	n, err := b.f.Write(p)
	return n, cause(err)
}

// cause returns what went wrong, without the operation and the temporary name.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// WriteBytes replaces the file at path by data, as Write does.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Cause returns what went wrong in the file system, without the operation and the path, for sentences
// that name the file themselves. Other errors it returns as they are.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
