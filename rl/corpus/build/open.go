package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spell/rl/corpus"
	"spell/rl/plural"
	"spell/tensor/atomicfile"
)

// Is reports whether a folder is a corpus, finished or not.
func Is(dir string) bool { return exists(filepath.Join(dir, beginFile)) }

// Open reads a finished corpus. It is held in memory, of which there are so many bytes (0: nobody knows), and one
// that would take more than half of them is refused before it is read. show, if not nil, is told how many MB of
// all are read. Errors are one sentence that names the file, but for that of the context.
func Open(ctx context.Context, dir string, memory int64, show func(done, total int)) (*corpus.Corpus, *Report, error) {
	m := manifest{}
	found, err := readJSON(filepath.Join(dir, manifestFile), &m)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("the corpus %s is not finished; run its command, spell corpus, again", dir)
	}
	r, err := readReport(dir)
	if err != nil {
		return nil, nil, err
	}
	total, done := int64(0), int64(0)
	for _, s := range m.Shards {
		total += s.Bytes
	}
	if room := memory / 2; memory > 0 && total > room {
		return nil, nil, fmt.Errorf("the corpus %s has %.1f GB of text, and all of it is held in memory beside the "+
			"model: on this machine up to %.1f GB, about %s of its %d; make a corpus of fewer files", dir,
			float64(total)/1e9, float64(room)/1e9, plural.Of(int(float64(m.Clusters)*float64(room)/float64(total)),
				"cluster"), m.Clusters)
	}
	c := &corpus.Corpus{Stats: corpus.Stats{Documents: m.Documents, Clusters: m.Clusters}}
	for _, s := range m.Shards {
		err := s.read(filepath.Join(dir, s.Name), func(l Line, n int) error {
			if last := len(c.Clusters) - 1; last < 0 || c.Clusters[last].Name != l.Cluster {
				c.Clusters = append(c.Clusters, corpus.Cluster{Name: l.Cluster})
			}
			to := &c.Clusters[len(c.Clusters)-1]
			to.Docs = append(to.Docs, corpus.Document{Name: l.Name, Text: l.Text})
			if done += int64(n); show != nil {
				show(int(done>>20), int(total>>20))
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return c, r, nil
}

// read calls yield with every line of a shard and its bytes, and checks that it is as it was written.
func (s *shard) read(path string, yield func(l Line, n int) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w; make the corpus again with another --out", path, atomicfile.Cause(err))
	}
	defer f.Close()
	changed := fmt.Errorf("%s is not as spell corpus wrote it; make the corpus again with another --out", path)
	in, sum := bufio.NewReaderSize(f, 1<<20), sha256.New()
	for {
		raw, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(raw) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading %s: %w", path, atomicfile.Cause(err))
		}
		sum.Write(raw)
		var l Line
		if json.Unmarshal(raw, &l) != nil || l.Cluster == "" {
			return changed
		}
		if err := yield(l, len(raw)); err != nil {
			return err
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		return changed
	}
	return nil
}
