// Package folder reads a user's files into the clusters of a corpus: it decodes them, removes
// near-duplicates, cuts long ones into documents and groups these by folder and by similarity. The
// same files give the same corpus, bit for bit, on every system.
//
// The files directly in one folder, the top one or any below it, make one cluster, named after the
// folder with a slash behind. If they hold more than MaxDocs documents they are cut into several
// clusters by similarity, each named after its first document. A file stays together unless it
// alone is longer than MaxDocs documents: it then makes clusters of its own, of consecutive pieces
// and of even size. A group below MinDocs joins the most similar one. A folder with fewer than
// MinDocs documents hands them up to its parent, and what the top folder cannot use is dropped and
// counted.
//
// No single file ends the reading. What cannot be read as text is passed over and counted in the
// Report. Only text files that the system does not open, or that are too large, are an error, which
// names them all.
package folder

import (
	"context"
	"fmt"

	"spell/rl/corpus"
	"spell/rl/corpus/minhash"
	"spell/rl/plural"
)

// Options sets the sizes of documents and clusters. A zero field takes its default.
//
// A cluster holds at most MaxDocs × DocChars characters: 80,000 by default, some 20,000 tokens of
// English if every document were full.
type Options struct {
	DocChars int // most characters (Unicode code points) in a document; default 4,000
	MinDocs  int // fewest documents in a cluster; default 2
	MaxDocs  int // most documents in a cluster, at least twice MinDocs; default 20

	// OnProgress, if set, is called as the work goes on with the bytes that were gone through and
	// those that will have been in the end. Each pass over the text counts, so total is several
	// times its size.
	OnProgress func(done, total int)
}

func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value *int
		deflt int
	}{{"DocChars", &o.DocChars, 4000}, {"MinDocs", &o.MinDocs, 2}, {"MaxDocs", &o.MaxDocs, 20}} {
		if *f.value < 0 {
			return o, fmt.Errorf("folder option %s is %d: give a positive number, or 0 for %d",
				f.name, *f.value, f.deflt)
		}
		if *f.value == 0 {
			*f.value = f.deflt
		}
	}
	if o.MaxDocs < 2*o.MinDocs {
		return o, fmt.Errorf("folder option MaxDocs is %d: it must be at least twice MinDocs, which is %d",
			o.MaxDocs, o.MinDocs)
	}
	return o, nil
}

// Read reads the text files under path into clusters. Clusters and the documents in them come in
// the order of their paths. The report tells what became of every file and comes with most errors
// too. Once ctx is done, Read soon returns ctx.Err(); every other error is one sentence that names
// the file or folder.
func Read(ctx context.Context, path string, o Options) (*corpus.Corpus, *Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	r := &reader{meter: meter{ctx: ctx, passes: 4, on: o.OnProgress}, report: &Report{}, extensions: textExtensions}
	files, err := r.distinctFiles(path)
	if err != nil {
		return nil, r.report, err
	}
	docs, err := r.cut(files, o.DocChars)
	if err != nil {
		return nil, r.report, err
	}
	if docs, err = r.distinctDocuments(docs); err != nil {
		return nil, r.report, err
	}
	clusters, err := r.groupFolders(docs, o)
	if err != nil {
		return nil, r.report, err
	}
	if len(clusters) == 0 {
		return nil, r.report, fmt.Errorf("document folder %s gives only %s of up to %d characters, "+
			"and a cluster takes at least %d: add text", path, plural.Of(len(docs), "document"), o.DocChars, o.MinDocs)
	}
	r.meter.end()
	stats := corpus.Stats{Documents: r.report.Documents, Clusters: r.report.Clusters}
	return &corpus.Corpus{Clusters: clusters, Stats: stats}, r.report, nil
}

// Text is the whole text of one file.
type Text struct {
	Name string // path under the folder read, with forward slashes
	Text string // valid UTF-8 with LF line ends and no blank space around it, never empty
}

// Texts reads the text files under path whole, in the order of their paths, without the files that
// are nearly the same as an earlier one. It takes OnProgress alone of the options. Errors are those
// of Read.
func Texts(ctx context.Context, path string, o Options) ([]Text, *Report, error) {
	r := &reader{meter: meter{ctx: ctx, passes: 2, on: o.OnProgress}, report: &Report{}, extensions: textExtensions}
	files, err := r.distinctFiles(path)
	if err != nil {
		return nil, r.report, err
	}
	texts := make([]Text, len(files))
	for i, f := range files {
		texts[i] = Text{f.Name, f.Text}
	}
	r.meter.end()
	return texts, r.report, nil
}

// reader is one reading of a folder.
type reader struct {
	meter      meter
	report     *Report
	extensions []string // of the files that are read
}

// piece is a whole file or a document cut from one.
type piece struct {
	corpus.Document
	file  string         // name of the file
	entry int            // index of the file in the report
	print *minhash.Print // of a whole file, once it is known
}

// distinctFiles returns the texts of the files under path, without near-duplicates.
func (r *reader) distinctFiles(path string) ([]piece, error) {
	sources, err := r.walk(path)
	if err != nil {
		return nil, err
	}
	files, err := r.readAll(path, sources)
	if err != nil {
		return nil, err
	}
	return r.distinct(files, func(p, of piece, near bool) {
		f := &r.report.Files[p.entry]
		f.Of, f.Fate = of.Name, Duplicate
		if near {
			f.Fate = NearDuplicate
		}
	})
}

// cut cuts files into documents of at most limit characters.
func (r *reader) cut(files []piece, limit int) (docs []piece, err error) {
	for _, f := range files {
		first := len(docs)
		for text := range corpus.Cut(f.Text, limit) {
			if err := r.meter.check(); err != nil {
				return nil, err
			}
			name := fmt.Sprintf("%s#%d", f.file, len(docs)-first+1)
			docs = append(docs, piece{Document: corpus.Document{Name: name, Text: text}, file: f.file, entry: f.entry})
		}
		if len(docs)-first == 1 {
			docs[first] = f
		}
		r.report.Files[f.entry].Documents = len(docs) - first
	}
	return docs, nil
}

// distinctDocuments returns docs without near-duplicates.
func (r *reader) distinctDocuments(docs []piece) ([]piece, error) {
	return r.distinct(docs, func(p, of piece, near bool) {
		r.report.Files[p.entry].Documents--
		if near {
			r.report.NearDuplicates++
		} else {
			r.report.Duplicates++
		}
	})
}
