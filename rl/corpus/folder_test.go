package corpus

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// write makes files under dir, given as path, text, path, text, …
func write(t *testing.T, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// outline gives a corpus as lines of "cluster: document document …".
func outline(c *Corpus) string {
	var b strings.Builder
	for _, cl := range c.Clusters {
		fmt.Fprintf(&b, "%s:", cl.Name)
		for _, d := range cl.Docs {
			fmt.Fprintf(&b, " %s", d.Name)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func TestReadFolder(t *testing.T) {
	c, err := ReadFolder(filepath.Join("testdata", "folder"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The folder "lonely" has too few documents for a cluster: they join those of the folder above.
	want := "lighthouses/: lighthouses/copy-of-keeper.txt lighthouses/fog.md\n" +
		"./: lonely/single.txt rye.txt wheat.txt\n"
	if got := outline(c); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	stats := Stats{Files: 7, Ignored: 1, Empty: 1, Duplicates: 1, Documents: 5, Clusters: 2}
	if c.Stats != stats {
		t.Errorf("got  %v\nwant %v", c.Stats, stats)
	}
	line := "7 files read (1 empty, 0 repaired, 1 others ignored), 1 duplicates and 0 near-duplicates removed: 5 documents in 2 clusters, 0 left over"
	if got := c.Stats.String(); got != line {
		t.Errorf("stats line %q, want %q", got, line)
	}
	wheat := "Wheat dough is kneaded for 12 minutes.\n\nIt rises for 90 minutes before the oven."
	if got := c.Clusters[1].Docs[2].Text; got != wheat {
		t.Errorf("wheat.txt reads %q, want %q", got, wheat)
	}
}

func TestReadFolderDropsWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/1.txt", "one two three", "a/2.txt", "four five six", "b/c/1.txt", "seven eight nine")
	c, err := ReadFolder(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(c); got != "a/: a/1.txt a/2.txt\n" || c.Stats.Dropped != 1 {
		t.Errorf("got\n%s%v", got, c.Stats)
	}
}

func TestReadFolderErrors(t *testing.T) {
	noFolder := func(*testing.T, string) {}
	files := func(files ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, dir, files...)
		}
	}
	huge := func(t *testing.T, dir string) {
		files("x.txt", "words")(t, dir)
		if err := os.Truncate(filepath.Join(dir, "x.txt"), maxFileBytes+1); err != nil {
			t.Fatal(err)
		}
	}
	asFile := func(t *testing.T, dir string) { write(t, filepath.Dir(dir), filepath.Base(dir), "words") }
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string)
		opts Options
		want string // DIR stands for the folder
	}{
		{"missing", noFolder, Options{}, "document folder DIR does not exist: give a folder of .txt or .md files"},
		{"file", asFile, Options{}, "document folder DIR is a file: give the folder that holds it"},
		{"empty", files(), Options{}, "document folder DIR is empty: put .txt or .md files into it"},
		{"hidden only", files(".x.txt", "words"), Options{}, "document folder DIR is empty: put .txt or .md files into it"},
		{"no text", files("a.pdf", "%PDF", "b/c.csv", "1,2"), Options{},
			"document folder DIR has no .txt or .md file among its 2 file(s), links not followed: convert the documents to text"},
		{"blank", files("a.txt", " \n"), Options{}, "document folder DIR holds 1 text file(s), but nothing is written in them: add text"},
		{"one document", files("a.txt", "words"), Options{},
			"document folder DIR gives only 1 document(s) of up to 4000 characters, and a cluster takes at least 2: add text"},
		{"binary", files("a.txt", "words", "b/x.txt", "wo\x00rds"), Options{},
			"DIR/b/x.txt is not text, it has NUL bytes: convert it to UTF-8 text or remove it"},
		{"latin-1", files("x.txt", "caf\xe9"), Options{}, "DIR/x.txt is not UTF-8 text: convert it to UTF-8 text or remove it"},
		{"half UTF-16", files("x.txt", "\xff\xfea\x00b"), Options{},
			"DIR/x.txt begins as UTF-16 but has half a character at its end: convert it to UTF-8 text or remove it"},
		{"huge", huge, Options{}, "DIR/x.txt has 256 MB, more than the 256 MB allowed: split it or remove it"},
		{"negative", files("a.txt", "words"), Options{DocChars: -1}, "corpus option DocChars is -1: give a positive number, or 0 for 4000"},
		{"narrow", files("a.txt", "words"), Options{MinDocs: 3, MaxDocs: 5},
			"corpus option MaxDocs is 5: it must be at least twice MinDocs, which is 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "docs")
			c.make(t, dir)
			got, err := ReadFolder(dir, c.opts)
			if err == nil {
				t.Fatalf("no error, but %v", got.Stats)
			}
			if msg := filepath.ToSlash(strings.ReplaceAll(err.Error(), dir, "DIR")); msg != c.want {
				t.Errorf("got  %s\nwant %s", msg, c.want)
			}
		})
	}
}

func TestReadFolderFollowsNoLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret.txt", "never read this", "more/secret.txt", "nor this")
	write(t, dir, "a.txt", "one two three", "b.txt", "four five six")
	for name, target := range map[string]string{"file.txt": "secret.txt", "folder": "more"} {
		if err := os.Symlink(filepath.Join(outside, target), filepath.Join(dir, name)); err != nil {
			t.Skipf("this system makes no links: %v", err)
		}
	}
	c, err := ReadFolder(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(c); got != "./: a.txt b.txt\n" || c.Stats.Ignored != 2 {
		t.Errorf("got\n%s%v", got, c.Stats)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if through, err := ReadFolder(link, Options{}); err != nil || !reflect.DeepEqual(through, c) {
		t.Errorf("the folder itself as a link: %v, error %v", through, err)
	}
}

// The order in which files were made, and so perhaps the order in which a directory lists them, has no bearing.
func TestReadFolderOrder(t *testing.T) {
	var files [][2]string
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 120 {
		files = append(files, [2]string{fmt.Sprintf("%c%03d.txt", 'a'+rng.IntN(26), i), topicText(rng, i%7, 80+rng.IntN(400))})
	}
	var first *Corpus
	for range 3 {
		dir := t.TempDir()
		for _, f := range files {
			write(t, dir, f[0], f[1])
		}
		c, err := ReadFolder(dir, Options{DocChars: 500, MaxDocs: 12})
		if err != nil {
			t.Fatal(err)
		}
		checkInvariants(t, c, Options{DocChars: 500, MinDocs: 2, MaxDocs: 12})
		if first == nil {
			first = c
		}
		if !reflect.DeepEqual(c, first) {
			t.Fatalf("got\n%swant\n%s", outline(c), outline(first))
		}
		rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	}
}

// topicText makes n words of prose, half of them from one topic's own vocabulary.
func topicText(rng *rand.Rand, topic, n int) string {
	var b strings.Builder
	for i := range n {
		if rng.IntN(2) == 0 {
			fmt.Fprintf(&b, "topic%dword%d", topic, rng.IntN(60))
		} else {
			fmt.Fprintf(&b, "common%d", rng.IntN(500))
		}
		b.WriteString([]string{" ", " ", " ", ". ", "\n\n"}[min(4, rng.IntN(40)*i%13)])
	}
	return b.String()
}

// checkInvariants checks what holds for every corpus.
func checkInvariants(t *testing.T, c *Corpus, opts Options) {
	t.Helper()
	names, docs := map[string]bool{}, 0
	for _, cl := range c.Clusters {
		if names["cluster "+cl.Name] {
			t.Errorf("two clusters are named %s", cl.Name)
		}
		names["cluster "+cl.Name] = true
		if n := len(cl.Docs); n < opts.MinDocs || n > opts.MaxDocs {
			t.Errorf("cluster %s has %d documents", cl.Name, n)
		}
		docs += len(cl.Docs)
		for _, d := range cl.Docs {
			if names[d.Name] {
				t.Errorf("document %s is there twice", d.Name)
			}
			names[d.Name] = true
			if n := len([]rune(d.Text)); n == 0 || n > opts.DocChars || d.Text != strings.TrimSpace(d.Text) {
				t.Errorf("document %s has %d characters: %.40q…", d.Name, n, d.Text)
			}
		}
	}
	if docs != c.Stats.Documents || len(c.Clusters) != c.Stats.Clusters {
		t.Errorf("%d documents in %d clusters, but the statistics say %v", docs, len(c.Clusters), c.Stats)
	}
}

// sharedDocs finds a folder of the shared test data.
func sharedDocs(t testing.TB, name string) string {
	data := os.Getenv("SPELL_DATA")
	if data == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for data == "" && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			if _, err := os.Stat(filepath.Join(dir, "shared", "data")); err == nil {
				data = filepath.Join(dir, "shared", "data")
			}
		}
	}
	folder := filepath.Join(data, "docs", name)
	if _, err := os.Stat(folder); data == "" || err != nil {
		t.Skipf("the documents %s are not here; set SPELL_DATA to the folder of test data", name)
	}
	return folder
}

func TestReadFolderRealDocuments(t *testing.T) {
	for _, name := range []string{"factbook", "filings"} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDocs(t, name)
			opts := Options{DocChars: 4000, MinDocs: 2, MaxDocs: 20}
			c, err := ReadFolder(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(c.Stats)
			checkInvariants(t, c, opts)
			again, err := ReadFolder(dir, Options{})
			if err != nil || !reflect.DeepEqual(c, again) {
				t.Fatalf("the second reading differs, error %v", err)
			}

			// Take the clusters apart again: every file must be there in order, but for as many documents as were removed.
			found := map[string]string{}
			for _, cl := range c.Clusters {
				if !slices.IsSortedFunc(cl.Docs, byPath) {
					t.Errorf("the documents of cluster %s are out of order", cl.Name)
				}
				for _, d := range cl.Docs {
					found[d.Name] = d.Text
				}
			}
			var stats Stats
			files, err := readFiles(dir, &stats)
			if err != nil {
				t.Fatal(err)
			}
			missing := 0
			for _, f := range files {
				rest, n, gap := f.Text, len(cut(f.Text, 4000)), false
				for i := 1; i <= n; i++ {
					doc, ok := found[fmt.Sprintf("%s#%d", f.file, i)]
					if n == 1 {
						doc, ok = found[f.file]
					}
					if !ok {
						missing, gap = missing+1, true
						continue
					}
					before, after, ok := strings.Cut(rest, doc)
					if !ok || !gap && strings.TrimSpace(before) != "" {
						t.Fatalf("%s: document %d does not follow on the one before", f.file, i)
					}
					rest, gap = after, false
				}
				if !gap && rest != "" {
					t.Errorf("%s: its last %d bytes are in no document", f.file, len(rest))
				}
			}
			if removed := c.Stats.Duplicates + c.Stats.NearDuplicates + c.Stats.Dropped; missing != removed {
				t.Errorf("%d documents are missing, but %d were removed", missing, removed)
			}
		})
	}
}

// byPath orders documents by file, then by their number in it.
func byPath(a, b Document) int {
	fileA, numberA, _ := strings.Cut(a.Name, "#")
	fileB, numberB, _ := strings.Cut(b.Name, "#")
	if fileA != fileB {
		return strings.Compare(fileA, fileB)
	}
	if len(numberA) != len(numberB) {
		return len(numberA) - len(numberB)
	}
	return strings.Compare(numberA, numberB)
}

func BenchmarkReadFolder(b *testing.B) {
	dir := sharedDocs(b, "filings")
	for b.Loop() {
		if _, err := ReadFolder(dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
