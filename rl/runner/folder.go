package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/model/train"
	"spell/rl/journal"
	"spell/rl/lock"
	"spell/rl/settings"
	"spell/tensor/atomicfile"
	"spell/tokenizer/chat"
)

// The files of a run beside its checkpoints.
const (
	MetricsFile    = "metrics.jsonl"    // a line per step and measurement
	TranscriptFile = "transcript.jsonl" // what the model was asked and said
	QuestionsFile  = "questions.jsonl"  // questions that are the same through the run, if it has any
	ClockFile      = "clock.jsonl"      // when each step ended and how fast it was
	ModelDir       = "model"            // the folder that an Exporter leaves its model in
	startFile      = "run.json"         // what the run was started with
	unfinishedFile = "unfinished.jsonl" // what a step that was cut short had sampled
)

// A Folder is where a run lives, locked for this process.
type Folder struct {
	Dir        string
	Checkpoint string   // the newest that is whole; empty if there is none
	Notes      []string // sentences about what was found

	made   bool // by Open
	begun  bool // by a run: it holds startFile
	noted  bool // that there were checkpoints
	lock   *lock.Lock
	broken []string      // names of checkpoints that were passed over
	saved  *savedRun     // of the checkpoint, or of a run that has none yet
	left   journal.Marks // where the logs of a run began that had no checkpoint and is not gone on with
}

// A savedRun is the state of a run: in a checkpoint, or, before the first one, in startFile.
type savedRun struct {
	Method string `json:"method"`
	Step   int    `json:"step"`
	Model  origin `json:"model"`
	// Adapter is the folder of the adapters that the run began with; empty if it began without any.
	Adapter string          `json:"adapter,omitempty"`
	Config  json.RawMessage `json:"config"`
	Log     journal.Marks   `json:"log"`             // how far the logs reach; null in startFile after a checkpoint
	State   json.RawMessage `json:"state,omitempty"` // the recipe's
}

// Open creates the folder if there is none, locks it and finds the run in it. Whether a run is
// there has to be what the caller says: one that nobody asked to go on with is refused, and so is
// going on where there is nothing. A run that had nothing to go on with yet, no checkpoint and no
// outputs, may be begun anew. To go on reads all of a checkpoint: show, if not nil, is told how far
// that is, and if the context ends before, the error is a *Stopped.
func Open(ctx context.Context, dir string, resume bool, show func(doing string, done, total int)) (_ *Folder,
	err error) {

	f := &Folder{Dir: dir}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && resume:
		return nil, fmt.Errorf("%s is not there, so there is no run to go on with; name the --out of the run, or "+
			"leave out --resume to begin one", dir)
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("--out %s cannot be made: %w; name another folder", dir, atomicfile.Cause(err))
		}
		f.made = true
	case err != nil:
		return nil, fmt.Errorf("--out %s: %w", dir, atomicfile.Cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("--out %s is a file; name a folder", dir)
	}
	if f.lock, err = lock.Acquire(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := writable(dir); err != nil {
		return nil, err
	}
	if err := inTheWay(dir); err != nil {
		return nil, err
	}
	if err := sweep(dir); err != nil {
		return nil, err
	}
	verify := train.Verify // which suffices to refuse
	if resume {
		verify = func(at string) error {
			return train.VerifyAll(ctx, at, func(done, total int64) {
				if show != nil {
					show("checking "+at+", MB", int(done/1e6), int(total/1e6))
				}
			})
		}
	}
	if err := f.find(ctx, verify); err != nil {
		return nil, stopped(ctx, err, whileFound)
	}
	switch {
	case resume && f.saved == nil:
		return nil, fmt.Errorf("%s holds no checkpoint to go on from; name the --out of the run, or leave out "+
			"--resume to begin one", dir)
	case !resume && (f.Checkpoint != "" || f.saved != nil && f.holds(unfinishedFile)):
		return nil, fmt.Errorf("%s holds a run already; go on with --resume or choose another --out", dir)
	case !resume && f.saved != nil:
		f.left, f.saved = f.saved.Log, nil
	}
	return f, nil
}

// holds reports whether there is a file of that name in the folder.
func (f *Folder) holds(name string) bool {
	_, err := os.Lstat(filepath.Join(f.Dir, name))
	return err == nil
}

// Close unlocks the folder, and removes it if Open made it and nothing was written.
func (f *Folder) Close() {
	f.lock.Release(func() {
		if f.made {
			os.Remove(f.Dir) // refused unless it is empty
		}
	})
}

// Resumes reports whether the folder holds a run to go on with.
func (f *Folder) Resumes() bool { return f.saved != nil }

// Config lays the settings that the run began with over config, a pointer.
func (f *Folder) Config(method string, config any) error {
	if f.saved.Method != method {
		return fmt.Errorf("%s holds a run of spell %s; go on with that command, or choose another --out", f.Dir,
			f.saved.Method)
	}
	if err := settings.Merge(f.saved.Config, config); err != nil {
		return fmt.Errorf("the settings in %s cannot be read: %w", f.source(), err)
	}
	return nil
}

// source is the file that the state of the run was read from.
func (f *Folder) source() string {
	if f.Checkpoint != "" {
		return f.Checkpoint
	}
	return filepath.Join(f.Dir, startFile)
}

// find looks for the newest checkpoint that is whole. Broken ones are passed over and stay where they
// are. One of a newer program, or one that may not be read, is an error: for all that is known it is whole,
// and a run that went on from an earlier one would write over it.
func (f *Folder) find(ctx context.Context, verify func(at string) error) error {
	all, err := train.List(f.Dir)
	if err != nil {
		return err
	}
	var broken []error
	for _, name := range slices.Backward(all) {
		at := filepath.Join(f.Dir, name)
		s, err := readWhole(at, verify)
		if err == nil {
			f.Checkpoint, f.saved = at, s
			break
		}
		if ctx.Err() != nil { // for all that is known it is whole
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w; change the permissions, move %s away, or choose another --out", err, at)
		}
		if errors.Is(err, train.ErrNewer) {
			return fmt.Errorf("%w, move %s away, or choose another --out", err, at)
		}
		broken = append(broken, err)
		f.broken = append(f.broken, name)
	}
	switch {
	case f.Checkpoint != "":
		for _, err := range broken {
			f.Notes = append(f.Notes, fmt.Sprintf("%v: going on from %s", err, f.Checkpoint))
		}
	case len(broken) == 1:
		return fmt.Errorf("%w; there is no other checkpoint to go on from: restore it, or choose another --out to "+
			"begin again", broken[0])
	case len(broken) > 1:
		return fmt.Errorf("%w; none of the %d checkpoints in %s can be gone on from: restore one, or choose another "+
			"--out to begin again", broken[0], len(all), f.Dir)
	}
	return f.findStart()
}

// readWhole returns the state of the run in a checkpoint, if all of it is whole that a run goes on from.
func readWhole(at string, verify func(at string) error) (*savedRun, error) {
	s := &savedRun{}
	if err := train.ReadState(at, s); err != nil {
		return nil, err
	}
	if err := verify(at); err != nil {
		return nil, err
	}
	_, err := chat.Open(at)
	return s, err
}

// findStart reads startFile, which tells of a run that has no checkpoint. One that no run wrote is refused:
// it would be overwritten.
func (f *Folder) findStart() error {
	path := filepath.Join(f.Dir, startFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if f.Checkpoint == "" && f.holds(unfinishedFile) {
			return fmt.Errorf("%s is of no run that is here, and the run writes a file of that name; move it away "+
				"or choose another --out", filepath.Join(f.Dir, unfinishedFile))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, atomicfile.Cause(err))
	}
	s := &savedRun{}
	if err := json.Unmarshal(raw, s); err != nil || s.Method == "" || s.Config == nil {
		return fmt.Errorf("%s was not written by a run, and the run writes a file of that name; move it away or "+
			"choose another --out", path)
	}
	f.begun = true
	if f.Checkpoint == "" && s.Log != nil { // else the run had checkpoints
		f.saved = s
	}
	return nil
}

// begin writes what a run is started with, before its first step.
func (f *Folder) begin(s *savedRun) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(f.Dir, startFile), append(raw, '\n'))
}

// sweep removes the temporary files of a run that was killed while it wrote.
func sweep(dir string) error {
	for _, pattern := range []string{".probe-*", "." + startFile + ".tmp*", "." + SettingsFile + ".tmp*",
		"." + unfinishedFile + ".tmp*", ".writing-step-*", "step-*/.*.tmp*", "step-*/training/.*.tmp*",
		ModelDir + "/.*.tmp*"} {
		left, err := filepath.Glob(filepath.Join(quoted(dir), pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("%s, which a killed run left, cannot be removed: %w", path, atomicfile.Cause(err))
			}
		}
	}
	return nil
}

// quoted returns a path for a pattern that matches nothing but it.
func quoted(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// writable fails if no file can be made in dir.
func writable(dir string) error {
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return fmt.Errorf("--out %s cannot be written to: %w; change its permissions or name another folder", dir,
			atomicfile.Cause(err))
	}
	_, err = probe.Write([]byte("."))
	err = errors.Join(err, probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return fmt.Errorf("--out %s cannot be written to: %w", dir, atomicfile.Cause(err))
	}
	return nil
}
