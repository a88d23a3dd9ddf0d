package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/rl/plural"
	"spell/rl/records"
	"spell/tensor/rng"
)

// Data is what was read of some benchmarks.
type Data struct {
	Questions []*Question // in the order of the files and the records in them
	Files     []File
	Bad       []Fault // damaged or wrong
	Twice     []Fault // those whose number another question of the set has
	NoAnswer  []Fault // questions without an answer
	NoDocs    []*Question
	Other     int      // questions of other benchmarks
	Foreign   []string // files of a folder without any question, and what is wrong with the first record

	source source
}

// Close closes the file that documents were read from.
func (d *Data) Close() { d.source.close() }

// A File is one that was read.
type File struct {
	Path string `json:"path"`
	Sum  string `json:"sha256"`
}

// A Fault is a record that is left out, and why.
type Fault struct {
	At  records.Place
	Err error
}

func (f Fault) String() string {
	line, rest := "", ""
	if f.At.Unit != "line" && f.At.Line > 0 {
		line = fmt.Sprintf(" (line %d)", f.At.Line)
	}
	if f.At.Rest {
		rest = "; nothing behind it in the file can be read"
	}
	return fmt.Sprintf("%v%s: %v%s", f.At, line, f.Err, rest)
}

// Read reads the questions of some benchmarks from a file, or from all files of a folder whose names
// end as those of records do. Documents stay in the files until they are asked for. A record that is damaged
// is counted and left out; the errors are of files that cannot be read, of a file without any question, and
// that of the context.
func Read(ctx context.Context, benchmarks []*Benchmark, path string) (*Data, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	r := &reading{ctx: ctx, asked: benchmarks, data: &Data{}, seen: map[[2]string]records.Place{}}
	if info.Mode().IsRegular() {
		return r.data, r.one(path)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no file that can be read twice; save what it gives, and name that", path)
	}
	files, err := filesIn(path)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := r.file(file); err != nil {
			return nil, err
		}
		if r.found == 0 { // none that could be told is damaged
			why := file
			if len(r.data.Bad) > r.bad {
				why = r.data.Bad[r.bad].String()
			}
			r.data.Foreign, r.data.Bad = append(r.data.Foreign, why), r.data.Bad[:r.bad]
			r.data.Files = r.data.Files[:len(r.data.Files)-1]
		}
	}
	if len(r.data.Files) == 0 {
		return nil, fmt.Errorf("%s holds no file with questions of %s; name the file or folder with the data as "+
			"it was published", path, r.names())
	}
	return r.data, nil
}

// endings are how the names of files with records end.
var endings = []string{".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"}

// filesIn returns the files with records below a folder, in the order of their paths.
func filesIn(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case strings.HasPrefix(name, ".") && path != root:
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && slices.Contains(endings, filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// A reading is the state of Read.
type reading struct {
	ctx   context.Context
	asked []*Benchmark
	data  *Data
	seen  map[[2]string]records.Place // by set and number

	found int // records of the file that are a benchmark's
	bad   int // records that were damaged before the file
	other string
}

func (r *reading) names() string {
	var names []string
	for _, b := range r.asked {
		names = append(names, b.Name)
	}
	return strings.Join(names, ", ")
}

// one reads a file that must hold questions.
func (r *reading) one(path string) error {
	if err := r.file(path); err != nil {
		return err
	}
	d := r.data
	switch {
	case len(d.Questions)+len(d.NoDocs)+len(d.NoAnswer) > 0:
		return nil
	case r.other != "":
		return fmt.Errorf("%s holds questions of %s and none of %s; name it with --bench", path, r.other, r.names())
	case len(d.Bad) > 0:
		return fmt.Errorf("no record of %s can be read: %v", path, d.Bad[0])
	}
	return fmt.Errorf("%s holds no records", path)
}

// file reads a file.
func (r *reading) file(path string) error {
	r.found, r.bad = 0, len(r.data.Bad)
	var reader *records.Reader
	reader = &records.Reader{
		Known: func(f map[string]any) bool { return r.of(f) != nil || r.elsewhere(f) != "" },
		Form:  "write an object with the fields as they were published",
		Record: func(at records.Place, v any) error {
			r.record(reader, at, v)
			return r.ctx.Err()
		},
		Bad: func(at records.Place, err error) error {
			r.data.Bad = append(r.data.Bad, Fault{at, err})
			return r.ctx.Err()
		},
	}
	sum, err := reader.Read(path)
	if err != nil {
		return err
	}
	r.data.Files = append(r.data.Files, File{path, sum})
	return nil
}

// of returns the benchmark of those asked for that a record is of: one that is sure, or the only one
// that is like it.
func (r *reading) of(f fields) *Benchmark {
	var similar []*Benchmark
	for _, b := range r.asked {
		switch b.is(f) {
		case sure:
			return b
		case like:
			similar = append(similar, b)
		}
	}
	if len(similar) == 1 {
		return similar[0]
	}
	return nil
}

// elsewhere returns the name of a benchmark, known or not, that a record says it is of and that is not
// asked for.
func (r *reading) elsewhere(f fields) string {
	for _, b := range All() {
		if !b.Generated() && !slices.Contains(r.asked, b) && b.is(f) == sure {
			return b.Name
		}
	}
	if isLongBench(f) {
		return f.optional("dataset")
	}
	return ""
}

// record takes a record.
func (r *reading) record(reader *records.Reader, at records.Place, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		r.data.Bad = append(r.data.Bad, Fault{at, fmt.Errorf("this is %s and no object", records.Kind(v))})
		return
	}
	f := fields(object)
	b := r.of(f)
	if b == nil {
		if other := r.elsewhere(f); other != "" {
			r.found++
			r.data.Other++
			r.other = other
			return
		}
		r.data.Bad = append(r.data.Bad, Fault{at, r.unknown(f)})
		return
	}
	q, err := b.question()
	if err == nil {
		err = b.read(f, q)
	}
	q.At = at
	r.found++
	switch {
	case errors.Is(err, errNoAnswer), errors.Is(err, errUnanswerable):
		r.data.NoAnswer = append(r.data.NoAnswer, Fault{at, err})
	case err != nil:
		r.data.Bad = append(r.data.Bad, Fault{at, err})
	default:
		r.add(q, &kept{source: &r.data.source, reader: reader, read: b.read})
	}
}

// add adds a question unless there is one of its number. k is how its documents are read again.
func (r *reading) add(q *Question, k *kept) {
	if q.ID == "" {
		q.ID = fmt.Sprintf("%s:%d", filepath.Base(q.At.Path), q.At.Number)
	}
	q.ID = strings.Clone(q.ID) // what is left of the record is not kept
	key := [2]string{q.Set, q.ID}
	if before, twice := r.seen[key]; twice {
		err := fmt.Errorf("a question of %s with the id %q was read before, %v", q.Set, q.ID, before)
		r.data.Twice = append(r.data.Twice, Fault{q.At, err})
		return
	}
	r.seen[key] = q.At
	if q.keep(k); q.kept == nil {
		r.data.NoDocs = append(r.data.NoDocs, q)
		return
	}
	r.data.Questions = append(r.data.Questions, q)
}

// unknown returns the error of a record in none of the layouts.
func (r *reading) unknown(f fields) error {
	var named []string
	for name, v := range f {
		if v != nil {
			named = append(named, name)
		}
	}
	slices.Sort(named)
	const most = 12
	if len(named) > most {
		named = append(named[:most], "others")
	}
	if hasParagraphs(f) {
		return fmt.Errorf("this may be of several benchmarks; name one of %s with --bench", r.names())
	}
	return fmt.Errorf("this has the fields of no question of %s, but %s", r.names(), strings.Join(named, ", "))
}

// Left returns a sentence for each cause for which records were left out, with the first of them and where
// some others are.
func (d *Data) Left() (lines []string) {
	say := func(n int, what, first string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("%s %s%s", plural.Are(n, "record"), what, first))
		}
	}
	first := func(faults []Fault) string {
		if len(faults) == 0 {
			return ""
		}
		const shown = 8
		s := "; the first is " + faults[0].String()
		for i, f := range faults[1:] {
			if i == shown {
				return fmt.Sprintf("%s and %d more", s, len(faults)-1-shown)
			}
			s += []string{"; others are ", ", "}[min(i, 1)] + f.At.String()
		}
		return s
	}
	say(len(d.Bad), "damaged or wrong and left out", first(d.Bad))
	say(len(d.Twice), "there twice and left out the second time", first(d.Twice))
	say(len(d.NoAnswer), "left out without a usable answer", first(d.NoAnswer))
	if len(d.NoDocs) > 0 {
		say(len(d.NoDocs), "without documents and not asked", fmt.Sprintf("; the first is %v", d.NoDocs[0].At))
	}
	say(d.Other, "of other benchmarks", "")
	if len(d.Foreign) > 0 {
		lines = append(lines, fmt.Sprintf("%s no question of a benchmark that is known; the first is %s",
			hold(len(d.Foreign)), d.Foreign[0]))
	}
	return lines
}

func hold(files int) string {
	if files == 1 {
		return "1 file holds"
	}
	return fmt.Sprintf("%d files hold", files)
}

// Draw returns so many questions of each set, drawn by the seed, in their order; all of sets that have
// no more, and of all if most is 0.
func Draw(questions []*Question, seed uint64, most int) (drawn []*Question) {
	sets := map[string][]int{}
	for i, q := range questions {
		sets[q.Set] = append(sets[q.Set], i)
	}
	kept := make([]bool, len(questions))
	for _, places := range sets {
		n := most
		if n == 0 {
			n = len(places)
		}
		for _, k := range rng.At(seed, rng.Benchmark, 0, 0, 0).Choose(len(places), n) {
			kept[places[k]] = true
		}
	}
	for i, q := range questions {
		if kept[i] {
			drawn = append(drawn, q)
		}
	}
	return drawn
}

// Sum returns a hash of questions and their order, as they are asked.
func Sum(ctx context.Context, questions []*Question) (string, error) {
	h := sha256.New()
	for _, q := range questions {
		docs, err := q.Documents()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %q %v %q %q %q %q %v\n", q.Set, q.ID, q.Task, q.Text, q.Options, docs, q.Answers, q.All)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
