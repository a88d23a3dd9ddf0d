// Package corpus holds the document clusters that self-play asks its questions about (SPELL, arXiv
// 2509.23863, Appendix E.1): a cluster is a short ordered list of related documents, small enough
// for a responder to read at once.
//
// Package folder makes clusters of a user's files and package world generates them; Divide fits
// them to what a prompt holds. Package reading knows what is true of a user's files.
package corpus

// Document is one text of a cluster.
type Document struct {
	Name string // unique in the corpus; of a file its path with forward slashes, "#3" behind its third piece
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
	Stats    Stats
}

// Stats counts what a corpus holds.
type Stats struct {
	Documents int
	Clusters  int
}
