// Package corpus makes the document clusters that self-play asks its questions about (SPELL, arXiv 2509.23863, Appendix E.1):
// a cluster is a short ordered list of related documents, small enough for a responder to read at once.
//
// ReadFolder makes clusters of raw text files: it decodes them, cuts long ones into documents, removes near-duplicates and groups
// what is left by folder and by similarity. The same files give the same corpus, bit for bit, on every system.
package corpus

import "fmt"

// Document is one text of a cluster.
type Document struct {
	Name string // unique in the corpus: the file's path with forward slashes, and "#3" for the third document cut from it
	Text string // valid UTF-8 with LF line ends and no blank space around it, never empty
}

// Cluster is the list of documents that one question may draw on.
type Cluster struct {
	Name string     // unique in the corpus
	Docs []Document // in a fixed order, which every prompt keeps
}

// Corpus is everything the self-play loop may read.
type Corpus struct {
	Clusters []Cluster
	Stats    Stats // how the clusters came about
}

// Options sets the sizes of documents and clusters. A zero field takes its default.
//
// A cluster holds at most MaxDocs × DocChars characters: 80,000 by default, some 20,000 tokens of English if every document were
// full. Lower MaxDocs where the responder's prompt budget is tighter.
type Options struct {
	DocChars int // most characters (Unicode code points) in a document; default 4,000
	MinDocs  int // fewest documents in a cluster; default 2
	MaxDocs  int // most documents in a cluster, at least twice MinDocs; default 20
}

func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value *int
		deflt int
	}{{"DocChars", &o.DocChars, 4000}, {"MinDocs", &o.MinDocs, 2}, {"MaxDocs", &o.MaxDocs, 20}} {
		if *f.value < 0 {
			return o, fmt.Errorf("corpus option %s is %d: give a positive number, or 0 for %d", f.name, *f.value, f.deflt)
		}
		if *f.value == 0 {
			*f.value = f.deflt
		}
	}
	if o.MaxDocs < 2*o.MinDocs {
		return o, fmt.Errorf("corpus option MaxDocs is %d: it must be at least twice MinDocs, which is %d", o.MaxDocs, o.MinDocs)
	}
	return o, nil
}

// Stats counts what became of the files of a folder.
type Stats struct {
	Files          int // text files read
	Ignored        int // files left unread: not .txt or .md, or a link or device
	Empty          int // text files with nothing but blank space
	Repaired       int // text files in which a few invalid bytes became U+FFFD
	Duplicates     int // files and documents removed as equal to an earlier one, but for case and blank space
	NearDuplicates int // files and documents removed as at least 80 % the same as an earlier one
	Documents      int // documents in clusters
	Clusters       int
	Dropped        int // documents left out because too few others were there to make a cluster with
}

// String gives the counts as one line of prose.
func (s Stats) String() string {
	return fmt.Sprintf("%d files read (%d empty, %d repaired, %d others ignored), %d duplicates and %d near-duplicates removed: "+
		"%d documents in %d clusters, %d left over",
		s.Files, s.Empty, s.Repaired, s.Ignored, s.Duplicates, s.NearDuplicates, s.Documents, s.Clusters, s.Dropped)
}
