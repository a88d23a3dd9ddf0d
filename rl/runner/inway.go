package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"spell/model/train"
	"spell/tensor/atomicfile"
)

// inTheWay refuses a folder in which something that is no run's has the name of what a run writes: a
// file that is called as a checkpoint, or something else than a file that is called as a log.
func inTheWay(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("--out %s cannot be read: %w", dir, atomicfile.Cause(err))
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch e.Name() {
		case MetricsFile, TranscriptFile, QuestionsFile, ClockFile:
			err = fileOr(path, os.DevNull)
		case startFile, unfinishedFile, SettingsFile:
			err = fileOr(path, "")
		default:
			err = train.CheckName(dir, e.Name())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// modelInTheWay refuses something of the name of the folder that a run exports its model to: what is no
// folder, and, if the run is not the one that may have made it, a folder that holds anything.
func modelInTheWay(dir string, own bool) error {
	path := filepath.Join(dir, ModelDir)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		info, err = os.Stat(path)
	}
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err == nil && !own {
		var held []os.DirEntry
		if held, err = os.ReadDir(path); len(held) > 0 {
			err = fmt.Errorf("it holds %s, which this run has not made", held[0].Name())
		}
	}
	if err != nil {
		return fmt.Errorf("%s is where the run leaves its model: %w; move it away or choose another --out", path,
			atomicfile.Cause(err))
	}
	return nil
}

// fileOr refuses what is neither a regular file, nor the device of that name, nor a link to one. To open
// a pipe would wait for whoever has its other end.
func fileOr(path, device string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is a link to a file that is not there, and the run writes a file of that name; remove "+
			"the link or make its target", path)
	case err != nil:
		return fmt.Errorf("%s: %w; move it away or choose another --out", path, atomicfile.Cause(err))
	case info.Mode().IsRegular():
		return nil
	}
	if other, err := os.Stat(device); err == nil && os.SameFile(info, other) {
		return nil
	}
	return fmt.Errorf("%s is no regular file, and the run writes a file of that name; move it away or choose "+
		"another --out", path)
}
