// Package build makes a corpus of files of many formats, larger than memory if need be: it reads and filters
// them, leaves out near-duplicates and text of benchmarks, cuts what is long into documents, and divides these
// into clusters of related ones.
//
// Texts are read once and lie on the disk from then on, as do their signatures and vectors; what is in memory
// grows by a few bytes a document. All that is appended is noted at checkpoints and all else is renamed into
// place when it is whole, so that a process that was killed is gone on with by the same command, to the same
// bytes. The same files and settings give the same corpus, whatever the number of workers.
package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"spell/rl/corpus/filter"
	"spell/rl/corpus/format"
	"spell/rl/lock"
	"spell/rl/plural"
	"spell/rl/settings"
	"spell/tensor/atomicfile"
)

// Options are the files and folders of a corpus and how it is made.
type Options struct {
	In     []string // files and folders
	Out    string   // the corpus
	Bench  []string // files and folders whose text no document may hold
	Config Config
	Model  *Model // makes vectors; nil: they are of the words

	Workers    int                                 // 0: 1
	OnProgress func(doing string, done, total int) // nil: nobody asks

	listed *listed            // what is under In, when a corpus is begun
	bench  *filter.Benchmarks // once they are read
	steps
}

// steps are how much is done at a time, which tests make small.
type steps struct {
	batch      int                // documents that all workers have at a time
	sorted     int                // bytes of what is sorted at once
	checkpoint int64              // bytes appended between two checkpoints
	vectors    int                // between two checkpoints
	shard      int64              // bytes of a file of clusters
	reached    func(stage string) // called where a process may be killed
}

var usual = steps{batch: 512, sorted: 96 << 20, checkpoint: 128 << 20, vectors: 1 << 16, shard: 64 << 20,
	reached: func(string) {}}

// The file that says that a folder is a corpus and how it was begun, and the one that says it is finished.
const (
	beginFile    = "corpus.json"
	manifestFile = "manifest.json"
	workDir      = "work" // for what is made on the way
)

// begun is how a corpus was begun.
type begun struct {
	Version int      `json:"version"`
	In      []string `json:"in"`
	Bench   []string `json:"bench"`
	Config  Config   `json:"config"`
	Model   *Origin  `json:"model,omitempty"`
}

// version is that of what a corpus and its work folder hold.
const version = 1

// Interrupted is the error of a corpus that a signal ended.
type Interrupted struct{ out string }

func (i *Interrupted) Error() string {
	return fmt.Sprintf("interrupted; the same command goes on with %s from what is done", i.out)
}

// ExitCode is what shells know an interrupted program by.
func (*Interrupted) ExitCode() int { return 130 }

type builder struct {
	o    Options
	work string
}

func (b *builder) show(doing string, done, total int) {
	if b.o.OnProgress != nil {
		b.o.OnProgress(doing, done, total)
	}
}

// Run makes a corpus, or goes on with one that was begun with the same options. again says that it was finished
// already. Every error is one sentence.
func Run(ctx context.Context, o Options) (r *Report, again bool, err error) {
	if err := o.Config.Validate(); err != nil {
		return nil, false, err
	}
	if o.reached == nil {
		o.steps = usual
	}
	release, err := open(ctx, &o)
	if err != nil {
		return nil, false, err
	}
	defer release()
	b := &builder{o: o, work: filepath.Join(o.Out, workDir)}
	r, again, err = b.run(ctx)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil, false, &Interrupted{o.Out}
	case isSystem(err):
		return nil, false, fmt.Errorf("%w; nothing is lost: the same command goes on from what is done", err)
	}
	return r, again, err
}

// isSystem reports whether an error is of the file system, such as that of a full disk.
func isSystem(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e)
}

// open makes the folder of a corpus, or finds that it holds this one, and locks it.
func open(ctx context.Context, o *Options) (release func(), err error) {
	info, err := os.Stat(o.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(o.Out, 0o777); err != nil {
			return nil, fmt.Errorf("--out %s cannot be made: %w; name another folder", o.Out, atomicfile.Cause(err))
		}
	case err != nil:
		return nil, fmt.Errorf("--out %s: %w", o.Out, atomicfile.Cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("--out %s is a file; name a folder", o.Out)
	}
	l, err := lock.Acquire(o.Out)
	if err != nil {
		return nil, err
	}
	release = func() { l.Release(func() { os.Remove(o.Out) }) } // refused unless it is empty
	if err := begin(ctx, o); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// begin writes how the corpus is begun, or refuses a folder that holds something else.
func begin(ctx context.Context, o *Options) error {
	path := filepath.Join(o.Out, beginFile)
	now, was := begun{Version: version, In: o.In, Bench: o.Bench, Config: o.Config}, begun{}
	if o.Model != nil {
		now.Model = &o.Model.Origin
	}
	found, err := readJSON(path, &was)
	if err != nil {
		return err
	}
	if found && (exists(filepath.Join(o.Out, workDir, readFile)) || exists(filepath.Join(o.Out, manifestFile))) {
		return now.goesOn(was, o.Out)
	}
	entries, err := os.ReadDir(o.Out)
	if err != nil {
		return fmt.Errorf("--out %s: %w", o.Out, atomicfile.Cause(err))
	}
	for _, e := range entries {
		if !found && e.Name() != ".lock" && !temporary(e.Name(), beginFile) {
			return fmt.Errorf("--out %s holds %s, which is of no corpus that was begun here; name a new or an empty "+
				"folder", o.Out, e.Name())
		}
	}
	if o.listed, err = list(ctx, o.In, o.Out); err != nil {
		return err
	}
	if len(o.listed.Sources) == 0 {
		return fmt.Errorf("there is no file to read in --in %s; those that are read end in %s",
			strings.Join(o.In, " or "), strings.Join(format.Extensions, ", "))
	}
	if _, err := benchmarks(ctx, o.Bench, filter.BenchmarkExtensions); err != nil {
		return err
	}
	return writeJSON(path, now)
}

// goesOn refuses to go on with a corpus that was begun in another way.
func (now *begun) goesOn(was begun, out string) error {
	switch {
	case was.Version != version:
		return fmt.Errorf("%s is a corpus of another version of this program; name another --out", out)
	case !slices.Equal(was.In, now.In) || !slices.Equal(was.Bench, now.Bench):
		return fmt.Errorf("%s is a corpus of other files, --in %s%s; name those to go on with it, or another --out",
			out, strings.Join(was.In, " --in "), prefixed(" --bench ", was.Bench))
	}
	if !now.Model.same(was.Model) {
		return fmt.Errorf("%s is a corpus of %s, and now it is %s; give the same --model and --precision to go on "+
			"with it, or name another --out", out, was.Model, now.Model)
	}
	var names []string
	for _, c := range settings.Changes(&now.Config, &was.Config) {
		names = append(names, c.Name+" "+c.Value)
	}
	if len(names) > 0 {
		return fmt.Errorf("%s is a corpus with other settings, %s; give the same to go on with it, or name another "+
			"--out", out, strings.Join(names, ", "))
	}
	return nil
}

func prefixed(prefix string, list []string) (s string) {
	for _, x := range list {
		s += prefix + x
	}
	return s
}

// temporary reports whether a name is that of a file which was being written when its process was killed.
func temporary(name, of string) bool {
	matched, err := filepath.Match("."+of+".tmp*", name)
	return err == nil && matched
}

// run goes through the stages; each does nothing if it was finished before.
func (b *builder) run(ctx context.Context) (*Report, bool, error) {
	if m := (*manifest)(nil); exists(filepath.Join(b.o.Out, manifestFile)) {
		if _, err := readJSON(filepath.Join(b.o.Out, manifestFile), &m); err != nil {
			return nil, false, err
		}
		if err := os.RemoveAll(b.work); err != nil { // which a process killed at its very end left
			return nil, false, err
		}
		r, err := readReport(b.o.Out)
		return r, true, err
	}
	if err := os.MkdirAll(b.work, 0o777); err != nil {
		return nil, false, err
	}
	if err := b.sweep(); err != nil {
		return nil, false, err
	}
	read, err := b.read(ctx)
	if err != nil {
		return nil, false, err
	}
	if read.Documents == 0 || read.Pieces == 0 {
		return nil, false, b.nothing(read)
	}
	t, err := openTables(b.work)
	if err != nil {
		return nil, false, err
	}
	defer t.close()
	docs, err := b.dedup(ctx, docsFile, read.Documents, func(uint32) bool { return true }, t.docText)
	if err != nil {
		return nil, false, err
	}
	kept, err := t.keptPieces(docs, read.Pieces)
	if err != nil {
		return nil, false, err
	}
	pieces, err := b.dedup(ctx, piecesFile, read.Pieces, kept.has, t.pieceText)
	if err != nil {
		return nil, false, err
	}
	var stay []uint32
	for i := range uint32(read.Pieces) {
		if kept.has(i) && pieces[i] == 0 {
			stay = append(stay, i)
		}
	}
	if len(stay) < b.o.Config.Least {
		return nil, false, fmt.Errorf("only %s left of up to %d characters, and a cluster takes at least %d: add "+
			"files, or lower the setting least; %s says what was left out", plural.Are(len(stay), "document"),
			b.o.Config.DocChars, b.o.Config.Least, filepath.Join(b.work, leftFile))
	}
	dims, err := b.embed(ctx, t, stay)
	if err != nil {
		return nil, false, err
	}
	if err := b.cluster(ctx, stay, dims); err != nil {
		return nil, false, err
	}
	r, err := b.write(ctx, t, read, docs, pieces)
	if err != nil {
		return nil, false, err
	}
	t.close()
	b.o.reached("end")
	return r, false, os.RemoveAll(b.work)
}

// embed writes the vectors of the pieces that stay and returns their length.
func (b *builder) embed(ctx context.Context, t *tables, stay []uint32) (int, error) {
	if b.o.Model != nil {
		return b.hidden(ctx, t, stay)
	}
	space, err := b.space(ctx, t, stay)
	if err != nil {
		return 0, err
	}
	return space.Dims, b.vectors(ctx, t, stay, space)
}

// nothing is the error of files without any document.
func (b *builder) nothing(t *tally) error {
	return fmt.Errorf("there is no document in %v: %s; see %s", b.o.In, t.left(), filepath.Join(b.work, leftFile))
}

// sweep removes the temporary files of a process that was killed while it wrote.
func (b *builder) sweep() error {
	for _, dir := range []string{b.o.Out, b.work} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if temporary(e.Name(), "*") {
				if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// bits is a set of numbers.
type bits []uint64

func (b bits) has(i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }

// keptPieces returns the pieces of documents that are the same as no earlier one.
func (t *tables) keptPieces(docs same, n int) (bits, error) {
	kept := make(bits, n/64+1)
	err := t.eachPiece(n, func(i uint32, p piece) {
		if docs[p.doc] == 0 {
			kept[i/64] |= 1 << (i % 64)
		}
	})
	return kept, err
}
