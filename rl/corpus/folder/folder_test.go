package folder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
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
func outline(c *corpus.Corpus) string {
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

// read reads a folder that holds enough text.
func read(t *testing.T, dir string, o Options) (*corpus.Corpus, *Report) {
	t.Helper()
	c, r, err := Read(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func TestRead(t *testing.T) {
	c, r := read(t, filepath.Join("testdata", "folder"), Options{})
	// The folder "lonely" has too few documents for a cluster: they join those of the folder above.
	want := "lighthouses/: lighthouses/copy-of-keeper.txt lighthouses/fog.md\n" +
		"./: lonely/single.txt rye.txt wheat.txt\n"
	if got := outline(c); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if want := (corpus.Stats{Documents: 5, Clusters: 2}); c.Stats != want {
		t.Errorf("got %v, want %v", c.Stats, want)
	}
	lines := "6 files read; 1 duplicate left out; 5 documents in 2 clusters\n3 ignored: 1 .csv, 1 empty, 1 hidden"
	if got := r.String(); got != lines {
		t.Errorf("report %q, want %q", got, lines)
	}
	wheat := "Wheat dough is kneaded for 12 minutes.\n\nIt rises for 90 minutes before the oven."
	if got := c.Clusters[1].Docs[2].Text; got != wheat {
		t.Errorf("wheat.txt reads %q, want %q", got, wheat)
	}
}

func TestReadDropsWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/1.txt", "one two three", "a/2.txt", "four five six", "b/c/1.txt", "seven eight nine")
	c, r := read(t, dir, Options{})
	if got := outline(c); got != "a/: a/1.txt a/2.txt\n" || r.Dropped != 1 || r.Files[2].Documents != 0 {
		t.Errorf("got\n%s%+v", got, r)
	}
}

func TestTexts(t *testing.T) {
	dir := t.TempDir()
	long := strings.TrimSpace(strings.Repeat("many words and more\n\n", 1000))
	write(t, dir, "b.txt", long, "a/x.md", "short one", "c.txt", " Short ONE", "d.txt", "\n", "e.pdf", "%PDF")
	texts, r, err := Texts(context.Background(), dir, Options{})
	if want := []Text{{"a/x.md", "short one"}, {"b.txt", long}}; err != nil || !slices.Equal(texts, want) {
		t.Errorf("got %d texts, error %v", len(texts), err)
	}
	if got, want := r.String(), "3 files read; 1 duplicate left out\n2 ignored: 1 .pdf, 1 empty"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
}

// The order in which files were made, and so perhaps the order in which a directory lists them, has
// no bearing.
func TestReadOrder(t *testing.T) {
	var files [][2]string
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 120 {
		name := fmt.Sprintf("%c%03d.txt", 'a'+rng.IntN(26), i)
		files = append(files, [2]string{name, topicText(rng, i%7, 80+rng.IntN(400))})
	}
	var first *corpus.Corpus
	for range 3 {
		dir := t.TempDir()
		for _, f := range files {
			write(t, dir, f[0], f[1])
		}
		c, _ := read(t, dir, Options{DocChars: 500, MaxDocs: 12})
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
func checkInvariants(t *testing.T, c *corpus.Corpus, opts Options) {
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

func TestReadRealDocuments(t *testing.T) {
	for _, name := range []string{"factbook", "filings"} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDocs(t, name)
			opts := Options{DocChars: 4000, MinDocs: 2, MaxDocs: 20}
			c, r := read(t, dir, Options{})
			t.Log(r)
			checkInvariants(t, c, opts)
			if again, _ := read(t, dir, Options{}); !reflect.DeepEqual(c, again) {
				t.Fatal("the second reading differs")
			}

			// Take the clusters apart again: every file must be there in order, but for as many
			// documents as were removed.
			found := map[string]string{}
			for _, cl := range c.Clusters {
				if !slices.IsSortedFunc(cl.Docs, byPath) {
					t.Errorf("the documents of cluster %s are out of order", cl.Name)
				}
				for _, d := range cl.Docs {
					found[d.Name] = d.Text
				}
			}
			all := newReader()
			sources, err := all.walk(dir)
			if err != nil {
				t.Fatal(err)
			}
			files, err := all.readAll(dir, sources)
			if err != nil {
				t.Fatal(err)
			}
			missing := 0
			for _, f := range files {
				rest, n, gap := f.Text, len(slices.Collect(corpus.Cut(f.Text, 4000))), false
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
			if removed := r.Duplicates + r.NearDuplicates + r.Dropped; missing != removed {
				t.Errorf("%d documents are missing, but %d were removed", missing, removed)
			}
		})
	}
}

// byPath orders documents by file, then by their number in it.
func byPath(a, b corpus.Document) int {
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

func BenchmarkRead(b *testing.B) {
	dir := sharedDocs(b, "filings")
	for b.Loop() {
		if _, _, err := Read(context.Background(), dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
