package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/rl/corpus/folder"
	"spell/rl/corpus/format"
	"spell/tensor/atomicfile"
)

// A source is a file to read, as it was when the corpus was begun.
type source struct {
	Name     string `json:"name"` // of the documents in it
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // as the system counts it; only compared
}

// listed is what is under the files and folders of --in.
type listed struct {
	Sources []source `json:"sources"`
	Passed  []Left   `json:"passed"`
}

// list finds the files under paths, but for those of the corpus itself, which is at out.
func list(ctx context.Context, paths []string, out string) (*listed, error) {
	l := &listed{}
	taken := map[string]bool{}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("--in %s does not exist: name files, or folders that hold some", path)
		case err != nil:
			return nil, fmt.Errorf("--in %s: %w", path, atomicfile.Cause(err))
		}
		base := filepath.Base(path)
		for n := 2; taken[base]; n++ {
			base = fmt.Sprintf("%s (%d)", filepath.Base(path), n)
		}
		taken[base] = true
		if !info.IsDir() {
			if !slices.Contains(format.Extensions, strings.ToLower(filepath.Ext(path))) {
				return nil, fmt.Errorf("--in %s is not of a kind that is read; those are %s", path,
					strings.Join(format.Extensions, ", "))
			}
			l.Sources = append(l.Sources, source{base, path, info.Size(), info.ModTime().UnixNano()})
			continue
		}
		if err := l.folder(ctx, path, base, len(paths) == 1, out); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// folder finds the files under one folder.
func (l *listed) folder(ctx context.Context, path, base string, only bool, out string) error {
	sources, passed, err := folder.Walk(ctx, path, format.Extensions)
	if err != nil {
		return err
	}
	name := func(n string) string {
		if only {
			return n
		}
		return base + "/" + n
	}
	for _, p := range passed {
		l.Passed = append(l.Passed, Left{What: aFile, Name: name(p.Name), Why: p.Fate.String(), Detail: p.Note})
	}
	slices.SortStableFunc(l.Passed, func(a, b Left) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range sources {
		at := filepath.Join(path, s.Raw)
		info, err := os.Stat(at)
		if err != nil {
			l.Passed = append(l.Passed, Left{What: aFile, Name: name(s.Name), Why: folder.Unreadable.String(),
				Detail: atomicfile.Cause(err).Error()})
			continue
		}
		if !within(at, out) {
			l.Sources = append(l.Sources, source{name(s.Name), at, info.Size(), info.ModTime().UnixNano()})
		}
	}
	return nil
}

// within reports whether path is below the folder dir.
func within(path, dir string) bool {
	a, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	b, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(b, a)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// same refuses a source that has changed since the corpus was begun: places in it would mean something else.
func (s *source) same() error {
	info, err := os.Stat(s.Path)
	if err == nil && (info.Size() != s.Size || info.ModTime().UnixNano() != s.Modified) {
		err = errors.New("it has changed since this corpus was begun")
	}
	if err != nil {
		return fmt.Errorf("%s cannot be gone on with: %w; put it back, or begin a new corpus with another --out",
			s.Path, atomicfile.Cause(err))
	}
	return nil
}

// benchmarks returns the files under the paths of --bench.
func benchmarks(ctx context.Context, paths, extensions []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("--bench %s does not exist: name files of benchmarks, or folders that hold some",
				path)
		case err != nil:
			return nil, fmt.Errorf("--bench %s: %w", path, atomicfile.Cause(err))
		case !info.IsDir():
			files = append(files, path)
			continue
		}
		sources, _, err := folder.Walk(ctx, path, extensions)
		if err != nil {
			return nil, err
		}
		if len(sources) == 0 {
			return nil, fmt.Errorf("--bench %s holds no file of a kind that is read; those are %s", path,
				strings.Join(extensions, ", "))
		}
		for _, s := range sources {
			files = append(files, filepath.Join(path, s.Raw))
		}
	}
	return files, nil
}
