package corpus

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxFileBytes keeps one stray dump from filling the memory.
const maxFileBytes = 256 << 20

// ReadFolder reads the .txt and .md files under dir into clusters. Other files are ignored and counted; hidden files and folders
// are passed over; links are not followed.
//
// The files directly in one folder, dir itself or any below it, make one cluster, named after the folder with a slash behind. If
// they hold more than MaxDocs documents they are cut into several clusters by similarity, each named after its first document. A
// file is kept together unless it alone exceeds MaxDocs; its documents then make clusters of their own, consecutive and of even
// size. A group below MinDocs joins the most similar one. A folder with fewer than MinDocs documents hands them up to its parent;
// what the top folder cannot use is dropped and counted.
//
// Clusters and the documents in them come in the order of their paths. Every error is one sentence that names the file or folder.
func ReadFolder(dir string, opts Options) (*Corpus, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	var stats Stats
	files, err := readFiles(dir, &stats)
	if err != nil {
		return nil, err
	}
	files = distinct(files, &stats)

	var docs []piece
	for _, f := range files {
		texts := cut(f.Text, opts.DocChars)
		for i, text := range texts {
			name := f.file
			if len(texts) > 1 {
				name = fmt.Sprintf("%s#%d", f.file, i+1)
			}
			docs = append(docs, piece{Document{name, text}, f.file})
		}
	}
	docs = distinct(docs, &stats)

	clusters := groupFolders(docs, opts, &stats)
	if len(clusters) == 0 {
		return nil, fmt.Errorf("document folder %s gives only %d document(s) of up to %d characters, and a cluster takes at least %d: add text",
			dir, len(docs), opts.DocChars, opts.MinDocs)
	}
	return &Corpus{Clusters: clusters, Stats: stats}, nil
}

// piece is a whole file or a document cut from one.
type piece struct {
	Document
	file string // path of the file under the folder read, with forward slashes
}

// readFiles returns the decoded text files under dir that hold any text, in the order of their slash-separated paths.
func readFiles(dir string, stats *Stats) ([]piece, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("document folder %s does not exist: give a folder of .txt or .md files", dir)
	case err != nil:
		return nil, fmt.Errorf("reading document folder %s: %w", dir, cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("document folder %s is a file: give the folder that holds it", dir)
	}

	var files []piece
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		full := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case err != nil:
			return fmt.Errorf("reading %s: %w", full, cause(err))
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular() || !isTextName(name):
			stats.Ignored++
			return nil
		}
		text, repaired, err := readText(root, name, full)
		if err != nil {
			return err
		}
		stats.Files++
		if repaired {
			stats.Repaired++
		}
		if text == "" {
			stats.Empty++
			return nil
		}
		files = append(files, piece{Document{name, text}, name})
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case stats.Files == 0 && stats.Ignored == 0:
		return nil, fmt.Errorf("document folder %s is empty: put .txt or .md files into it", dir)
	case stats.Files == 0:
		return nil, fmt.Errorf("document folder %s has no .txt or .md file among its %d file(s), links not followed: convert the documents to text",
			dir, stats.Ignored)
	case len(files) == 0:
		return nil, fmt.Errorf("document folder %s holds %d text file(s), but nothing is written in them: add text", dir, stats.Files)
	}
	slices.SortFunc(files, func(a, b piece) int { return cmp.Compare(a.file, b.file) })
	return files, nil
}

func isTextName(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".txt" || ext == ".md"
}

// readText reads and decodes one file; full is the name that errors give it.
func readText(root fs.FS, name, full string) (text string, repaired bool, err error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return "", false, fmt.Errorf("reading %s: %w", full, cause(err))
	}
	if info.Size() > maxFileBytes {
		return "", false, fmt.Errorf("%s has %d MB, more than the %d MB allowed: split it or remove it",
			full, info.Size()>>20, maxFileBytes>>20)
	}
	raw, err := fs.ReadFile(root, name)
	if err != nil {
		return "", false, fmt.Errorf("reading %s: %w", full, cause(err))
	}
	text, repaired, err = decode(raw)
	if err != nil {
		return "", false, fmt.Errorf("%s %w: convert it to UTF-8 text or remove it", full, err)
	}
	return text, repaired, nil
}

// cause strips the path from an error of the file system, for messages that name the full one.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
