package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"spell/tensor/atomicfile"
)

// A Source is a file that is to be read.
type Source struct {
	Name string // path under the folder, as the corpus gives it
	Raw  string // the same as the system gives it
	Size int64
}

// Walk returns the files under the folder top whose names end in one of extensions, which begin with a full
// stop, in the order of their names, and what else is there.
func Walk(ctx context.Context, top string, extensions []string) ([]Source, []File, error) {
	r := &reader{meter: meter{ctx: ctx}, report: &Report{}, extensions: extensions}
	sources, err := r.walk(top)
	return sources, r.report.Files, err
}

// walker finds the files under a folder.
type walker struct {
	*reader
	top     string
	realTop string
	seen    map[string]bool // real paths of folders walked and of files taken
	links   []string        // raw paths of links, which are followed once all else has been seen
	sources []Source
}

// walk returns the text files under top in the order of their names. All other files, and what the
// system does not let one see, go into the report.
func (r *reader) walk(top string) ([]Source, error) {
	info, err := os.Stat(top)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("document folder %s does not exist: give a folder of %s files", top, r.kinds())
	case err != nil:
		return nil, fmt.Errorf("reading document folder %s: %w", top, atomicfile.Cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("document folder %s is a file: give the folder that holds it", top)
	}
	real, err := filepath.EvalSymlinks(top)
	if err != nil {
		return nil, fmt.Errorf("reading document folder %s: %w", top, atomicfile.Cause(err))
	}
	w := &walker{reader: r, top: top, realTop: real, seen: map[string]bool{}}
	if err := w.folder(".", real); err != nil {
		return nil, err
	}
	for len(w.links) > 0 {
		link := w.links[0]
		w.links = w.links[1:]
		if err := w.follow(link); err != nil {
			return nil, err
		}
	}
	return nameAll(w.sources), nil
}

// add notes what became of a file that is not read.
func (w *walker) add(raw string, fate Fate, note string) {
	w.report.Files = append(w.report.Files, File{Name: display(raw), Fate: fate, Note: note})
}

// folder walks the folder of path raw, whose path without links is real.
func (w *walker) folder(raw, real string) error {
	w.seen[real] = true
	entries, err := os.ReadDir(filepath.Join(w.top, raw))
	switch {
	case err != nil && raw == ".":
		return fmt.Errorf("reading document folder %s: %w", w.top, atomicfile.Cause(err))
	case err != nil:
		w.add(raw, Unreadable, atomicfile.Cause(err).Error())
	}
	for _, e := range entries {
		if err := w.meter.check(); err != nil {
			return err
		}
		raw, real := filepath.Join(raw, e.Name()), filepath.Join(real, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
			w.add(raw, Hidden, "")
		case e.Type()&fs.ModeSymlink != 0:
			w.links = append(w.links, raw)
		case e.IsDir():
			err = w.folder(raw, real)
		default:
			info, err := e.Info()
			w.file(raw, real, info, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file takes the file of path raw if its name is that of text.
func (w *walker) file(raw, real string, info fs.FileInfo, err error) {
	ext := strings.ToLower(path.Ext(filepath.Base(raw)))
	switch {
	case err != nil:
		w.add(raw, Unreadable, atomicfile.Cause(err).Error())
	case !info.Mode().IsRegular():
		w.add(raw, Device, "")
	case !slices.Contains(w.extensions, ext):
		w.add(raw, OtherFormat, cmp.Or(ext, "without extension"))
	default:
		w.seen[real] = true
		w.sources = append(w.sources, Source{Raw: raw, Size: info.Size()})
	}
}

// follow goes where the link of path raw leads, unless that has been seen or holds the whole
// folder.
func (w *walker) follow(raw string) error {
	full := filepath.Join(w.top, raw)
	real, err := filepath.EvalSymlinks(full)
	if err != nil {
		w.add(raw, BrokenLink, strings.TrimPrefix(atomicfile.Cause(err).Error(), "EvalSymlinks: "))
		return nil
	}
	info, err := os.Stat(full)
	switch {
	case w.seen[real]:
		w.add(raw, Linked, "leads to what is read already")
	case err == nil && info.IsDir() && holds(real, w.realTop):
		w.add(raw, Linked, "leads to a folder around this one")
	case err == nil && info.IsDir():
		return w.folder(raw, real)
	default:
		w.file(raw, real, info, err)
	}
	return nil
}

// holds reports whether the folder of path outer is one of those above that of path inner.
func holds(outer, inner string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// nameAll gives every source its name and sorts them by it. Should the names of two look the same,
// the second is told by a number.
func nameAll(sources []Source) []Source {
	for i := range sources {
		sources[i].Name = display(sources[i].Raw)
	}
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Raw, b.Raw))
	})
	taken := map[string]bool{}
	for i := range sources {
		name := sources[i].Name
		for n := 2; taken[sources[i].Name]; n++ {
			sources[i].Name = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[sources[i].Name] = true
	}
	return sources
}

// display returns the name that the corpus gives a path: with forward slashes, composed characters
// (Unicode normal form C), and escapes in place of control characters and invalid bytes.
func display(raw string) string {
	name := filepath.ToSlash(raw)
	if utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl) {
		return norm.NFC.String(name)
	}
	parts := strings.Split(name, "/")
	for i, p := range parts {
		quoted := strconv.Quote(p)
		parts[i] = quoted[1 : len(quoted)-1]
	}
	return strings.Join(parts, "/")
}
