package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"spell/tensor/atomicfile"
)

// A Line is a document of a cluster in the files of a corpus. The lines of a cluster follow each other, from
// the document nearest to the mean of their vectors to the farthest.
type Line struct {
	Cluster string  `json:"cluster"`
	Name    string  `json:"name"`
	Title   string  `json:"title,omitempty"`
	Near    float32 `json:"near"` // cosine with the mean
	Text    string  `json:"text"`
}

// A shard is a file of clusters.
type shard struct {
	Name      string `json:"name"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`
	Clusters  int    `json:"clusters"`
	Documents int    `json:"documents"`
}

// manifest lists what a corpus is.
type manifest struct {
	Version   int     `json:"version"`
	Clusters  int     `json:"clusters"`
	Documents int     `json:"documents"`
	Shards    []shard `json:"shards"`
}

// written is how far the shards are.
type written struct {
	Manifest manifest    `json:"manifest"`
	At       int64       `json:"at"` // in clustersFile
	Samples  []Sample    `json:"samples"`
	Sizes    map[int]int `json:"sizes"`
}

// write writes shards, reports and at last the manifest.
func (b *builder) write(ctx context.Context, t *tables, read *tally, docs, pieces same) (*Report, error) {
	path, w := filepath.Join(b.work, "write.json"), written{Manifest: manifest{Version: version}, Sizes: map[int]int{}}
	if _, err := readJSON(path, &w); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(b.work, clustersFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(w.At, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReader(f)
	for w.At < info.Size() {
		if err := b.shard(ctx, t, in, info.Size(), &w); err != nil {
			return nil, err
		}
		if err := writeJSON(path, w); err != nil {
			return nil, err
		}
		b.o.reached("write")
	}
	r := reportOf(read, &w)
	if err := b.leftOut(ctx, t, docs, pieces, r); err != nil {
		return nil, err
	}
	if err := r.write(b.o.Out); err != nil {
		return nil, err
	}
	b.o.reached("report")
	return r, writeJSON(filepath.Join(b.o.Out, manifestFile), w.Manifest)
}

// shard writes the next clusters to a file.
func (b *builder) shard(ctx context.Context, t *tables, in io.Reader, size int64, w *written) error {
	s := shard{Name: fmt.Sprintf("clusters-%05d.jsonl", len(w.Manifest.Shards))}
	sum := sha256.New()
	err := atomicfile.Write(filepath.Join(b.o.Out, s.Name), func(out io.Writer) error {
		for w.At < size && s.Bytes < b.o.shard {
			b.show("writing clusters, %", int(w.At*100/size), 100)
			if err := ctx.Err(); err != nil {
				return err
			}
			id := w.Manifest.Clusters + s.Clusters
			lines, read, err := nextCluster(t, in, fmt.Sprintf("%07d", id))
			if err != nil {
				return err
			}
			w.At += read
			w.Sizes[len(lines)]++
			if sampled(id) {
				w.Samples = append(w.Samples, sampleOf(lines))
			}
			for _, l := range lines {
				raw, err := appendLine(l)
				if err != nil {
					return err
				}
				sum.Write(raw)
				if _, err := out.Write(raw); err != nil {
					return err
				}
				s.Bytes += int64(len(raw))
			}
			s.Documents += len(lines)
			s.Clusters++
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	m := &w.Manifest
	m.Shards, m.Clusters, m.Documents = append(m.Shards, s), m.Clusters+s.Clusters, m.Documents+s.Documents
	return nil
}

// appendLine returns a line as JSON, with < and & as they are.
func appendLine(l Line) ([]byte, error) {
	var out buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(l)
	return out, err
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// nextCluster returns the lines of the next cluster, and how many bytes it has in clustersFile.
func nextCluster(t *tables, in io.Reader, name string) (lines []Line, read int64, err error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, 0, err
	}
	members := make([]byte, 8*binary.LittleEndian.Uint32(head[:]))
	if _, err := io.ReadFull(in, members); err != nil {
		return nil, 0, err
	}
	for at := 0; at < len(members); at += 8 {
		id := binary.LittleEndian.Uint32(members[at:])
		l := Line{Cluster: name, Near: math.Float32frombits(binary.LittleEndian.Uint32(members[at+4:]))}
		l.Near = float32(math.Round(1e4*float64(l.Near)) / 1e4)
		if l.Name, l.Title, err = t.pieceName(id); err != nil {
			return nil, 0, err
		}
		if l.Text, err = t.pieceText(id); err != nil {
			return nil, 0, err
		}
		lines = append(lines, l)
	}
	return lines, int64(len(head) + len(members)), nil
}

// leftOut writes what was left out while reading, and then the near-duplicates, to one file.
func (b *builder) leftOut(ctx context.Context, t *tables, docs, pieces same, r *Report) error {
	return atomicfile.Write(filepath.Join(b.o.Out, leftOutFile), func(out io.Writer) error {
		f, err := os.Open(filepath.Join(b.work, leftFile))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(out, f); err != nil {
			return err
		}
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, s := range []struct {
			what string
			same same
			name func(uint32) (string, string, error)
		}{{aDocument, docs, t.docName}, {aPiece, pieces, t.pieceName}} {
			for i := range uint32(len(s.same)) {
				of, near, found := s.same.of(i)
				if !found {
					continue
				}
				name, _, err := s.name(i)
				if err != nil {
					return err
				}
				other, _, err := s.name(of)
				if err := errors.Join(err, ctx.Err()); err != nil {
					return err
				}
				left := Left{s.what, name, duplicate(near), "of " + other}
				r.leave(left)
				if err := enc.Encode(left); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// duplicate names the cause of a text that is the same as another.
func duplicate(near bool) string {
	if near {
		return "near-duplicate"
	}
	return "duplicate"
}
