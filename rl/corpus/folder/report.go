package folder

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"spell/rl/corpus/decode"
	"spell/rl/plural"
)

// Fate is what became of a file.
type Fate int

// The fates of a file.
const (
	Kept            Fate = iota // read as text
	Duplicate                   // as another file, but for case and blank space
	NearDuplicate               // at least 80 % the same as another file
	Empty                       // nothing but blank space
	OtherFormat                 // a name that is not that of a text file
	Binary                      // NUL bytes or many control characters, whatever the name
	UnknownEncoding             // neither UTF-8 nor UTF-16 nor Windows-1252
	Hidden                      // a name that begins with a full stop; a hidden folder is one entry
	Linked                      // a link to what is read already, or to a folder around this one
	BrokenLink                  // a link to nothing
	Device                      // not a file, such as a socket
	Unreadable                  // the system does not open it, or it is too large
)

// String returns the fate as Report.Write puts it.
func (f Fate) String() string {
	return [...]string{"read", "duplicate", "near-duplicate", "empty", "other format", "binary", "unknown encoding",
		"hidden", "linked", "broken link", "no file", "unreadable"}[f]
}

// File is what became of one file, or of a folder that was passed over.
type File struct {
	Name      string // path under the folder read, with forward slashes; the one that documents have
	Fate      Fate
	Encoding  string // of a file that was read: "UTF-8", "UTF-16LE", "UTF-16BE" or "Windows-1252"
	Repaired  bool   // a few invalid bytes became U+FFFD
	Chars     int    // characters (Unicode code points) read, of duplicates too
	Documents int    // documents in clusters; 0 after Texts
	Of        string // name of the file that a duplicate is the same as
	Note      string // of an ignored file: its kind or the cause
}

// Report tells what became of each file of a folder.
type Report struct {
	Files          []File // in the order of their names
	Duplicates     int    // documents cut from files and left out as equal to an earlier one
	NearDuplicates int    // documents cut from files and left out as nearly equal to an earlier one
	Documents      int    // documents in clusters
	Clusters       int
	Dropped        int // documents left out because too few others were there to make a cluster with
}

// Count returns the number of files of a fate.
func (r *Report) Count(f Fate) int { return r.count(func(x *File) bool { return x.Fate == f }) }

func (r *Report) count(is func(*File) bool) (n int) {
	for i := range r.Files {
		if is(&r.Files[i]) {
			n++
		}
	}
	return n
}

// String returns one or two lines: what was read, and the files that were ignored by their kinds.
func (r *Report) String() string {
	var how list
	how.add(r.count(func(f *File) bool { return f.Encoding == decode.Windows1252 }), "in "+decode.Windows1252)
	how.add(r.count(func(f *File) bool { return strings.HasPrefix(f.Encoding, "UTF-16") }), "in UTF-16")
	how.add(r.count(func(f *File) bool { return f.Repaired }), "with invalid bytes replaced")
	read := r.count(func(f *File) bool { return f.Fate <= NearDuplicate })
	parts := []string{plural.Of(read, "file") + " read" + how.within()}

	var same []string
	if n := r.Count(Duplicate) + r.Duplicates; n > 0 {
		same = append(same, plural.Of(n, "duplicate"))
	}
	if n := r.Count(NearDuplicate) + r.NearDuplicates; n > 0 {
		same = append(same, plural.Of(n, "near-duplicate"))
	}
	if len(same) > 0 {
		parts = append(parts, strings.Join(same, " and ")+" left out")
	}
	if r.Clusters > 0 {
		parts = append(parts, plural.Of(r.Documents, "document")+" in "+plural.Of(r.Clusters, "cluster"))
	}
	if r.Dropped > 0 {
		parts = append(parts, plural.Of(r.Dropped, "document")+" without others to make a cluster with")
	}
	lines := strings.Join(parts, "; ")
	if ignored := r.ignored(); ignored != "" {
		lines += "\n" + ignored
	}
	return lines
}

// ignored returns the number of ignored files and that of each kind, or nothing if there are none.
func (r *Report) ignored() string {
	formats := map[string]int{}
	for _, f := range r.Files {
		if f.Fate == OtherFormat {
			formats[f.Note]++
		}
	}
	total := r.count(func(f *File) bool { return f.Fate > NearDuplicate })
	if total == 0 {
		return ""
	}
	var kinds list
	for _, k := range slices.SortedFunc(maps.Keys(formats), func(a, b string) int {
		return cmp.Or(cmp.Compare(formats[b], formats[a]), cmp.Compare(a, b))
	}) {
		kinds.add(formats[k], k)
	}
	for f := Empty; f <= Unreadable; f++ {
		if f != OtherFormat {
			kinds.add(r.Count(f), f.String())
		}
	}
	return fmt.Sprintf("%d ignored: %s", total, strings.Join(kinds, ", "))
}

// list is counts of things, without those that are nought.
type list []string

func (l *list) add(n int, what string) {
	if n > 0 {
		*l = append(*l, fmt.Sprintf("%d %s", n, what))
	}
}

// within returns the list in brackets, or nothing if it is empty.
func (l list) within() string {
	if len(l) == 0 {
		return ""
	}
	return " (" + strings.Join(l, ", ") + ")"
}

// Write writes one line per file: what became of it, and its name.
func (r *Report) Write(w io.Writer) error {
	width := 0
	for i := range r.Files {
		width = max(width, len(r.Files[i].what()))
	}
	for i := range r.Files {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, r.Files[i].what(), r.Files[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// what returns the line of a file but for its name.
func (f *File) what() string {
	switch {
	case f.Fate == Duplicate || f.Fate == NearDuplicate:
		return fmt.Sprintf("%s of %s", f.Fate, f.Of)
	case f.Fate != Kept && f.Note != "":
		return fmt.Sprintf("%s, %s", f.Fate, f.Note)
	case f.Fate != Kept:
		return f.Fate.String()
	}
	what := "read, " + plural.Of(f.Chars, "character")
	if f.Documents > 1 {
		what += fmt.Sprintf(" in %d documents", f.Documents)
	}
	if f.Encoding != decode.UTF8 {
		what += ", " + f.Encoding
	}
	if f.Repaired {
		what += ", invalid bytes replaced"
	}
	return what
}

// refuse returns the error of a folder that has files which cannot be opened, or no text at all.
func (r *Report) refuse(top, kinds string, texts int) error {
	const shown = 5
	var bad []string
	n := r.Count(Unreadable)
	for _, f := range r.Files {
		if f.Fate == Unreadable && len(bad) < shown {
			bad = append(bad, fmt.Sprintf("%s (%s)", short(f.Name), f.Note))
		}
	}
	switch {
	case n > len(bad):
		return fmt.Errorf("document folder %s has %d files that cannot be read, %s and %d more: mend or remove them",
			top, n, strings.Join(bad, ", "), n-len(bad))
	case n > 1:
		return fmt.Errorf("document folder %s has %d files that cannot be read, %s: mend or remove them",
			top, n, strings.Join(bad, ", "))
	case n == 1:
		return fmt.Errorf("document folder %s has a file that cannot be read, %s: mend or remove it", top, bad[0])
	case texts > 0:
		return nil
	case len(r.Files) == 0:
		return fmt.Errorf("document folder %s is empty: put %s files into it", top, kinds)
	}
	return fmt.Errorf("document folder %s has no text, %s: put %s files into it", top, r.ignored(), kinds)
}

// short returns a name without the beginning of a very long one.
func short(name string) string {
	const most = 120
	if len(name) <= most {
		return name
	}
	return "…" + strings.ToValidUTF8(name[len(name)-most:], "")
}
