package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"spell/rl/corpus"
	"spell/rl/corpus/filter"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/format"
	"spell/rl/corpus/minhash"
	"spell/rl/plural"
)

// The files of the work folder that note what is to be read, and how far it was.
const (
	sourcesFile = "sources.json"
	readFile    = "read.json"
)

// What a Left is about.
const (
	aFile     = "file"
	aDocument = "document"
	aPiece    = "piece"
)

// Benchmark is the cause of a piece that has a run of words in common with a benchmark.
const Benchmark = "text of a benchmark"

// A Left is something that was left out, and why.
type Left struct {
	What   string `json:"what"` // "file", "document" or "piece"
	Name   string `json:"name"`
	Why    string `json:"why"`
	Detail string `json:"detail,omitempty"`
}

// A tally counts what was read and what was left out.
type tally struct {
	Files      int            `json:"files"`     // of which something was read
	Documents  int            `json:"documents"` // read, and kept by the filters
	Characters int64          `json:"characters"`
	Pieces     int            `json:"pieces"` // that they were cut into
	Mended     map[string]int `json:"mended"` // files and documents that were not plain UTF-8
	Left       map[string]int `json:"left"`   // by "what: why"
}

// where is how far the files have been read.
type where struct {
	Source int          `json:"source"`
	At     format.Place `json:"at"`
	Passed bool         `json:"passed"` // what was not read is noted
	Tally  tally        `json:"tally"`
}

// An item is a record on its way, or something that was left out, or the end of a file.
type item struct {
	name   string
	record format.Record
	left   *Left
	whole  bool // the first of its file that holds text
	source int  // to go on with behind it
	at     format.Place

	// What comes of a record:
	print  *minhash.Print
	pieces []cutPiece
	err    error
}

// A cutPiece is a part of a record's text.
type cutPiece struct {
	at, length int
	print      *minhash.Print
	found      filter.Found
}

// batchBytes bounds the text that all workers have at a time, unless a document alone has more.
const batchBytes = 4 << 20

// reading is the stage that reads, filters, cuts and signs.
type reading struct {
	*builder
	files *store
	where where
	batch []item
	bytes int   // of the batch
	since int64 // bytes appended since the last checkpoint
	done  int64 // bytes of the sources before
	total int64
}

// read reads all sources into the work folder.
func (b *builder) read(ctx context.Context) (*tally, error) {
	r := &reading{builder: b}
	r.where.Tally = tally{Mended: map[string]int{}, Left: map[string]int{}}
	files, done, err := openStore(b.work, readFile, &r.where, textsFile, namesFile, docsFile, piecesFile, leftFile,
		docsFile+sumsFile, docsFile+signaturesFile, piecesFile+sumsFile, piecesFile+signaturesFile)
	if err != nil {
		return nil, err
	}
	defer files.close()
	if r.files = files; done {
		return &r.where.Tally, nil
	}
	l := b.o.listed
	if path := filepath.Join(b.work, sourcesFile); l != nil {
		if err := writeJSON(path, l); err != nil {
			return nil, err
		}
		if err := files.checkpoint(r.where, false); err != nil { // from here on it is gone on with
			return nil, err
		}
	} else if _, err := readJSON(path, &l); err != nil {
		return nil, err
	}
	if err := r.all(ctx, l); err != nil {
		if ctx.Err() != nil { // what was done counts
			if err := files.checkpoint(r.where, false); err != nil {
				return nil, err
			}
		}
		return nil, err
	}
	return &r.where.Tally, files.checkpoint(r.where, true)
}

func (r *reading) all(ctx context.Context, l *listed) error {
	for i, s := range l.Sources {
		if r.total += s.Size; i < r.where.Source {
			r.done += s.Size
		}
	}
	if r.where.Source < len(l.Sources) && r.o.bench == nil {
		if err := r.readBenchmarks(ctx); err != nil {
			return err
		}
	}
	if !r.where.Passed {
		for _, left := range l.Passed {
			if err := r.leave(left); err != nil {
				return err
			}
		}
		r.where.Passed = true
	}
	for r.where.Source < len(l.Sources) {
		at := r.where
		for n := at.Source; n < len(l.Sources); n++ {
			if err := r.source(ctx, &l.Sources[n], n, at.At); err != nil {
				return err
			}
			at.At = format.Place{}
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// readBenchmarks reads what documents may not hold.
func (r *reading) readBenchmarks(ctx context.Context) error {
	if len(r.o.Bench) == 0 {
		return nil
	}
	files, err := benchmarks(ctx, r.o.Bench, filter.BenchmarkExtensions)
	if err != nil {
		return err
	}
	r.o.bench, err = filter.ReadBenchmarks(ctx, files, r.o.Config.BenchWords)
	return err
}

// source reads a file from a place on.
func (r *reading) source(ctx context.Context, s *source, number int, at format.Place) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.same(); err != nil {
		return err
	}
	first := at == format.Place{}
	in, err := format.Open(s.Path, at, format.Options{Field: r.o.Config.Field, Stop: ctx.Err})
	if err != nil {
		if stop := ctx.Err(); stop != nil {
			return stop
		}
		return r.add(ctx, item{left: &Left{aFile, s.Name, folder.Unreadable.String(), err.Error()}, source: number + 1})
	}
	defer in.Close()
	for {
		rec, err := in.Next()
		if stop := ctx.Err(); stop != nil {
			return stop
		}
		if errors.Is(err, io.EOF) {
			r.done += s.Size
			return r.add(ctx, item{source: number + 1})
		}
		if err != nil {
			detail := err.Error()
			if !first {
				detail = "from " + r.last(s.Name) + " on: " + detail
			}
			return r.add(ctx, item{left: &Left{aFile, s.Name, folder.Unreadable.String(), detail}, source: number + 1})
		}
		it := item{name: s.Name, record: rec, whole: first, source: number, at: rec.Next}
		what := aFile
		if rec.Label != "" {
			it.name += ", " + rec.Label
			what = aDocument
		}
		if rec.Skip != "" {
			it.left = &Left{what, it.name, rec.Skip, ""}
			if cause, detail, cut := strings.Cut(rec.Skip, ": "); cut {
				it.left.Why, it.left.Detail = cause, detail
			}
		} else {
			first = false
		}
		r.show("reading, MB", int((r.done+min(rec.Next.Byte, s.Size))>>20), int(r.total>>20))
		if err := r.add(ctx, it); err != nil {
			return err
		}
	}
}

// last names the record read last, of a file of that name.
func (r *reading) last(file string) string {
	for i := len(r.batch) - 1; i >= 0; i-- {
		if name, ok := strings.CutPrefix(r.batch[i].name, file+", "); ok {
			return name
		}
	}
	return "a record"
}

// add takes an item into the batch, which is worked on once it is full.
func (r *reading) add(ctx context.Context, it item) error {
	r.batch = append(r.batch, it)
	r.bytes += len(it.record.Text)
	if len(r.batch) >= r.o.batch || r.bytes >= batchBytes {
		return r.flush(ctx)
	}
	return nil
}

// flush works on the batch and appends what comes of it.
func (r *reading) flush(ctx context.Context) error {
	parallel(len(r.batch), r.o.Workers, func(i int) {
		if it := &r.batch[i]; it.left == nil && it.record.Text != "" {
			it.err = r.sign(ctx, it)
		}
	})
	for i := range r.batch {
		it := &r.batch[i]
		err := it.err
		switch {
		case err != nil:
		case it.left != nil:
			err = r.leave(*it.left)
		case it.record.Text != "":
			err = r.keep(it)
		}
		if err != nil {
			return err
		}
	}
	if n := len(r.batch); n > 0 {
		r.where.Source, r.where.At = r.batch[n-1].source, r.batch[n-1].at
	}
	clear(r.batch)
	r.batch, r.bytes = r.batch[:0], 0
	r.o.reached("batch")
	if r.since >= r.o.checkpoint {
		r.since = 0
		if err := r.files.checkpoint(r.where, false); err != nil {
			return err
		}
		r.o.reached("read")
	}
	return ctx.Err()
}

// parallel calls do with 0 to n−1, of which each worker takes every next one.
func parallel(n, workers int, do func(i int)) {
	var wait sync.WaitGroup
	for w := range min(n, max(workers, 1)) {
		wait.Go(func() {
			for i := w; i < n; i += max(workers, 1) {
				do(i)
			}
		})
	}
	wait.Wait()
}

// sign filters, cuts and signs a record.
func (r *reading) sign(ctx context.Context, it *item) (err error) {
	c, text := &r.o.Config, it.record.Text
	if cause, figure := c.Check(text); cause != "" {
		it.left = &Left{aDocument, it.name, cause, figure}
		return nil
	}
	stop := func(int) error { return ctx.Err() }
	if it.print, err = minhash.New(text, stop); err != nil {
		return err
	}
	at := 0
	for part := range corpus.Cut(text, c.DocChars) {
		at = len(text) - len(strings.TrimLeftFunc(text[at:], unicode.IsSpace))
		p := cutPiece{at: at, length: len(part), print: it.print, found: r.o.bench.Find(part)}
		if len(part) < len(text) {
			if p.print, err = minhash.New(part, stop); err != nil {
				return err
			}
		}
		it.pieces = append(it.pieces, p)
		at += len(part)
	}
	return nil
}

// leave notes what is left out.
func (r *reading) leave(left Left) error {
	r.where.Tally.Left[left.What+": "+left.Why]++
	raw, err := json.Marshal(left)
	if err != nil {
		return err
	}
	_, err = r.files.add(leftFile, append(raw, '\n'))
	return err
}

// keep appends a document and its pieces.
func (r *reading) keep(it *item) error {
	t := &r.where.Tally
	if it.whole {
		t.Files++
	}
	if it.record.Note != "" {
		t.Mended[it.record.Note]++
	}
	if t.Pieces+len(it.pieces) > math.MaxInt32 {
		return fmt.Errorf("there are more than %d pieces of documents; raise doc_chars, or make several corpora",
			math.MaxInt32)
	}
	d := doc{length: uint32(len(it.record.Text)), nameLen: uint32(len(it.name)), titleLen: uint32(len(it.record.Title)),
		pieces: uint32(len(it.pieces))}
	at, err := r.files.add(textsFile, []byte(it.record.Text))
	if err != nil {
		return err
	}
	d.text = uint64(at)
	if at, err = r.files.add(namesFile, []byte(it.name+it.record.Title)); err != nil {
		return err
	}
	d.name = uint64(at)
	if _, err = r.files.add(docsFile, d.append(nil)); err != nil {
		return err
	}
	if err = r.files.addPrint(docsFile, it.print); err != nil {
		return err
	}
	for i, cut := range it.pieces {
		if cut.found.Runs >= r.o.Config.BenchRuns {
			name := it.name
			if len(it.pieces) > 1 {
				name = pieceLabel(name, i+1)
			}
			detail := fmt.Sprintf("%s of %d words, the first in %s", plural.Of(cut.found.Runs, "run"),
				r.o.Config.BenchWords, cut.found.Benchmark)
			if err := r.leave(Left{aPiece, name, Benchmark, detail}); err != nil {
				return err
			}
			continue
		}
		p := piece{text: d.text + uint64(cut.at), length: uint32(cut.length), doc: uint32(t.Documents),
			number: uint32(i + 1)}
		if _, err := r.files.add(piecesFile, p.append(nil)); err != nil {
			return err
		}
		if err := r.files.addPrint(piecesFile, cut.print); err != nil {
			return err
		}
		t.Pieces++
	}
	t.Documents++
	t.Characters += int64(utf8.RuneCountInString(it.record.Text))
	r.since += int64(len(it.record.Text)) + int64(signatureSize*(1+len(it.pieces)))
	return nil
}
