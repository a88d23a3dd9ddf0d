package build

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"spell/rl/corpus/embed"
	"spell/rl/corpus/kmeans"
	"spell/rl/corpus/term"
	"spell/tensor/atomicfile"
)

// The files of the work folder that vectors and clusters are in.
const (
	spaceFile    = "space"
	vectorsFile  = "vectors"  // of the pieces that stay, in their order
	clustersFile = "clusters" // of each its number of members, then a member each
)

// vectorBatch is how many pieces all workers have at a time.
const vectorBatch = 1024

// space learns the directions of vectors from a sample of the pieces that stay.
func (b *builder) space(ctx context.Context, t *tables, stay []uint32) (*embed.Space, error) {
	path, s := filepath.Join(b.work, spaceFile), &embed.Space{}
	if raw, err := os.ReadFile(path); err == nil {
		if err := s.UnmarshalBinary(raw); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w; remove it and run the same command again", path, err)
		}
		return s, nil
	}
	n := min(b.o.Config.Sample, len(stay))
	counter := term.NewCounter()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b.show("learning directions from a sample", i, n)
		text, err := t.pieceText(stay[i*len(stay)/n])
		if err != nil {
			return nil, err
		}
		counter.Add(text)
		counter.Next()
	}
	s, err := embed.Fit(ctx, counter, b.o.Config.Dims, b.o.Config.Seed)
	if err != nil {
		return nil, err
	}
	raw, err := s.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b.o.reached(spaceFile)
	return s, atomicfile.WriteBytes(path, raw)
}

// vectors writes the vector of every piece that stays.
func (b *builder) vectors(ctx context.Context, t *tables, stay []uint32, s *embed.Space) error {
	workers := max(1, b.o.Workers)
	counters := make([]*term.Counter, workers)
	for i := range counters {
		counters[i] = term.NewCounter()
	}
	raw := make([]byte, vectorBatch*4*s.Dims)
	every := b.o.vectors
	return b.rows(ctx, vectorsFile, stay, min(vectorBatch, every), every, func(batch []uint32) ([]byte, error) {
		errs := make([]error, workers)
		parallel(workers, workers, func(w int) {
			row := make([]float32, s.Dims)
			for i := w; i < len(batch) && errs[w] == nil; i += workers {
				var text string
				if text, errs[w] = t.pieceText(batch[i]); errs[w] != nil {
					return
				}
				counters[w].Add(text)
				s.Embed(counters[w], row)
				for j, x := range row {
					binary.LittleEndian.PutUint32(raw[4*(i*s.Dims+j):], math.Float32bits(x))
				}
			}
		})
		return raw[:len(batch)*4*s.Dims], errors.Join(errs...)
	})
}

// rows appends to a file what of makes of the pieces that stay, so many at a time, and makes it count whenever
// so many more are done.
func (b *builder) rows(ctx context.Context, file string, stay []uint32, batch, every int,
	of func(batch []uint32) ([]byte, error)) error {

	var at struct{ Done int }
	files, done, err := openStore(b.work, file+".json", &at, file)
	if err != nil {
		return err
	}
	defer files.close()
	if done {
		return nil
	}
	since := 0
	for at.Done < len(stay) {
		b.show("making vectors", at.Done, len(stay))
		part := stay[at.Done:min(at.Done+batch, len(stay))]
		raw, err := of(part)
		if err == nil {
			if _, err := files.add(file, raw); err != nil {
				return err
			}
			at.Done += len(part)
			since += len(part)
		}
		stop := ctx.Err()
		if err != nil && stop == nil {
			return err
		}
		if since >= every || stop != nil {
			since = 0
			if err := files.checkpoint(at, false); err != nil {
				return err
			}
			b.o.reached(file)
		}
		if stop != nil {
			return stop
		}
	}
	return files.checkpoint(at, true)
}

// cluster writes the clusters of the pieces that stay.
func (b *builder) cluster(ctx context.Context, stay []uint32, dims int) error {
	path := filepath.Join(b.work, clustersFile)
	if exists(path) {
		return nil
	}
	f, err := os.Open(filepath.Join(b.work, vectorsFile))
	if err != nil {
		return err
	}
	defer f.Close()
	c := &b.o.Config
	o := kmeans.Options{Target: c.Target, Least: c.Least, Most: c.Most, Seed: c.Seed, Workers: b.o.Workers,
		OnProgress: func(done, total int) { b.show("clustering", done, total) }}
	return atomicfile.Write(path, func(w io.Writer) error {
		return kmeans.Tree(ctx, &kmeans.Rows{File: f, Dims: dims}, len(stay), o, func(members []kmeans.Member) error {
			raw := binary.LittleEndian.AppendUint32(nil, uint32(len(members)))
			for _, m := range members {
				raw = binary.LittleEndian.AppendUint32(raw, stay[m.ID])
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(m.Near))
			}
			b.o.reached(clustersFile)
			_, err := w.Write(raw)
			return err
		})
	})
}
