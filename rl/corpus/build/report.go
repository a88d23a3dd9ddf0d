package build

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"spell/rl/plural"
	"spell/tensor/atomicfile"
)

// The files that tell of a corpus.
const (
	reportFile  = "report.json"
	SummaryFile = "report.txt" // for people
	leftOutFile = "left-out.jsonl"
)

// A Report tells what became of the files of a corpus.
type Report struct {
	Files      int            `json:"files"` // of which something was read
	Read       int            `json:"read"`  // documents that the filters kept
	Characters int64          `json:"characters"`
	Mended     map[string]int `json:"mended"`    // files and documents that were not plain UTF-8
	LeftOut    map[string]int `json:"left_out"`  // by "what: why"
	Documents  int            `json:"documents"` // in clusters; long ones that were cut count piece by piece
	Clusters   int            `json:"clusters"`
	Sizes      map[int]int    `json:"sizes"` // clusters by their number of documents
	Samples    []Sample       `json:"samples"`
}

// A Sample is a cluster by what is nearest to its mean.
type Sample struct {
	Cluster   string   `json:"cluster"`
	Documents int      `json:"documents"`
	Nearest   []string `json:"nearest"`
}

// nearestShown is how many documents of a cluster stand for it.
const nearestShown = 5

// sampled reports whether a cluster is in the report: all of the first 16, and ever fewer of those behind.
func sampled(id int) bool {
	step := 1
	for id >= 16*step {
		step *= 2
	}
	return id%step == 0
}

func sampleOf(lines []Line) Sample {
	s := Sample{Cluster: lines[0].Cluster, Documents: len(lines)}
	for _, l := range lines[:min(nearestShown, len(lines))] {
		title := l.Name
		if l.Title != "" {
			title += ": " + l.Title
		}
		s.Nearest = append(s.Nearest, title)
	}
	return s
}

func reportOf(read *tally, w *written) *Report {
	return &Report{Files: read.Files, Read: read.Documents, Characters: read.Characters, Mended: read.Mended,
		LeftOut: maps.Clone(read.Left), Documents: w.Manifest.Documents, Clusters: w.Manifest.Clusters,
		Samples: w.Samples, Sizes: w.Sizes}
}

func (r *Report) leave(l Left) { r.LeftOut[l.What+": "+l.Why]++ }

// write writes the report and its summary.
func (r *Report) write(dir string) error {
	if err := writeJSON(filepath.Join(dir, reportFile), r); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, SummaryFile), r.Write)
}

func readReport(dir string) (*Report, error) {
	r := &Report{}
	path := filepath.Join(dir, reportFile)
	found, err := readJSON(path, r)
	if err == nil && !found {
		err = fmt.Errorf("%s is missing; make the corpus again with another --out", path)
	}
	return r, err
}

// String returns a few lines: what was read, what was left out and what came of it.
func (r *Report) String() string {
	lines := []string{fmt.Sprintf("%s read, %s of %d characters%s", plural.Of(r.Files, "file"),
		plural.Of(r.Read, "document"), r.Characters, counts(r.Mended, " (", ")"))}
	if left := counts(r.LeftOut, "left out: ", ""); left != "" {
		lines = append(lines, left)
	}
	return strings.Join(append(lines, fmt.Sprintf("%s in %s", plural.Of(r.Documents, "document"),
		plural.Of(r.Clusters, "cluster"))), "\n")
}

// left says what was left out.
func (t *tally) left() string { return cmp.Or(counts(t.Left, "left out: ", ""), "there are no files") }

// counts lists counts of things, the largest first, or returns nothing if there are none.
func counts(m map[string]int, before, behind string) string {
	var list []string
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	}) {
		what, why, two := strings.Cut(k, ": ")
		if two {
			list = append(list, plural.Of(m[k], what)+" "+why)
		} else {
			list = append(list, fmt.Sprintf("%d %s", m[k], k))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return before + strings.Join(list, ", ") + behind
}

// Write writes the summary: the figures, the sizes of clusters, and some clusters by what is nearest to their
// mean.
func (r *Report) Write(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%v\n%s names everything that was left out, and why.\n\n", r, leftOutFile)
	out.WriteString("Documents of a cluster:\n")
	for _, size := range slices.Sorted(maps.Keys(r.Sizes)) {
		fmt.Fprintf(&out, "%6d: %s\n", size, plural.Of(r.Sizes[size], "cluster"))
	}
	out.WriteString("\nSome clusters, by the documents nearest to their mean:\n")
	for _, s := range r.Samples {
		fmt.Fprintf(&out, "\n%s, %s\n", s.Cluster, plural.Of(s.Documents, "document"))
		for _, n := range s.Nearest {
			fmt.Fprintf(&out, "  %s\n", n)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
