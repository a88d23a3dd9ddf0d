package filter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"spell/rl/corpus/format"
	"spell/rl/corpus/term"
	"spell/tensor/atomicfile"
)

// Benchmarks is the runs of words of benchmark files, by which documents are told that hold some of their text.
type Benchmarks struct {
	words int      // of a run
	names []string // of the files
	slots []slot   // a hash table with open addressing, of a power of two and at most half full
	count int
	last  uint64 // what the oldest word of a run is multiplied by
}

// slot is a run and the file that it is of; file 0 is none.
type slot struct {
	run  uint64
	file uint32
}

// mostRuns bounds the memory of the table, to 512 MB.
const mostRuns = 1 << 24

// BenchmarkExtensions are those of the files that ReadBenchmarks reads.
var BenchmarkExtensions = append([]string{".json"}, format.Extensions...)

// ReadBenchmarks reads all text of files: every text of a JSON or Parquet file, whatever its field, and the
// documents of others. A run has as many words as are given; a text of fewer has none.
func ReadBenchmarks(ctx context.Context, paths []string, words int) (*Benchmarks, error) {
	b := &Benchmarks{words: words, slots: make([]slot, 1<<12), last: 1}
	for range words - 1 {
		b.last *= base
	}
	for i, path := range paths {
		b.names = append(b.names, filepath.Base(path))
		runs := 0
		err := readTexts(ctx, path, func(text string) error {
			return b.runs(text, func(run uint64) error {
				runs++
				return b.add(run, uint32(i+1))
			})
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("benchmark %s: %w", path, err)
		}
		if runs == 0 {
			return nil, fmt.Errorf("benchmark %s holds no text of %d words: name a file with questions or documents, "+
				"or leave it out", path, words)
		}
	}
	return b, nil
}

// base is the multiplier of the hash of a run.
const base = 0x9e3779b97f4a7c15

// runs calls yield with the hash of every run of text, until it returns an error.
func (b *Benchmarks) runs(text string, yield func(run uint64) error) error {
	words := term.Words(nil, text)
	h := uint64(0)
	for i, w := range words {
		if i >= b.words {
			h -= words[i-b.words] * b.last
		}
		if h = h*base + w; i >= b.words-1 {
			if err := yield(term.Mix(h)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Benchmarks) add(run uint64, file uint32) error {
	at := b.find(run)
	if b.slots[at].file != 0 {
		return nil
	}
	if b.count == mostRuns {
		return fmt.Errorf("the benchmarks have more than %d runs of %d words, more than fit in memory: name fewer "+
			"files, or only their questions", mostRuns, b.words)
	}
	b.slots[at] = slot{run, file}
	if b.count++; 2*b.count <= len(b.slots) {
		return nil
	}
	old := b.slots
	b.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.file != 0 {
			b.slots[b.find(s.run)] = s
		}
	}
	return nil
}

// find returns where a run is, or would be.
func (b *Benchmarks) find(run uint64) int {
	mask := uint64(len(b.slots) - 1)
	at := run & mask
	for b.slots[at].file != 0 && b.slots[at].run != run {
		at = (at + 1) & mask
	}
	return int(at)
}

// Found is one run of a benchmark in a document.
type Found struct {
	Benchmark string
	Runs      int // of words, that the document has in common with all benchmarks
}

// Find returns what a document has in common with the benchmarks, or nothing.
func (b *Benchmarks) Find(text string) (f Found) {
	if b == nil {
		return f
	}
	b.runs(text, func(run uint64) error {
		if s := b.slots[b.find(run)]; s.file != 0 {
			if f.Runs++; f.Runs == 1 {
				f.Benchmark = b.names[s.file-1]
			}
		}
		return nil
	})
	return f
}

// readTexts calls yield with every text of a file.
func readTexts(ctx context.Context, path string, yield func(text string) error) error {
	checked := func(text string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return yield(text)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".jsonl":
		return jsonTexts(path, checked)
	case ".parquet":
		return parquetTexts(path, checked)
	}
	r, err := format.Open(path, format.Place{}, format.Options{Stop: ctx.Err})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && rec.Skip != "" {
			err = errors.New(rec.Skip)
		}
		if err == nil {
			err = checked(rec.Text)
		}
		if err != nil {
			return err
		}
	}
}

// jsonTexts reads one JSON value or several.
func jsonTexts(path string, yield func(text string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return atomicfile.Cause(err)
	}
	defer f.Close()
	in := json.NewDecoder(f)
	for depth := 0; ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is no JSON at byte %d: %w", in.InputOffset()+1, err)
		}
		switch token := token.(type) {
		case string:
			if err := yield(token); err != nil {
				return err
			}
		case json.Delim:
			if depth--; token == '{' || token == '[' {
				depth += 2
			}
		}
	}
}

func parquetTexts(path string, yield func(text string) error) (err error) {
	defer func() { // how the library answers to some files that are damaged
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return atomicfile.Cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return atomicfile.Cause(err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("it is no whole Parquet file: %w", err)
	}
	reader := parquet.NewGenericReader[any](file, file.Schema())
	defer reader.Close()
	rows := make([]any, 16)
	for {
		n, err := reader.Read(rows)
		for _, row := range rows[:n] {
			if err := walk(row, yield); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// walk calls yield with every text of a value, in any order.
func walk(v any, yield func(text string) error) error {
	switch v := v.(type) {
	case string:
		return yield(v)
	case []byte:
		return yield(string(v))
	case []any:
		for _, x := range v {
			if err := walk(x, yield); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, x := range v {
			if err := walk(x, yield); err != nil {
				return err
			}
		}
	}
	return nil
}
